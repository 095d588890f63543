import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Program from "./Program.js"
import * as WireClient from "./WireClient.js"

/** The built server, and a client that is notified of every join. */
export interface WatchedServer {
  readonly server: Program.Program
  readonly port: string
  readonly address: Address
  readonly watcher: WireClient.WireClient
  /** Waits until a client with that name has logged in. */
  readonly joined: (name: string) => Effect.Effect<void>
}

export const make = (args: ReadonlyArray<string> = []): Effect.Effect<WatchedServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(args)
    const address: Address = Tcp.address("127.0.0.1", Number(server.port))
    const watcher = yield* Effect.orDie(WireClient.greet(address, "watcher"))
    const joined = (name: string) =>
      watcher.until(`${name} joins`, () => {
        const at = watcher.lines.findIndex((line) => line.startsWith(`* joined ${name}:`))
        return at < 0 ? undefined : watcher.lines.splice(at, 1)
      })
    return { server, port: server.port, address, watcher, joined: (name) => Effect.asVoid(joined(name)) }
  })
