import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { pagesOf } from "../../client/ConversationHandle.js"
import * as Encode from "../../client/Encode.js"
import { printed } from "../../client/Output.js"
import * as PastReports from "../../client/PastReports.js"
import * as Requests from "../../client/Requests.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Command from "../settings/Command.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as Reading from "./Reading.js"
import * as ConversationFlags from "./ConversationFlags.js"
import * as Secrets from "./Secrets.js"
import * as PastReply from "../../protocol/PastReply.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  ...Reading.settings,
  limit: Setting.count("limit", {
    about: "Print the last lines, or with --since the first ones",
    default: undefined,
    defaultText: "50, or off with --since",
    min: 1,
    max: 1_000_000,
    off: true
  }),
  since: ConversationFlags.place("since", "Begin with this line, or at this time"),
  until: ConversationFlags.place("until", "End with this line, or at this time")
}

const parameters = {
  conversation: Command.word("conversation", "A room, such as '#ops', or the other name of a direct conversation")
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* ConnectFlags.resolve(settings, line.flags)
    const { join, json, limit, login, since, timeout, until } = given.values
    const conversation = line.conversation.trim()
    yield* Effect.mapError(Encode.conversation(conversation), ExitStatus.asMisuse)
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    const most = limit === 0 ? everything : (limit ?? (since === undefined ? defaultLimit : everything))
    const range = rangeOf(since, until)
    const show = (lines: Iterable<PastReports.PastLine>) =>
      printed(
        process.stdout,
        Reading.format([...lines], { json, isTerminal: process.stdout.isTTY, isOneConversation: true })
      )
    yield* Secrets.use(given, socket, login, (secret) =>
      Effect.gen(function* () {
        const { ask } = yield* Reading.open({ socket, elsewhere: servers, login, secret, join, timeout })
        const load = (page: Requests.PageRange) =>
          Effect.tap(
            ask(conversation, (requester) => Requests.history(requester, conversation, page)),
            ({ damaged }) => Effect.sync(() => sayDamaged(damaged))
          )
        // The end of a conversation is read backwards, and printed once it is known.
        if (since === undefined && most < everything) {
          const lines = Stream.take(pagesOf(load, range, Math.min(most, PastReply.maxPageLines)), most)
          return yield* Effect.flatMap(Stream.runCollect(lines), (all) => show(Chunk.toReadonlyArray(all).toReversed()))
        }
        const forward = since === undefined ? { ...range, after: 0 } : range
        const lines = Stream.take(pagesOf(load, forward), most)
        return yield* Stream.runForEachWhile(Stream.chunks(lines), show)
      }).pipe(Effect.scoped)
    )
  }).pipe(ConnectFlags.orFailure)
)

const defaultLimit = 50

/** No conversation has more lines. */
const everything = Number.MAX_SAFE_INTEGER

const rangeOf = (
  since: ConversationFlags.PastPlace | undefined,
  until: ConversationFlags.PastPlace | undefined
): Requests.HistoryRange => ({
  ...(since === undefined ? {} : ConversationFlags.startOf(since)),
  ...(until?._tag === "Number" ? { before: until.seq + 1 } : {}),
  ...(until?._tag === "Time" ? { until: until.at } : {})
})

const sayDamaged = (ranges: ReadonlyArray<PastReports.NumberRange>) => {
  if (ranges.length === 0) return
  Reading.leftOut(`lines that are damaged in the store of the server are left out: ${PastReports.textOfRanges(ranges)}`)
}
