import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import * as Server from "../../src/chat/Server.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Address } from "../../src/ports/Transport.js"

/** A server in the test's own process, to which programs under test connect. */
export interface LocalServer {
  readonly port: string
  readonly address: Address
  readonly ledger: Server.ServerHandle["ledger"]
}

/**
 * Starts a server on a free port of 127.0.0.1. It is ready sooner than the built program and takes a hundredth of its
 * CPU time. A test that kills the server, reads its log or floods it starts the built program instead.
 */
export const start = (
  options: Partial<Server.StandaloneOptions> = {}
): Effect.Effect<LocalServer, never, Scope.Scope> =>
  Server.start({ listen: [Tcp.listen("127.0.0.1", 0)], grace: Duration.seconds(1), ...options }).pipe(
    Effect.map(({ address, ledger }) => ({ address, ledger, port: String(address.port) })),
    Effect.orDie,
    Logger.withMinimumLogLevel(LogLevel.None)
  )
