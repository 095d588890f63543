import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import { answerNow, refusing, unlessStoreFails, type Refuse } from "../accounts/CommandAnswers.js"
import type { Answer, Call, Command } from "../chat/Commands.js"
import type { FeatureContext } from "../chat/Feature.js"
import { likenessOf } from "../chat/Names.js"
import type { Peer } from "../chat/Peer.js"
import type { StoreService } from "../ports/Store.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import {
  keyBetween,
  ofRoom,
  withGuest,
  type ConversationId,
  type ConversationKey,
  type ConversationSummary,
  type LineRange,
  type StoredPage
} from "../ports/StoreLines.js"
import * as Name from "../protocol/Name.js"
import * as PastReply from "../protocol/PastReply.js"
import * as Reply from "../protocol/Reply.js"
import * as RoomName from "../protocol/RoomName.js"
import * as Wire from "../protocol/Wire.js"
import { otherAccount } from "./Parties.js"
import type { Rendering } from "./Rendering.js"
import type { RoomsFeature } from "./RoomsFeature.js"

/** The default number of lines of a page. */
const defaultLines = 50

/**
 * The most bytes of text on a page, unless its first line is longer: a reply goes into the client's queue as a whole.
 */
export const maxPageBytes = 262_144

/** The most conversations that are listed. */
const maxConversations = 1_000

type Lines = ReadonlyArray<string>

interface PastContext {
  readonly store: StoreService
  readonly accounts: AccountIndex
  readonly rooms: RoomsFeature
  readonly rendering: Rendering
  readonly broker: Pick<FeatureContext, "devicesOf" | "inTurn" | "put">
}

interface Row extends Omit<Command, "run" | "needsLogin"> {
  readonly run: (call: Call, context: PastContext) => Answer | Effect.Effect<Answer>
}

/** A conversation that a client may read. */
interface Readable {
  readonly name: string
  readonly key: ConversationKey
  readonly reader: AccountId | "guest"
}

/**
 * The conversation that a client may read under a name. All commands about past lines check this before the store
 * reads, and again before they reply. A name that no user has ever had leads to an empty conversation, so the reply
 * does not reveal which names exist.
 */
export const readable = (
  { accounts, rooms }: Pick<PastContext, "accounts" | "rooms">,
  peer: Peer,
  name: string
): Readable | Reply.RefusedReason => {
  const account = peer.device?.account
  const reader = account?.id ?? "guest"
  if (RoomName.isOfRoom(name)) {
    const room = rooms.find(peer, name)
    return typeof room === "string" ? room : { name, key: ofRoom(room), reader }
  }
  if (account === undefined) return "guest"
  const other = accounts.named(name)
  const key = other === undefined ? withGuest(account.id, likenessOf(name)) : keyBetween(account.id, other.id)
  return { name, key, reader: account.id }
}

const history: Row = {
  name: "history",
  usage: "/history NAME [after=SEQ] [before=SEQ] [since=MS] [until=MS] [limit=N]",
  about: "shows kept lines of a room or of a conversation with a user: the last ones, or those that you ask for",
  run: (call, context) =>
    about(history, call, context, (asked) => {
      const { refuse, rest } = asked
      const range = rangeIn(rest)
      if (range === undefined) return badForm(history, call)
      if (range.limit > PastReply.maxPageLines)
        return refuse("limit", { text: `a page has at most ${PastReply.maxPageLines} lines` })
      return answering(asked, context, ({ key, reader }) =>
        Effect.map(
          context.store.page({ conversation: key, reader, ...range, maxBytes: maxPageBytes }),
          (page) => (found) => pageOf(asked, context, found, page)
        )
      )
    })
}

const pageOf = ({ label, peer }: Call, { rendering }: PastContext, { name }: Readable, page: StoredPage): Lines => {
  const { damaged = [], hasMore, lines } = page
  return [
    ...lines.map((line) => rendering.past(peer, name, line, label)),
    PastReply.endHistory(name, { covered: coveredBy(page), damaged: joined(damaged), hasMore }, label)
  ]
}

/** The numbers from the first line of a page to the last, damaged ones included; undefined if it is empty. */
const coveredBy = ({ damaged = [], lines }: StoredPage): LineRange | undefined => {
  const firsts = [lines[0]?.seq, damaged[0]?.first].filter((seq) => seq !== undefined)
  const lasts = [lines.at(-1)?.seq, damaged.at(-1)?.last].filter((seq) => seq !== undefined)
  return firsts.length === 0 ? undefined : { first: Math.min(...firsts), last: Math.max(...lasts) }
}

/** Ranges; adjacent ones are merged. */
const joined = (ranges: ReadonlyArray<LineRange>): ReadonlyArray<LineRange> => {
  const found: Array<LineRange> = []
  for (const range of ranges) {
    const before = found.at(-1)
    if (before?.last === range.first - 1) found.push({ first: (found.pop() ?? range).first, last: range.last })
    else found.push(range)
  }
  return found
}

const list: Row = {
  name: "conversations",
  usage: "/conversations",
  about: "lists your conversations, the latest first",
  run: ({ label, peer }, { accounts, broker, rooms, store }) => {
    const account = peer.device?.account
    if (account === undefined) return refusing("conversations", label)("guest")
    /**
     * Whether its name still leads to this conversation. The name may have passed to another user, with another
     * conversation.
     */
    const isNamed = ({ key, name }: ConversationSummary): boolean => {
      if (key.kind === "room") return true
      return accounts.named(name)?.id === otherAccount(key, account.id)
    }
    return Effect.flatMap(store.conversations(account.id, maxConversations), (all) =>
      broker.inTurn(() => {
        const open = all.filter(({ key }) => key.kind !== "room" || rooms.mayRead(peer, key.room))
        const facts = open.filter(isNamed).map(({ at, key, last, name, read }) => ({
          name,
          isWithGuest: key.kind === "guest",
          last,
          read,
          at: Math.round(at)
        }))
        return answerNow(broker, peer, PastReply.conversations(facts, label))
      })
    ).pipe(unlessStoreFails("conversations", label))
  }
}

const read: Row = {
  name: "read",
  usage: "/read NAME SEQ",
  about: "says how far you have read, to your other devices and for later",
  forms: [{ usage: "/read NAME at=MS", about: "the same by a time, in milliseconds since 1970" }],
  run: (call, context) =>
    about(read, call, context, (asked) => {
      const { label, peer, refuse, rest } = asked
      const { broker, store } = context
      const account = peer.device?.account
      if (account === undefined) return refuse("guest")
      const [, at, seq] = /^(?:at=(\d{1,15})|(\d{1,15}))$/u.exec(rest) ?? []
      if (at === undefined && seq === undefined) return badForm(read, call)
      const mark = ({ reader }: Readable, conversation: ConversationId) => {
        const upTo =
          at === undefined
            ? Effect.succeed(Number(seq))
            : Effect.map(
                store.page({ conversation, reader, until: Number(at), limit: 1 }),
                (page) => coveredBy(page)?.last ?? 0
              )
        return Effect.flatMap(upTo, (wanted) =>
          Effect.map(store.markRead(account.id, conversation, wanted), (marked = 0) => ({ name }: Readable) => {
            for (const other of broker.devicesOf(account)) {
              if (other !== peer && other.words.has("copies")) broker.put(other, PastReply.read(name, marked))
            }
            return [PastReply.read(name, marked, label)]
          })
        )
      }
      // A conversation without lines has no id.
      const nothing = Effect.succeed(({ name }: Readable) => [PastReply.read(name, 0, label)])
      return answering(asked, context, (found) =>
        Effect.flatMap(store.find(found.key), (id) => (id === undefined ? nothing : mark(found, id)))
      )
    })
}

export const rows: ReadonlyArray<Row> = [history, list, read]

export const make = (context: PastContext): ReadonlyArray<Command> =>
  rows.map(({ run, ...row }) => ({ ...row, needsLogin: true, run: (call) => run(call, context) }))

/** A call of a command about one conversation. */
interface Asked extends Call {
  readonly command: string
  readonly name: string
  /** The rest of the argument, after the name. */
  readonly rest: string
  readonly refuse: Refuse
}

/**
 * Runs a command about the conversation named by the first word of its argument, or refuses if the client may not read
 * it.
 */
const about = (
  row: Row,
  call: Call,
  context: PastContext,
  run: (asked: Asked) => Answer | Effect.Effect<Answer>
): Answer | Effect.Effect<Answer> => {
  const { argument, label, peer } = call
  const end = argument.search(/[ \t]/)
  const word = end < 0 ? argument : argument.slice(0, end)
  const name = RoomName.isOfRoom(word) ? RoomName.parse(word) : Name.parse(word)
  if (name === undefined) return badForm(row, call)
  const refuse = refusing(row.name, label)
  const found = readable(context, peer, name)
  if (typeof found === "string") return refuse(found)
  const rest = end < 0 ? "" : Wire.trim(argument, end)
  return run({ ...call, command: row.name, name: Wire.copy(name), rest, refuse })
}

/** Asks the store and replies in the broker's turn, or refuses if the client may no longer read the conversation. */
const answering = (
  { command, label, name, peer, refuse }: Asked,
  context: PastContext,
  ask: (found: Readable) => Effect.Effect<(found: Readable) => Lines, StoreError>
): Effect.Effect<Answer> => {
  const { broker } = context
  const check = (then: (found: Readable) => Lines): Lines => {
    const found = readable(context, peer, name)
    return typeof found === "string" ? refuse(found) : then(found)
  }
  return Effect.gen(function* () {
    const found = yield* broker.inTurn(() => readable(context, peer, name))
    const answer = typeof found === "string" ? () => refuse(found) : yield* ask(found)
    return yield* broker.inTurn(() => answerNow(broker, peer, check(answer)))
  }).pipe(unlessStoreFails(command, label))
}

interface Range {
  readonly after?: number
  readonly before?: number
  readonly since?: number
  readonly until?: number
  readonly limit: number
}

/** The range in a text such as `after=5 limit=20`; undefined if it is malformed. */
const rangeIn = (text: string): Range | undefined => {
  const range: { -readonly [Key in keyof Range]: Range[Key] } = { limit: defaultLines }
  for (const word of text.split(/[ \t]+/).filter((part) => part !== "")) {
    const [, key, value] = /^(after|before|since|until|limit)=(\d{1,15})$/u.exec(word) ?? []
    if (key === undefined) return undefined
    range[key as keyof Range] = Number(value)
  }
  return range.limit === 0 ? undefined : range
}

const badForm = ({ usage }: Row, { label }: Call): Lines => [Reply.badLine(`write '${usage}'`)(label)]
