import * as Effect from "effect/Effect"
import * as Encode from "../../client/Encode.js"
import { print } from "../../client/Output.js"
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
  in: ConversationFlags.conversation("in", "Search only this room, or the direct conversation with this name"),
  limit: Setting.count("limit", {
    about: "Print at most this number of lines, the newest",
    default: 20,
    min: 1,
    max: PastReply.maxPageLines
  })
}

const parameters = {
  text: Command.rest("text", "Words that a line must have, all of them")
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* ConnectFlags.resolve(settings, line.flags)
    const { in: conversation, join, json, limit, login, timeout } = given.values
    const text = line.text.join(" ").trim()
    if (text === "") return yield* ExitStatus.misused("words to search for are required: a-chat search TEXT")
    yield* Effect.mapError(Encode.text(text), ExitStatus.asMisuse)
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    let isGuest = true
    const { isDamaged, lines: found } = yield* Secrets.use(given, socket, login, (secret) =>
      Effect.gen(function* () {
        isGuest = secret.secret === undefined && secret.hasAccount !== true
        const { ask } = yield* Reading.open({ socket, elsewhere: servers, login, secret, join, timeout })
        return yield* ask(conversation, (requester) => Requests.search(requester, text, { in: conversation, limit }))
      }).pipe(Effect.scoped)
    )
    const lines = Reading.format(found, {
      json,
      isTerminal: process.stdout.isTTY,
      isOneConversation: conversation !== undefined
    })
    yield* print(process.stdout, lines)
    if (isDamaged) Reading.leftOut("lines that are damaged in the store of the server were not searched")
    if (found.length > 0) return
    process.exitCode = ExitStatus.failed
    if (isGuest && conversation === undefined) ExitStatus.say("a guest searches one room: name it with --in")
  }).pipe(ConnectFlags.orFailure)
)
