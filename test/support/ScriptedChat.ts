import * as Effect from "effect/Effect"
import { enter, openTerminal, type TerminalOptions } from "./MemoryTerminal.js"
import { scriptedServer } from "./ScriptedServer.js"

/** Alice at a terminal, logged in to a scripted server. */
export const scriptedChat = (options: TerminalOptions = {}) =>
  Effect.gen(function* () {
    const server = yield* scriptedServer
    const alice = yield* openTerminal(server.socket, options)
    yield* alice.sees("as alice")
    return { alice, server }
  })

/** The same, when the server has taken alice's line `bob: one` and has not reported its outcome. */
export const scriptedChatWithLine = Effect.tap(scriptedChat(), ({ alice, server }) =>
  Effect.zipRight(alice.types(`bob: one${enter}`), server.takes(1))
)

/** The lines that a scripted server has taken, as they were typed. */
export const withoutLabels = (lines: ReadonlyArray<string>) => lines.map((line) => line.replace(/^@\S+ /u, ""))
