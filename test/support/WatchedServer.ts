import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as LocalServer from "./LocalServer.js"
import * as Program from "./Program.js"
import * as WireClient from "./WireClient.js"

/** A server, and a client that is notified of every join. */
export interface WatchedServer extends Pick<LocalServer.LocalServer, "address" | "port"> {
  readonly watcher: WireClient.WireClient
  /** Waits until a client with that name has logged in. */
  readonly joined: (name: string) => Effect.Effect<void>
}

/** A server in the test's own process. */
export const make = (
  options: Partial<StandaloneOptions> = {}
): Effect.Effect<WatchedServer & LocalServer.LocalServer, never, Scope.Scope> =>
  Effect.flatMap(LocalServer.start(options), watched)

/** The built server, which can be killed. */
export const ofProgram = (
  args: ReadonlyArray<string> = []
): Effect.Effect<WatchedServer & { readonly server: Program.Program }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(args)
    const address = Tcp.address("127.0.0.1", Number(server.port))
    return { ...(yield* watched({ address, port: server.port })), server }
  })

const watched = <Watched extends { readonly port: string; readonly address: Address }>(server: Watched) =>
  Effect.gen(function* () {
    const watcher = yield* Effect.orDie(WireClient.greet(server.address, "watcher"))
    const joined = (name: string) =>
      watcher.until(`${name} joins`, () => {
        const at = watcher.lines.findIndex((line) => line.startsWith(`* joined ${name}:`))
        return at < 0 ? undefined : watcher.lines.splice(at, 1)
      })
    return { ...server, watcher, joined: (name: string) => Effect.asVoid(joined(name)) }
  })
