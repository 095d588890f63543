import { Chat } from "../../src/web/model/Chat.js"
import type { News } from "../../src/web/model/ChatState.js"
import type { ShownLine } from "../../src/web/model/Timeline.js"
import { memory, type PlayedServer, PlayedTimers } from "./PlayedServer.js"

const noTime = (): Promise<number | undefined> => Promise.resolve(undefined)

/** A page of alice's account. What the browser keeps outlives it. */
export const pageOf = (
  server: PlayedServer,
  {
    browser = memory(),
    tab = memory(),
    timers = new PlayedTimers(),
    isLooking = (): boolean => true,
    serverTime = noTime
  } = {}
) => {
  const news: Array<News> = []
  const chat = new Chat({
    open: server.open,
    timers,
    memory: browser,
    tab,
    login: { name: "alice", device: "web", secret: "achat_0" },
    wasUp: false,
    isLooking,
    serverTime,
    onNews: (one) => news.push(one),
    onUp: () => {},
    hasLoggedOut: () => false,
    onLoggedOut: () => {}
  })
  return { chat, timers, browser, tab, news }
}

export const started = async (server: PlayedServer, options: Parameters<typeof pageOf>[1] = {}) => {
  const page = pageOf(server, options)
  page.chat.start()
  await server.settle()
  return page
}

/** What is on the screen: the lines of a conversation, and what waits. */
export const screen = (chat: Chat, name: string): ReadonlyArray<ShownLine> => [
  ...(chat.conversations.find(name)?.lines.peek() ?? []),
  ...chat.sending.in(name)
]

export const texts = (chat: Chat, name: string) => screen(chat, name).map(({ text }) => text)

export const states = (chat: Chat, name: string) =>
  screen(chat, name).map(({ state, text }) => `${text} ${state ?? ""}`.trim())
