import type { MessageFate } from "../client/Client.js"
import type { Message } from "../client/Received.js"
import type { KnownConversation } from "./NumberedConversations.js"
import type { Marks } from "./Display.js"
import type * as Mention from "../client/Mention.js"
import type { OwnMessage, SettledMessage } from "./Outgoing.js"
import { name, span, type Row, type Span } from "./Row.js"

/** Formats the rows of the scrollback, and those above the prompt. */

/** The action in a text such as `/me waves`; undefined for any other text. */
export const actionOf = (text: string): string | undefined => /^\/me\s+(\S.*)$/su.exec(text)?.[1]

/** The displayed text of a message: without the `/me ` of an action. */
export const shownText = (text: string): string => actionOf(text) ?? text

/** The user's own message as displayed: the action `/me waves` as `* alice waves`. */
export const ownAction = <Message extends { readonly text: string }>(message: Message, own: string): Message => {
  const action = actionOf(message.text)
  return action === undefined ? message : { ...message, text: `* ${own} ${action}` }
}

/**
 * `alice › hi`, or `alice (also to carol) › hi`; `* alice waves`. In a room, `#ops alice › hi`. With mentions,
 * `alice » hi bob` and `* alice » waves`.
 *
 * @param mentions where the shown text mentions the user
 */
export const said = (
  { from, room, text, to = [] }: Message,
  marks: Marks,
  mentions: ReadonlyArray<Mention.TextRange> = []
): Row => {
  const others = to.length === 0 ? [] : [span(" (also to ", "quiet"), ...recipients(to, marks), span(")", "quiet")]
  const isAction = actionOf(text) !== undefined
  const mark =
    mentions.length > 0 ? span(` ${marks.mentions} `, "strong") : span(isAction ? " " : ` ${marks.says} `, "quiet")
  const shown = marked(shownText(text), mentions)
  const where = room === undefined ? [] : [name(room), span(" ")]
  return [...where, ...(isAction ? [span("* ", "quiet")] : []), name(from), ...others, mark, ...shown]
}

const marked = (text: string, mentions: ReadonlyArray<Mention.TextRange>): Row => {
  if (mentions.length === 0) return [span(text)]
  let at = 0
  const row = mentions.flatMap(({ end, start }) => {
    const before = span(text.slice(at, start))
    at = end
    return [before, span(text.slice(start, end), "mention")]
  })
  return [...row, span(text.slice(at))]
}

const names = (all: ReadonlyArray<string>, ink: (text: string) => Span = name): Row =>
  all.flatMap((one, index) => (index === 0 ? [ink(one)] : [span(", ", "quiet"), ink(one)]))

/** More recipients would leave no room for the text. */
const maxShown = 6

const recipients = (to: ReadonlyArray<string>, marks: Marks): Row =>
  to.length <= maxShown
    ? names(to)
    : [...names(to.slice(0, maxShown - 1)), span(`, ${marks.more} (${to.length})`, "quiet")]

const own = (mark: Span, to: ReadonlyArray<string>, text: string, marks: Marks): Row => [
  mark,
  span(" "),
  ...recipients(to, marks),
  span(` ${marks.sentTo} `, "quiet"),
  span(text)
]

/**
 * `✓ bob ‹ hi`, or `✗ bob, carol ‹ hi — carol offline`: the user's own message with all its outcomes; `✓✓ bob ‹ hi` if
 * every recipient has received it.
 */
export const settled = ({ fates, text, to }: SettledMessage, marks: Marks, isReceived = false): Row => {
  const failures = fates.filter((fate) => fate._tag !== "Written")
  if (failures.length === 0) return own(span(isReceived ? marks.received : marks.written, "good"), to, text, marks)
  const isOfAll = fates.length === 1
  const reasons = failures.map((fate) => reason(fate, isOfAll)).join("; ")
  return [...own(span(marks.returned, "bad"), to, text, marks), span(` ${marks.dash} ${reasons}`, "bad")]
}

const reason = (fate: MessageFate, isOfAll: boolean): string => {
  switch (fate._tag) {
    case "Written":
    case "Unknown":
      return ""
    case "Refused":
      return `${fate.reason}: ${fate.text}`
    case "Returned": {
      const again = fate.retryMillis === undefined ? "" : `, try again in ${Math.ceil(fate.retryMillis / 1000)} s`
      const suggestion = fate.like === undefined ? "" : `, did you mean ${fate.like.join(", ")}?`
      return `${isOfAll ? "" : `${fate.names.join(", ")} `}${fate.reason}${again}${suggestion}`
    }
  }
}

/** `✓ bob ‹ hi`: the user's own message, as the server keeps it. */
export const stored = (to: ReadonlyArray<string>, text: string, marks: Marks): Row =>
  own(span(marks.written, "good"), to, text, marks)

/** `✓ bob ‹ hi — from another device`: a message that another device of the user's account has sent. */
export const copied = (to: string, text: string, marks: Marks): Row => [
  ...stored([to], text, marks),
  span(` ${marks.dash} from another device`, "quiet")
]

/** `✓✓ bob has received your line`, for lines that were shown as stored before. */
export const receivedLater = (name: string, lines: number, marks: Marks): Row => [
  span(marks.received, "good"),
  span(` ${name} has received your ${lines === 1 ? "line" : `${lines} lines`}`, "quiet")
]

/** `· bob ‹ hi`: sent to a server that reports no outcomes. */
export const sent = (to: ReadonlyArray<string>, text: string, marks: Marks): Row =>
  own(span(marks.quiet, "quiet"), to, text, marks)

/** A message that does not have all its outcomes; `note` explains why. */
export const pending = ({ phase, text, to }: OwnMessage, marks: Marks, note = ""): Row => [
  ...own(span(phase === "unknown" ? marks.unknown : marks.pending, "quiet"), to, text, marks),
  span(note === "" ? "" : ` ${marks.dash} ${note}`, "quiet")
]

/** A remark from the server or from this program. */
export const quiet = (text: string, marks: Marks): Row => [span(`${marks.quiet} ${text}`, "quiet")]

/** `—— #ops ——`: a heading for the rows below it. */
export const rule = (text: string, marks: Marks): Row => {
  const line = marks.dash.repeat(2)
  return [span(`${line} ${text} ${line}`, "quiet")]
}

/** `» #dev 3 · bob 2 · #ops 17`: the conversations with unread lines, and how many there are in each. */
export const unread = (all: ReadonlyArray<KnownConversation>, hint: string, marks: Marks): Row => [
  ...all.flatMap(({ mentions, name: of, unread }, index) => [
    span(index === 0 ? "" : ` ${marks.quiet} `, "quiet"),
    mentions > 0 ? span(`${marks.mentions} ${of} ${unread}`, "strong") : span(`${of} ${unread}`, "quiet")
  ]),
  span(hint === "" ? "" : ` ${marks.dash} ${hint}`, "quiet")
]

/** A failure. */
export const failed = (text: string, marks: Marks): Row => [span(`${marks.returned} ${text}`, "bad")]

/** `· 3 here: alice, bob, carol`, with at most `max` names. */
export const who = (all: ReadonlyArray<string>, max: number, marks: Marks): Row => [
  span(`${marks.quiet} ${all.length} here: `, "quiet"),
  ...names(all.slice(0, max)),
  ...(all.length > max ? [span(` and ${all.length - max} more; /who lists all`, "quiet")] : [])
]

/** `· #ops: 2 here: alice, bob; 1 away: carol`, with at most `max` names. */
export const members = (
  room: string,
  here: ReadonlyArray<string>,
  away: ReadonlyArray<string>,
  max: number,
  marks: Marks
): Row => {
  const shown = [here.slice(0, max), away.slice(0, Math.max(0, max - here.length))] as const
  const hidden = here.length + away.length - shown[0].length - shown[1].length
  return [
    span(`${marks.quiet} ${room}: ${here.length} here: `, "quiet"),
    ...names(shown[0]),
    ...(away.length === 0 ? [] : [span(`; ${away.length} away: `, "quiet"), ...names(shown[1])]),
    ...(hidden === 0 ? [] : [span(` and ${hidden} more`, "quiet")])
  ]
}

/** A name in its colour. */
export const named = (text: string): Row => [name(text)]

/** The prompt, with the recipients of the next line. */
export const prompt = (to: ReadonlyArray<string>, marks: Marks): Row => [
  ...(to.length === 0 ? [] : [...recipients(to, marks), span(" ")]),
  span(`${marks.says} `, "strong")
]

/** The prompt during a search in the history. */
export const search = (text: string, isFound: boolean, marks: Marks): Row => [
  span(isFound ? "search: " : "not found: ", "quiet"),
  span(text),
  span(` ${marks.says} `, "strong")
]
