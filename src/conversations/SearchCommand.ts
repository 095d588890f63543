import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import { answerNow, refusing, unlessStoreFails } from "../accounts/CommandAnswers.js"
import type { Call, Command } from "../chat/Commands.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import * as TokenBucket from "../chat/TokenBucket.js"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import type { ConversationKey } from "../ports/StoreLines.js"
import type { SearchRequest } from "../ports/StoreSearch.js"
import * as Name from "../protocol/Name.js"
import * as PastReply from "../protocol/PastReply.js"
import * as Reply from "../protocol/Reply.js"
import * as RoomName from "../protocol/RoomName.js"
import * as Wire from "../protocol/Wire.js"
import * as Words from "../protocol/Words.js"
import { otherAccount } from "./Parties.js"
import { maxPageBytes, readable } from "./PastCommands.js"
import type { Rendering } from "./Rendering.js"
import type { RoomsFeature } from "./RoomsFeature.js"
import { type FoundLines, nothingFound, type Searches } from "./Searches.js"

/** The most lines that a search finds, unless the client asks for more. */
const defaultLines = 20

interface SearchContext {
  readonly store: Pick<StoreService, "find">
  readonly searches: Searches
  readonly accounts: AccountIndex
  readonly rooms: RoomsFeature
  readonly rendering: Rendering
  readonly broker: Pick<FeatureContext, "inTurn" | "options" | "put" | "time">
}

/** `/search`: finds lines by their words in the conversations that a client may read. */
export const make = (context: SearchContext): Command => {
  const buckets = new WeakMap<Peer, TokenBucket.TokenBucket>()
  /** Counts a search of this client. Returns the milliseconds until it may search again; 0 if it may now. */
  const wait = (peer: Peer): number => {
    const { searchRate } = context.broker.options.current
    const now = context.broker.time.now()
    const bucket = TokenBucket.configured(buckets.get(peer), searchRate, searchRate, now)
    if (bucket === undefined) return 0
    buckets.set(peer, bucket)
    return bucket.take(now)
  }
  return {
    name: "search",
    usage,
    about: "shows the latest lines with all of these words: in a room, with a user, or in all that you may read",
    needsLogin: true,
    run: (call) => {
      const { label, peer } = call
      const refuse = refusing("search", label)
      const asked = parse(call.argument)
      if (asked === undefined) return [Reply.badLine(`write '${usage}'`)(label)]
      if (asked.phrases.length === 0) return refuse("no-words")
      if (asked.limit > PastReply.maxPageLines)
        return refuse("limit", { text: `at most ${PastReply.maxPageLines} lines are found` })
      const retryMillis = wait(peer)
      if (retryMillis > 0) return refuse("limit", { retryMillis, text: "too many searches; try again later" })
      const { broker } = context
      return Effect.gen(function* () {
        const request = yield* Effect.flatten(broker.inTurn(() => requestOf(context, peer, asked)))
        const found = typeof request === "string" ? nothingFound : yield* context.searches.find(request, maxPageBytes)
        return yield* broker.inTurn(() => answerNow(broker, peer, answer(context, call, asked, found)))
      }).pipe(unlessStoreFails("search", label))
    }
  }
}

export const usage = "/search [in=NAME] [limit=N] TEXT"

interface Asked {
  /** The name of the conversation to search; undefined for all. */
  readonly within: string | undefined
  readonly limit: number
  readonly phrases: ReadonlyArray<Words.Phrase>
}

/** Parses the command's argument; undefined if it is malformed. Parameters come before the text. */
const parse = (argument: string): Asked | undefined => {
  let within: string | undefined
  let limit = defaultLines
  let text = argument
  for (;;) {
    const [all = "", key, value = ""] = /^(in|limit)=([^ \t]*)[ \t]*/.exec(text) ?? []
    if (key === undefined) return { within, limit, phrases: Words.phrasesOf(Wire.decode(text)) }
    if (key === "limit") {
      if (!/^[1-9]\d{0,14}$/.test(value)) return undefined
      limit = Number(value)
    } else {
      const name = RoomName.isOfRoom(value) ? RoomName.parse(value) : Name.parse(value)
      if (name === undefined) return undefined
      within = Wire.copy(name)
    }
    text = text.slice(all.length)
  }
}

/** The request to the store, or the reason why it is refused. */
const requestOf = (
  context: SearchContext,
  peer: Peer,
  { limit, phrases, within }: Asked
): Effect.Effect<Omit<SearchRequest, "from"> | Reply.RefusedReason, StoreError> => {
  const reader = peer.device?.account.id ?? "guest"
  if (within === undefined) {
    return Effect.succeed({ reader, within: reader === "guest" ? context.rooms.of(peer) : undefined, limit, phrases })
  }
  const found = readable(context, peer, within)
  if (typeof found === "string") return Effect.succeed(found)
  return Effect.map(context.store.find(found.key), (id) => ({
    reader,
    within: id === undefined ? [] : [id],
    limit,
    phrases
  }))
}

/** In the broker's turn: the reply, without lines that the client may no longer read. */
const answer = (
  context: SearchContext,
  { label, peer }: Call,
  { within }: Asked,
  { isDamaged, lines }: FoundLines
): ReadonlyArray<string> => {
  const { rendering, rooms } = context
  const known = within === undefined ? undefined : readable(context, peer, within)
  if (typeof known === "string") return refusing("search", label)(known)
  const open = lines.filter(({ key }) => key.kind !== "room" || rooms.mayRead(peer, key.room))
  return [
    ...open.map(({ key, line }) => rendering.past(peer, nameOf(context, peer, key) ?? line.author, line, label)),
    PastReply.endSearch(open.length, isDamaged, label)
  ]
}

/**
 * The name of a conversation for a client; undefined for one with a guest, where every line has the guest's name
 * anyway.
 */
const nameOf = ({ accounts, rooms }: SearchContext, { device }: Peer, key: ConversationKey): string | undefined => {
  if (key.kind === "room") return rooms.nameOf(key.room)
  const other = device && otherAccount(key, device.account.id)
  return other === undefined ? undefined : accounts.nameOf(other)
}
