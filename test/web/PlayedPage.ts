import { assert } from "@effect/vitest"
import { Page, type PageOptions, type Tabs } from "../../src/web/model/Page.js"
import { memory, type PlayedServer, PlayedTimers } from "./PlayedServer.js"

/** Pages that are played with a `PlayedServer`. */

/** Tabs of which another one takes over when `lose` is called. */
export const tabsToLose = () => {
  const claims: Array<() => void> = []
  const tabs: Tabs = {
    claim: (_name, lost) => Promise.resolve(claims.push(lost) > 0),
    takeOver: () => Promise.resolve(),
    release: () => {}
  }
  return { tabs, lose: () => claims.at(-1)?.() }
}

/** What a browser keeps of alice's account. */
export const browserOfAlice = () => {
  const browser = memory()
  browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web" }))
  browser.write("a-chat.token.alice", JSON.stringify({ device: "web", token: "achat_0" }))
  return browser
}

/** Starts a page, whose user is logged in. */
export const enter = async (server: PlayedServer, by: Partial<PageOptions>) => {
  const { page } = pageOf(server, by)
  await page.start()
  await server.settle()
  return { page, chat: chatOf(page) }
}

export const chatOf = (page: Page) => {
  const stage = page.stage.peek()
  return stage._tag === "Chat" ? stage.chat : assert.fail(`not logged in: ${stage._tag}`)
}

export const pageOf = (server: PlayedServer, by: Partial<PageOptions> = {}) => {
  const claimed: Array<string> = []
  const page = new Page({
    open: server.open,
    timers: new PlayedTimers(),
    tab: memory(),
    browser: memory(),
    tabs: {
      claim: (name) => Promise.resolve(claimed.push(name) > 0),
      takeOver: (name) => Promise.resolve(void claimed.push(name)),
      release: () => {}
    },
    isLooking: () => true,
    onNews: () => {},
    ...by
  })
  return { page, claimed }
}
