import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { TransportError } from "../ports/Transport.js"
import type { ClientHandle } from "./Client.js"
import type * as Encode from "./Encode.js"
import type { LoginRefused } from "./Login.js"
import * as PastReports from "./PastReports.js"
import type { Requester, RequestRefused } from "./Request.js"
import * as Requests from "./Requests.js"
import type * as RoomReports from "./RoomReports.js"
import * as PastReply from "../protocol/PastReply.js"

/** Conversations and rooms, as a program uses them. */

/** The server refused the command, or there is no connection. */
export type AskError = TransportError | LoginRefused | RequestRefused

/** The same, or the name or the text cannot be sent. */
export type ConversationError = AskError | Encode.Unsendable

export interface DamageOptions {
  /**
   * Called with the numbers of lines that the server has left out because its disk is damaged; with none for a search,
   * since the server cannot tell which lines it did not search. By default, this is logged as a warning.
   */
  readonly onDamaged?: ((lines: ReadonlyArray<PastReports.NumberRange>) => void) | undefined
}

/** A room, or the direct conversation of the client's account with one other name. */
export interface ConversationHandle {
  readonly name: string
  /** Like the client's `send` and `deliver`, to this conversation alone. */
  readonly send: (text: string) => ReturnType<ClientHandle["send"]>
  readonly deliver: (text: string) => ReturnType<ClientHandle["deliver"]>
  /**
   * The lines that are kept, page by page: a page is requested when the program has taken the one before. With `after`
   * or `since` the oldest line comes first, otherwise the newest. Keep the client's `lines` or `received` running
   * meanwhile. Lines that the server cannot read are left out; `onDamaged` is called before the lines around them
   * arrive.
   */
  readonly history: (
    range?: Requests.HistoryRange & DamageOptions
  ) => Stream.Stream<PastReports.PastLine, ConversationError>
  /**
   * Moves the read mark, which all devices of the account share, to the line with this number, or to the last line
   * until this time. It never moves back. Returns its position; undefined if the server does not report it.
   */
  readonly markRead: (upTo: number | { readonly at: number }) => Effect.Effect<number | undefined, ConversationError>
}

/** A room. Refused requests fail with `RequestRefused`, for example `no-room` or `not-member`. */
export interface RoomHandle extends ConversationHandle {
  /** Joins the room, and creates it if it does not exist. A guest is a member only while it is connected. */
  readonly join: Effect.Effect<RoomReports.RoomReport, ConversationError>
  readonly leave: Effect.Effect<void, ConversationError>
  readonly members: Effect.Effect<Requests.MembersPage, ConversationError>
  /** The topic; empty if there is none. */
  readonly topic: Effect.Effect<string, ConversationError>
  readonly setTopic: (text: string) => Effect.Effect<void, ConversationError>
  /** For the owner: invites, removes, locks, silences. */
  readonly change: (what: Requests.RoomChange) => Effect.Effect<void, ConversationError>
}

/** Rooms, conversations and devices of a client. */
export interface ConversationsHandle {
  readonly conversation: (name: string) => ConversationHandle
  /** @param name with its `#` */
  readonly room: (name: string) => RoomHandle
  /** The rooms that the client is in or may join. */
  readonly rooms: Effect.Effect<ReadonlyArray<RoomReports.RoomReport>, AskError>
  /** The conversations that the client can read, the one with the newest line first. */
  readonly conversations: Effect.Effect<ReadonlyArray<PastReports.ConversationReport>, AskError>
  /** Lines that contain all words of a text, newest first. `limit` is 20 by default, and at most 100. */
  readonly search: (
    text: string,
    range?: Partial<Requests.SearchRange> & DamageOptions
  ) => Effect.Effect<ReadonlyArray<PastReports.PastLine>, ConversationError>
  /** The devices of the client's account. */
  readonly devices: Effect.Effect<ReadonlyArray<Requests.AccountDevice>, AskError>
}

/** Runs a request on a connection. */
export type Asking = <A, E>(
  request: (ask: Requester) => Effect.Effect<A, E | TransportError | RequestRefused>
) => Effect.Effect<A, E | AskError>

export interface ConversationsOptions extends Pick<ClientHandle, "deliver" | "send"> {
  readonly asking: Asking
  /** Whether the client needs the line numbers of rooms that it joins. Default: false. */
  readonly needsNumbers?: () => boolean
  /** Called after the client has joined a room, or left it. */
  readonly joined?: (report: RoomReports.RoomReport) => void
  readonly left?: (room: string) => void
}

/** The number of lines that a search returns by default. */
const defaultSearchLimit = 20

export const make = ({
  asking,
  deliver,
  joined = () => {},
  left = () => {},
  needsNumbers = () => false,
  send
}: ConversationsOptions): ConversationsHandle => {
  const conversation = (name: string): ConversationHandle => ({
    name,
    send: (text) => send([name], text),
    deliver: (text) => deliver([name], text),
    history: ({ onDamaged, ...range } = {}) =>
      pagesOf(
        (page) =>
          Effect.tap(
            asking((ask) => Requests.history(ask, name, page)),
            ({ damaged }) => (damaged.length === 0 ? Effect.void : report(damaged, onDamaged))
          ),
        range
      ),
    markRead: (upTo) => asking((ask) => Requests.read(ask, name, upTo))
  })
  return {
    conversation,
    room: (name) => ({
      ...conversation(name),
      join: Effect.tap(
        asking((ask) =>
          Effect.zipRight(needsNumbers() ? Requests.askForNumbers(ask) : Effect.void, Requests.join(ask, name))
        ),
        joined
      ),
      leave: Effect.tap(
        asking((ask) => Requests.leave(ask, name)),
        () => left(name)
      ),
      members: asking((ask) => Requests.members(ask, name)),
      topic: asking((ask) => Requests.topic(ask, name)),
      setTopic: (text) => asking((ask) => Requests.setTopic(ask, name, text)),
      change: (what) => asking((ask) => Requests.change(ask, name, what))
    }),
    rooms: asking(Requests.rooms),
    conversations: asking(Requests.conversations),
    search: (text, { onDamaged, ...range } = {}) =>
      asking((ask) => Requests.search(ask, text, { ...range, limit: range.limit ?? defaultSearchLimit })).pipe(
        Effect.tap(({ isDamaged }) => (isDamaged ? report([], onDamaged) : Effect.void)),
        Effect.map(({ lines }) => lines)
      ),
    devices: asking(Requests.devices)
  }
}

const report = (
  lines: ReadonlyArray<PastReports.NumberRange>,
  onDamaged: DamageOptions["onDamaged"]
): Effect.Effect<void> => {
  if (onDamaged !== undefined) return Effect.sync(() => onDamaged(lines))
  const warning = Effect.logWarning("the server has left out lines that it cannot read, because its disk is damaged")
  return lines.length === 0 ? warning : Effect.annotateLogs(warning, { lines: PastReports.textOfRanges(lines) })
}

/**
 * The pages of a conversation as one stream: from the front on with `after` or `since`, otherwise from the end back. A
 * page is loaded once the earlier lines have been taken.
 */
export const pagesOf = <E, R>(
  load: (range: Requests.PageRange) => Effect.Effect<Requests.ConversationPage, E, R>,
  range: Requests.HistoryRange = {},
  limit = PastReply.maxPageLines
): Stream.Stream<PastReports.PastLine, E, R> => {
  const isForward = range.after !== undefined || range.since !== undefined
  /** The rest of the range after a page; its far end stays. */
  const rest = (seq: number): Requests.HistoryRange =>
    isForward ? { after: seq, before: range.before, until: range.until } : { before: seq }
  return Stream.paginateChunkEffect(range, (from) =>
    Effect.map(load({ ...from, limit }), ({ first, hasMore, last, lines }) => {
      const end = isForward ? last : first
      // Otherwise a server that reports more lines, but sends none or the same ones, would be asked forever.
      const isFurther = isForward
        ? (end ?? 0) > (from.after ?? 0)
        : end !== undefined && end < (from.before ?? Infinity)
      const next = hasMore && end !== undefined && isFurther ? Option.some(rest(end)) : Option.none()
      return [Chunk.fromIterable(isForward ? lines : lines.toReversed()), next] as const
    })
  )
}
