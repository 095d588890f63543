import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Client from "../../src/client/Client.js"
import * as Tcp from "../../src/transport/Tcp.js"
import { make as keeping, password, type KeepingServerOptions } from "./KeepingServer.js"

export type Command = NonNullable<KeepingServerOptions["command"]>

/** Alice, on a server that answers her commands so, and the commands that it got. */
export const connect = (command: Command) =>
  Effect.gen(function* () {
    const asked: Array<string> = []
    const address = yield* keeping({
      exchanges: false,
      command: (line, label, connection) => {
        asked.push(line)
        return command(line, label, connection)
      }
    })
    const options = { socket: Tcp.connect(address), login: "alice", secret: Effect.succeed(password) }
    const alice = yield* Client.connect(options)
    yield* Effect.forkScoped(Stream.runDrain(alice.lines))
    return { alice, asked, options }
  })
