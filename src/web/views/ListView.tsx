import { useEffect, useRef } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import type { Conversation, ConversationState } from "../model/Conversation.js"
import { Icon } from "./Icons.js"
import { Avatar, NameText } from "./NameText.js"
import type { View } from "./View.js"

interface Props {
  readonly chat: Chat
  readonly view: View
}

/** Those in the list: rooms by their names, then users, the latest first. */
export const listedConversations = (
  chat: Chat
): { readonly rooms: ReadonlyArray<Conversation>; readonly users: ReadonlyArray<Conversation> } => {
  const all = chat.conversations.all.filter(({ state }) => state.value.isListed)
  const rooms = all.filter(({ isRoom }) => isRoom).toSorted((a, b) => a.name.localeCompare(b.name))
  const users = all.filter(({ isRoom }) => !isRoom).toSorted((a, b) => b.state.value.at - a.state.value.at)
  return { rooms, users }
}

/** What a screen reader adds to the name. */
const facts = ({ draft, isMuted, mentions, unread }: ConversationState): string =>
  [
    ...(unread > 0 ? ["unread"] : []),
    ...(mentions > 0 ? [mentions === 1 ? "1 mention" : `${mentions} mentions`] : []),
    ...(isMuted ? ["muted"] : []),
    ...(draft.trim() === "" ? [] : ["with a draft"])
  ].join(", ")

const maxCount = 999

/** More than a wide list shows of a message. */
const maxPreview = 200

/** The beginning of the last message, in its own direction, and who has said it. */
const Preview = ({ conversation: { isRoom, lastMessage } }: { readonly conversation: Conversation }) => {
  const line = lastMessage.value
  if (line === undefined) return null
  const { from, isOwn, text } = line
  const who = isOwn ? "You" : isRoom ? from : undefined
  return (
    <span class="preview" dir="auto">
      {who !== undefined && <bdi>{who}</bdi>}
      {who !== undefined && ": "}
      {/* Without half of a character at its end. */}
      {text.length > maxPreview ? text.slice(0, maxPreview).replace(/[\ud800-\udbff]$/u, "") : text}
    </span>
  )
}

/** While the item is in sight, and nothing has come to preview, the server is asked for the last line. */
const usePreview = (chat: Chat, conversation: Conversation) => {
  const item = useRef<HTMLLIElement>(null)
  const isMissing = conversation.lastMessage.value === undefined && chat.canLoad(conversation)
  const isOnline = chat.link.value._tag === "Online"
  useEffect(() => {
    if (!isMissing || !isOnline || item.current === null) return undefined
    const { previews } = chat.reading
    const observer = new IntersectionObserver((entries) => {
      if (entries.at(-1)?.isIntersecting === true) previews.want(conversation)
      else previews.leave(conversation)
    })
    observer.observe(item.current)
    return () => observer.disconnect()
  }, [chat, conversation, isMissing, isOnline])
  return item
}

const Item = ({ chat, conversation }: { readonly chat: Chat; readonly conversation: Conversation }) => {
  const { isRoom, name, state } = conversation
  const item = usePreview(chat, conversation)
  const { draft, isLocked, isMuted, mentions, unread } = state.value
  const isCurrent = chat.current.value === name
  const isStrong = mentions > 0 || (unread > 0 && !isMuted)
  const count = isMuted && mentions === 0 ? 0 : unread
  return (
    <li ref={item}>
      <button
        type="button"
        class={`item ${isStrong ? "unread" : ""} ${isMuted ? "muted" : ""}`}
        aria-current={isCurrent ? "true" : undefined}
        onClick={() => chat.reading.open(name)}
      >
        <Avatar name={name} isLocked={isLocked} {...(isRoom ? {} : { isHere: chat.present.value.has(name) })} />
        <span class="what">
          <NameText name={isRoom ? name.slice(1) : name} />
          <Preview conversation={conversation} />
        </span>
        {!isCurrent && draft.trim() !== "" && count === 0 && (
          <span class="mark" aria-hidden="true">
            draft
          </span>
        )}
        {isMuted && count === 0 && <Icon name="muted" />}
        {count > 0 && !isCurrent && (
          <span class={mentions > 0 || !isRoom ? "count strong" : "count"}>
            {count > maxCount ? `${maxCount}+` : count}
          </span>
        )}
        <span class="aloud"> {facts(state.value)}</span>
      </button>
    </li>
  )
}

/** The user's conversations. */
export const ListView = ({ chat, view }: Props) => {
  const { rooms, users } = listedConversations(chat)
  const hasRooms = chat.facts.value?.rooms !== undefined
  const link = chat.link.value._tag
  return (
    <nav class="list" aria-label="Conversations">
      <header>
        <button type="button" class="you" aria-haspopup="dialog" onClick={() => (view.dialog.value = "you")}>
          <Avatar name={chat.me} isHere={link === "Online"} />
          <span class="aloud">You: </span>
          <NameText name={chat.me} />
        </button>
        <button
          type="button"
          class="plain"
          aria-label="New conversation"
          title="New conversation (Ctrl+K)"
          onClick={() => (view.dialog.value = "switch")}
        >
          <Icon name="plus" />
        </button>
      </header>
      <div class="items">
        {hasRooms || rooms.length > 0 ? (
          <section>
            <h2>Rooms</h2>
            <ul>
              {rooms.map((one) => (
                <Item key={one.name} chat={chat} conversation={one} />
              ))}
            </ul>
            {rooms.length === 0 && (
              <button type="button" class="hint" onClick={() => (view.dialog.value = "switch")}>
                Join or create a room
              </button>
            )}
          </section>
        ) : null}
        <section>
          <h2>People</h2>
          <ul>
            {users.map((one) => (
              <Item key={one.name} chat={chat} conversation={one} />
            ))}
          </ul>
          {users.length === 0 && (
            <button type="button" class="hint" onClick={() => (view.dialog.value = "switch")}>
              Write to someone
            </button>
          )}
        </section>
      </div>
    </nav>
  )
}
