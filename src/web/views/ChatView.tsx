import { useLayoutEffect } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import type { Page } from "../model/Page.js"
import { ConversationView } from "./ConversationView.js"
import { DetailsPanel } from "./DetailsPanel.js"
import { HelpDialog } from "./HelpDialog.js"
import { LinkStatus } from "./LinkStatus.js"
import { listedConversations, ListView } from "./ListView.js"
import { SearchPanel } from "./SearchPanel.js"
import { SwitchDialog } from "./SwitchDialog.js"
import { Toasts } from "./Toasts.js"
import type { View } from "./View.js"
import { YouDialog } from "./YouDialog.js"

interface Props {
  readonly page: Page
  readonly chat: Chat
  readonly view: View
}

/** Goes to the conversation next to this one in the list. */
const goBy = (chat: Chat, by: 1 | -1, isUnreadOnly: boolean) => {
  const { rooms, users } = listedConversations(chat)
  const all = [...rooms, ...users]
  const at = all.findIndex(({ name }) => name === chat.current.peek())
  const order = all.map((_, index) => all[(at + by * (index + 1) + 2 * all.length) % all.length])
  const next = order.find((one) => one !== undefined && (!isUnreadOnly || one.state.peek().unread > 0))
  if (next !== undefined) chat.reading.open(next.name)
}

const onKey = (chat: Chat, view: View) => (event: KeyboardEvent) => {
  const isCommand = event.ctrlKey || event.metaKey
  if (isCommand && event.key === "k") view.dialog.value = "switch"
  else if (isCommand && event.key === "f" && chat.current.peek() !== undefined) {
    if (view.panel.peek() === "search") document.querySelector<HTMLInputElement>("input[type=search]")?.select()
    else view.panel.value = "search"
  } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    goBy(chat, event.key === "ArrowDown" ? 1 : -1, event.shiftKey)
  } else if (event.key === "Escape" && view.dialog.peek() === undefined) {
    if (view.panel.peek() !== undefined) view.panel.value = undefined
    else view.target.value = undefined
    view.focusComposer()
    return
  } else return
  event.preventDefault()
}

/** The page of a user who is logged in. */
export const ChatView = ({ chat, page, view }: Props) => {
  const current = chat.current.value
  const conversation = current === undefined ? undefined : chat.conversations.find(current)
  const panel = conversation === undefined ? undefined : view.panel.value

  // Before the page is painted: a key may follow the login at once.
  useLayoutEffect(() => {
    const listener = onKey(chat, view)
    addEventListener("keydown", listener)
    return () => removeEventListener("keydown", listener)
  }, [chat])

  return (
    <div class={`app ${conversation === undefined ? "at-list" : "at-talk"} ${panel === undefined ? "" : "with-panel"}`}>
      <ListView chat={chat} view={view} />
      {conversation === undefined ? (
        <main class="talk nowhere">
          <h1 class="aloud">a-chat</h1>
          <LinkStatus chat={chat} page={page} />
          <div class="empty">
            <p>Choose a conversation, or begin one.</p>
            <button type="button" class="primary" onClick={() => (view.dialog.value = "switch")}>
              New conversation
            </button>
          </div>
        </main>
      ) : (
        <ConversationView key={conversation.name} chat={chat} conversation={conversation} page={page} view={view} />
      )}
      {panel === "details" && conversation !== undefined && (
        <DetailsPanel key={conversation.name} chat={chat} conversation={conversation} view={view} />
      )}
      {panel === "search" && conversation !== undefined && (
        <SearchPanel chat={chat} conversation={conversation} view={view} />
      )}
      {view.dialog.value === "switch" && <SwitchDialog chat={chat} close={() => (view.dialog.value = undefined)} />}
      {view.dialog.value === "help" && <HelpDialog close={() => (view.dialog.value = undefined)} />}
      {view.dialog.value === "you" && <YouDialog chat={chat} page={page} view={view} />}
      <Toasts chat={chat} />
    </div>
  )
}
