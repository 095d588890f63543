import * as Effect from "effect/Effect"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import * as WatchedServer from "./WatchedServer.js"
import * as Program from "./Program.js"
import * as WireClient from "./WireClient.js"

/** A bot on a server. */
export const withBot = <Chat extends WatchedServer.WatchedServer>(chat: Chat, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const bot = yield* Program.start(["exec", "--port", chat.port, "--login", "bot", ...args])
    yield* chat.joined("bot")
    // A client that receives only answers.
    const alice = yield* Effect.orDie(WireClient.join(chat.address, "alice"))
    return { ...chat, bot, alice }
  })

/** A bot on a server in the test's own process. */
export const start = (args: ReadonlyArray<string>, options: Partial<StandaloneOptions> = {}) =>
  Effect.flatMap(WatchedServer.make(options), (chat) => withBot(chat, args))

export const sh = (script: string) => ["--", "sh", "-c", script]
