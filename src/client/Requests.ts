import * as Effect from "effect/Effect"
import * as Wire from "../protocol/Wire.js"
import * as Encode from "./Encode.js"
import * as PastReports from "./PastReports.js"
import { numberIn, type Received } from "./Received.js"
import type { Request, Requester, RequestError } from "./Request.js"
import * as RoomReports from "./RoomReports.js"

/** The commands about rooms, past lines, read marks and devices (protocol, sections 9, 11 and 12). */

type Asked<A> = Effect.Effect<A, RequestError | Encode.Unsendable>

/**
 * A range of a conversation's lines. With `after` or `since`, the server reads from the front, otherwise from the end.
 */
export interface HistoryRange {
  /** Lines with greater numbers than this. */
  readonly after?: number | undefined
  /** Lines with smaller numbers than this. */
  readonly before?: number | undefined
  /** Lines that were stored at this time or later, in milliseconds since 1970. */
  readonly since?: number | undefined
  /** Lines that were stored before this time. */
  readonly until?: number | undefined
}

export interface PageRange extends HistoryRange {
  /** Lines, at most `PastReply.maxPageLines`. */
  readonly limit: number
}

/** A page of a conversation, oldest line first. */
export interface ConversationPage {
  readonly lines: ReadonlyArray<PastReports.PastLine>
  /** Whether there are more lines in the direction of the request. */
  readonly hasMore: boolean
  /** The number of its first line and of its last, `damaged` ones included; undefined if it is empty. */
  readonly first: number | undefined
  readonly last: number | undefined
  /** Lines that the server has left out, because its disk is damaged. */
  readonly damaged: ReadonlyArray<PastReports.NumberRange>
}

/** The results of a search. */
export interface FoundPage {
  /** Newest first. */
  readonly lines: ReadonlyArray<PastReports.PastLine>
  /** The server has not searched some lines, because its disk is damaged. */
  readonly isDamaged: boolean
}

export interface SearchRange {
  /** A room or the other name of a direct conversation; by default all conversations that the client can read. */
  readonly in?: string | undefined
  readonly limit: number
}

/** The members of a room, in the server's order. */
export interface MembersPage {
  readonly here: ReadonlyArray<string>
  /** Accounts that are members but not present. */
  readonly away: ReadonlyArray<string>
}

/** A device of the client's account. */
export interface AccountDevice {
  readonly name: string
  readonly isHere: boolean
  /** Whether it can log in with a token. */
  readonly hasToken: boolean
  /** When it was last connected, in milliseconds since 1970. */
  readonly seen: number
}

/** The changes that owners and moderators make to a room. */
export type RoomChange =
  | { readonly _tag: "Invite" | "Remove" | "Owner" | "Unsilence"; readonly name: string }
  | { readonly _tag: "Lock" | "Unlock" }
  /** @property millis how long; the server rounds it up to whole seconds */
  | { readonly _tag: "Silence"; readonly name: string; readonly millis: number }
  /** @property millis the minimum time between two lines of one member; 0 for none */
  | { readonly _tag: "Slow"; readonly millis: number }

/** The most lines in the reply to one command. The limits of a-chat servers are far below. */
const maxLines = 100_000

/** The server lists the newest 1,000 conversations. */
const maxConversations = 10_000

const one = <A>(wire: string, parse: (received: Received) => A | undefined): Request<A> => ({
  wire,
  parse,
  hasEnd: false,
  maxLines: 1
})

const several = <A>(wire: string, parse: (received: Received) => A | undefined, most = maxLines): Request<A> => ({
  wire,
  parse,
  hasEnd: true,
  maxLines: most
})

/** Requests the numbers of kept lines from now on. */
export const askForNumbers = (ask: Requester): Effect.Effect<void, RequestError> =>
  Effect.asVoid(ask(one("hello seq", () => undefined)))

export const join = (ask: Requester, room: string): Asked<RoomReports.RoomReport> =>
  Effect.flatMap(Encode.room(room), (name) =>
    Effect.map(ask(one(`join ${name}`, RoomReports.roomIn)), ({ lines: [report] }) => report ?? unknownRoom(room))
  )

/** Stands for a reply of a later version that this one does not understand. */
const unknownRoom = (room: string): RoomReports.RoomReport => ({
  room,
  members: 0,
  last: 0,
  isIn: true,
  isLocked: false,
  owner: undefined,
  topic: ""
})

export const leave = (ask: Requester, room: string): Asked<void> =>
  Effect.flatMap(Encode.room(room), (name) => Effect.asVoid(ask(one(`leave ${name}`, () => undefined))))

/** The rooms that the client is in or may join. */
export const rooms = (ask: Requester): Effect.Effect<ReadonlyArray<RoomReports.RoomReport>, RequestError> =>
  Effect.map(ask(several("rooms", RoomReports.roomIn)), ({ lines }) => lines)

export const members = (ask: Requester, room: string): Asked<MembersPage> =>
  Effect.flatMap(Encode.room(room), (name) =>
    Effect.map(ask(several(`members ${name}`, RoomReports.membersIn)), ({ lines }) => {
      const names = lines.flatMap((part) => part.names)
      const here = lines[0]?.here ?? 0
      return { here: names.slice(0, here), away: names.slice(here) }
    })
  )

/** The topic of a room; empty if there is none. */
export const topic = (ask: Requester, room: string): Asked<string> =>
  Effect.flatMap(Encode.room(room), (name) => askTopic(ask, name))

export const setTopic = (ask: Requester, room: string, text: string): Asked<void> =>
  Effect.flatMap(Effect.all([Encode.room(room), Encode.text(text)]), ([name, wire]) =>
    Effect.asVoid(askTopic(ask, `${name} ${wire}`))
  )

const askTopic = (ask: Requester, argument: string) =>
  Effect.map(ask(one(`topic ${argument}`, topicIn)), ({ lines: [text = ""] }) => text)

const topicIn = (received: Received) => {
  const notice = RoomReports.roomNoticeIn(received)
  return notice?._tag === "Topic" ? notice.topic : undefined
}

export const change = (ask: Requester, room: string, what: RoomChange): Asked<void> =>
  Effect.gen(function* () {
    const name = yield* Encode.room(room)
    const words = [what._tag.toLowerCase(), name]
    if ("name" in what) words.push(yield* Encode.recipients([what.name]))
    if (what._tag === "Silence") words.push(seconds(what.millis))
    if (what._tag === "Slow") words.push(what.millis === 0 ? "off" : seconds(what.millis))
    yield* ask(one(words.join(" "), () => undefined))
  })

const seconds = (millis: number) => `${Math.ceil(millis / 1000)}s`

export const history = (ask: Requester, conversation: string, range: PageRange): Asked<ConversationPage> =>
  Effect.flatMap(Encode.conversation(conversation), (name) => {
    const wire = ["history", name, ...params(range)].join(" ")
    const page = several(wire, PastReports.pastIn, range.limit)
    return Effect.map(ask(page), ({ end, lines }) => ({
      lines,
      hasMore: end?.hasMore === true,
      first: end?.first ?? lines[0]?.seq,
      last: end?.last ?? lines.at(-1)?.seq,
      damaged: end?.damaged ?? []
    }))
  })

const params = (range: PageRange) =>
  (["after", "before", "since", "until", "limit"] as const).flatMap((key) =>
    range[key] === undefined ? [] : [`${key}=${range[key]}`]
  )

/** Finds lines that contain all words of the text. */
export const search = (ask: Requester, text: string, { limit, in: conversation }: SearchRange): Asked<FoundPage> =>
  Effect.gen(function* () {
    const words = yield* Encode.text(text)
    const where = conversation === undefined ? [] : [`in=${yield* Encode.conversation(conversation)}`]
    const wire = ["search", ...where, `limit=${limit}`, Wire.trim(words)].join(" ")
    const { end, lines } = yield* ask(several(wire, PastReports.pastIn, limit))
    return { lines, isDamaged: end?.damaged !== undefined }
  })

/** The conversations that the client can read, the one with the newest line first. */
export const conversations = (
  ask: Requester
): Effect.Effect<ReadonlyArray<PastReports.ConversationReport>, RequestError> =>
  Effect.map(ask(several("conversations", PastReports.conversationIn, maxConversations)), ({ lines }) => lines)

/** Moves the account's read mark forward, to a number or to the last line up to a time. Returns the number. */
export const read = (
  ask: Requester,
  conversation: string,
  upTo: number | { readonly at: number }
): Asked<number | undefined> =>
  Effect.flatMap(Encode.conversation(conversation), (name) => {
    const place = typeof upTo === "number" ? `${upTo}` : `at=${upTo.at}`
    return Effect.map(ask(one(`read ${name} ${place}`, PastReports.readMarkIn)), ({ lines: [mark] }) => mark?.seq)
  })

export const devices = (ask: Requester): Effect.Effect<ReadonlyArray<AccountDevice>, RequestError> =>
  Effect.map(ask(several("devices", deviceIn)), ({ lines }) => lines)

/** The device that this line of a reply to `/devices` is about. */
export const deviceIn = (received: Received): AccountDevice | undefined => {
  const report = RoomReports.noticeOf(received, "device")
  const [name] = report?.words ?? []
  if (report === undefined || name === undefined) return undefined
  const { values } = report
  return {
    name,
    isHere: values.get("here") === "yes",
    hasToken: values.get("token") === "yes",
    seen: numberIn(values.get("seen")) ?? 0
  }
}
