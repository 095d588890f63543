import { useEffect } from "preact/hooks"
import type { Page } from "../model/Page.js"
import { ComposerForm } from "./ComposerForm.js"
import { Icon } from "./Icons.js"
import { LinkStatus } from "./LinkStatus.js"
import { LogView } from "./LogView.js"
import { NameText } from "./NameText.js"
import type { ConversationProps } from "./View.js"

interface Props extends ConversationProps {
  readonly page: Page
}

/** What is known about the conversation, in one line. */
const Subtitle = ({ chat, conversation: { isRoom, name, state } }: Pick<Props, "chat" | "conversation">) => {
  const { isMuted, isWithGuest, members, topic } = state.value
  const isOnline = chat.link.value._tag === "Online"
  const muted = isMuted ? " · muted" : ""
  // Who is here is not known while the page is cut off.
  if (!isOnline && topic === "") return <span>{muted === "" ? "\u00a0" : "muted"}</span>
  if (!isRoom) {
    const isHere = chat.present.value.has(name)
    return (
      <span>
        {isHere ? "here" : "away"}
        {isWithGuest ? " · a guest" : ""}
        {muted}
      </span>
    )
  }
  const here = members?.filter((member) => chat.present.value.has(member)).length
  const count =
    members === undefined ? "" : `${members.length === 1 ? "1 member" : `${members.length} members`}, ${here} here`
  return (
    <span>
      {topic === "" ? count : <bdi>{topic}</bdi>}
      {muted}
    </span>
  )
}

/** The conversation in sight. */
export const ConversationView = ({ chat, conversation, page, view }: Props) => {
  const { isRoom, name, state } = conversation
  const { isLocked, last, unread } = state.value
  const isSeen = view.isAtEnd.value && view.isLooking.value

  // What the user has in sight is read.
  useEffect(() => {
    if (isSeen) chat.reading.sawEnd()
  }, [isSeen, last, unread, name])

  return (
    <main class="talk">
      <header>
        <button type="button" class="plain back" aria-label="All conversations" onClick={() => chat.reading.close()}>
          <Icon name="back" />
        </button>
        <div class="title">
          <h1>
            <NameText name={name} />
            {isLocked && <Icon name="lock" />}
          </h1>
          <p class="subtitle">
            <Subtitle chat={chat} conversation={conversation} />
          </p>
        </div>
        <button
          type="button"
          class="plain"
          aria-label="Search"
          title="Search (Ctrl+F)"
          aria-expanded={view.panel.value === "search"}
          onClick={() => view.toggle("search")}
        >
          <Icon name="search" />
        </button>
        <button
          type="button"
          class="plain"
          aria-label={isRoom ? "Members and settings" : "Who is here, and settings"}
          title={isRoom ? "Members and settings" : "Who is here, and settings"}
          aria-expanded={view.panel.value === "details"}
          onClick={() => view.toggle("details")}
        >
          <Icon name="people" />
        </button>
      </header>
      <LogView key={name} chat={chat} conversation={conversation} view={view} />
      <LinkStatus chat={chat} page={page} />
      <ComposerForm chat={chat} conversation={conversation} view={view} />
    </main>
  )
}
