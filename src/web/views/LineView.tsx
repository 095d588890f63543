import { useSignal } from "@preact/signals"
import { useMemo } from "preact/hooks"
import type { Chat } from "../model/Chat.js"
import * as TextParts from "../model/TextParts.js"
import type { LineState, ShownLine } from "../model/Timeline.js"
import type { TimeFormat } from "../model/Times.js"
import { Avatar, NameText } from "./NameText.js"

/** Longer texts are folded, so that one line does not take the room of all others. */
const maxText = 1_500

const action = /^\/me\s+/u

const marks: Readonly<Record<LineState, readonly [mark: string, meaning: string]>> = {
  waiting: ["…", "waiting for the server"],
  stored: ["✓", "sent"],
  received: ["✓✓", "received"],
  failed: ["✗", "not delivered"],
  unknown: ["?", "not known whether it arrived"]
}

const Mark = ({ state }: { readonly state: LineState }) => {
  const [mark, meaning] = marks[state]
  return (
    <span class={`state ${state}`} role="img" aria-label={meaning} title={meaning}>
      {mark}
    </span>
  )
}

const Text = ({ own, text }: { readonly text: string; readonly own: string }) => {
  const isOpen = useSignal(false)
  const shown = isOpen.value || text.length <= maxText ? text : text.slice(0, maxText)
  const parts = useMemo(() => TextParts.parse(shown, own), [shown, own])
  return (
    <>
      {parts.map((part, index) =>
        part.kind === "link" ? (
          <a key={index} href={part.href} target="_blank" rel="noopener noreferrer">
            {part.text}
          </a>
        ) : part.kind === "mention" ? (
          <mark key={index}>{part.text}</mark>
        ) : (
          part.text
        )
      )}
      {shown.length < text.length && (
        <button type="button" class="more" onClick={() => (isOpen.value = true)}>
          Show all {text.length.toLocaleString("en")} characters
        </button>
      )}
    </>
  )
}

export interface LineProps {
  readonly chat: Chat
  readonly line: ShownLine
  readonly times: TimeFormat
  /** Whether it is of the same sender as the one before, and soon after it. */
  readonly isContinued: boolean
  /** Lines up to this number were given to the other one. */
  readonly delivered: number
  /** Whether it was found by a search, and should be visible. */
  readonly isTarget: boolean
}

const stateOf = ({ seq, state }: ShownLine, delivered: number): LineState | undefined =>
  state === "stored" && seq !== undefined && seq <= delivered ? "received" : state

const Undelivered = ({ chat, line }: Pick<LineProps, "chat" | "line">) => (
  <div class="undelivered">
    <span>
      {line.state === "failed" ? `Not delivered: ${line.why ?? ""}` : "The connection broke: it may have arrived"}
    </span>
    {line.seq === undefined && (
      <>
        <button type="button" onClick={() => chat.sending.again(line.key)}>
          Send again
        </button>
        <button type="button" onClick={() => chat.sending.discard(line.key)}>
          Discard
        </button>
      </>
    )}
  </div>
)

/** A line of a conversation. */
export const LineView = ({ chat, delivered, isContinued, isTarget, line, times }: LineProps) => {
  if (line.kind !== "message") {
    return (
      <div class={`note ${line.kind}`} dir="auto">
        {line.text}
      </div>
    )
  }
  const state = stateOf(line, delivered)
  const isAction = action.test(line.text)
  const time = (
    <time dateTime={new Date(line.at).toISOString()} title={times.full(line.at)}>
      {times.time(line.at)}
    </time>
  )
  return (
    <div class={`line ${isContinued ? "continued" : "first"} ${state ?? ""} ${isTarget ? "target" : ""}`}>
      <div class="gutter">{isContinued ? time : <Avatar name={line.from} />}</div>
      <div class="body">
        {isContinued ? (
          <span class="aloud">{line.from}: </span>
        ) : (
          <div class="who">
            <NameText name={line.from} />
            {line.isGuest === true && <span class="tag">guest</span>}
            {time}
            {line.to !== undefined && <span class="quiet">also to {line.to.join(", ")}</span>}
          </div>
        )}
        <div class={isAction ? "text action" : "text"} dir="auto">
          {isAction && <NameText name={`${line.from} `} />}
          <Text text={isAction ? line.text.replace(action, "") : line.text} own={line.isOwn ? "" : chat.me} />
        </div>
        {(line.state === "failed" || line.state === "unknown") && <Undelivered chat={chat} line={line} />}
      </div>
      {state !== undefined && <Mark state={state} />}
    </div>
  )
}
