import { type Message, numberIn, parametersOf, type Received } from "./Received.js"
import { noticeOf } from "./RoomReports.js"

/** A server's reports about kept lines: past lines, conversations, read marks, and the ends of such replies. */

/** A kept line: `* past #ops alice seq=N at=MS: text`. */
export interface PastLine extends Omit<Message, "_tag" | "room"> {
  /** A room, or the other name of a direct conversation. */
  readonly conversation: string
  readonly seq: number
  readonly at: number
}

/** The past line in a line; undefined for any other line. */
export const pastIn = (received: Received): PastLine | undefined => {
  const report = noticeOf(received, "past")
  const [conversation, from] = report?.words ?? []
  if (report === undefined || conversation === undefined || from === undefined) return undefined
  const { at, seq, ...rest } = parametersOf(report.values)
  if (seq === undefined || at === undefined) return undefined
  return { conversation, from, text: report.text, ...rest, seq, at }
}

/**
 * A line that another device of the account has sent: `* sent bob seq=N at=MS: text`, for a client that said `copies`.
 */
export interface CopyReport {
  readonly conversation: string
  readonly seq: number
  readonly at: number
  readonly text: string
}

/** The copy in a line; undefined for any other line. */
export const copyIn = (received: Received): CopyReport | undefined => {
  const report = noticeOf(received, "sent")
  const [conversation] = report?.words ?? []
  const { at, seq } = parametersOf(report?.values ?? noValues)
  if (report === undefined || conversation === undefined || seq === undefined || at === undefined) return undefined
  return { conversation, seq, at, text: report.text }
}

/** A conversation that the client can read: `* conversation bob last=SEQ read=SEQ at=MS: …`. */
export interface ConversationReport {
  /** A room, or the other name of a direct conversation. */
  readonly conversation: string
  /** The number of its last line. */
  readonly last: number
  /** How far the account has read it; 0 if it has not. */
  readonly read: number
  /** When its last line was stored, in milliseconds since 1970. */
  readonly at: number
  /** Present if the other party is a guest: the next client of that name may be another one. */
  readonly guest?: true
}

/** The conversation in a line; undefined for any other line. */
export const conversationIn = (received: Received): ConversationReport | undefined => {
  const report = noticeOf(received, "conversation")
  const [conversation] = report?.words ?? []
  const last = numberIn(report?.values.get("last"))
  if (report === undefined || conversation === undefined || last === undefined) return undefined
  const [read, at] = ["read", "at"].map((key) => numberIn(report.values.get(key)) ?? 0)
  const isWithGuest = report.values.get("guest") === "yes"
  return { conversation, last, read: read ?? 0, at: at ?? 0, ...(isWithGuest ? { guest: true } : {}) }
}

/** How far the account has read a conversation: `* read #ops seq=N: …`. */
export interface ReadMark {
  readonly conversation: string
  readonly seq: number
}

/** The read mark in a line; undefined for any other line. */
export const readMarkIn = (received: Received): ReadMark | undefined => {
  const report = noticeOf(received, "read")
  const [conversation] = report?.words ?? []
  const seq = numberIn(report?.values.get("seq"))
  return conversation === undefined || seq === undefined ? undefined : { conversation, seq }
}

/** The end of a reply of several lines: `* end history #ops first=SEQ last=SEQ more=yes: …`. */
export interface EndReport {
  /** The reply that has ended: `history`, `search`, `conversations`, `rooms`, `members`, `devices`. */
  readonly what: string
  /** The room or the other name that the reply was about. */
  readonly conversation: string | undefined
  /** The lines of the reply, where it counts them. */
  readonly count: number | undefined
  /** The first number of a page and the last; undefined if the page is empty. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** Whether there are more lines in the direction of the request. */
  readonly hasMore: boolean
  /** Lines that the server has left out, because its disk is damaged; empty for a search, which does not say which. */
  readonly damaged?: ReadonlyArray<NumberRange>
}

/** A range of line numbers, both ends included. */
export interface NumberRange {
  readonly first: number
  readonly last: number
}

/** The ranges in `4-9+12`. */
const rangesIn = (value: string): ReadonlyArray<NumberRange> =>
  value.split("+").flatMap((range) => {
    const [first, last = first] = range.split("-").map(numberIn)
    return first === undefined || last === undefined ? [] : [{ first, last }]
  })

/** Ranges as people read them: `4 to 9, 12`. */
export const textOfRanges = (ranges: ReadonlyArray<NumberRange>): string =>
  ranges.map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`)).join(", ")

/** The end in a line; undefined for any other line. */
export const endIn = (received: Received): EndReport | undefined => {
  const report = noticeOf(received, "end")
  const [what, conversation] = report?.words ?? []
  if (report === undefined || what === undefined) return undefined
  const [count, first, last] = ["count", "first", "last"].map((key) => numberIn(report.values.get(key)))
  const damaged = report.values.get("damaged")
  return {
    what,
    conversation,
    count,
    first,
    last,
    hasMore: report.values.get("more") === "yes",
    ...(damaged === undefined ? {} : { damaged: rangesIn(damaged) })
  }
}

const noValues: ReadonlyMap<string, string> = new Map()
