import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Server from "../../src/chat/Server.js"
import { Endpoints } from "../../src/ports/Endpoints.js"
import type { Listen } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Certificates from "../support/Certificates.js"
import { overWebSocket } from "../support/WebSocketServer.js"
import * as WireClient from "../support/WireClient.js"

/** Together more than the kernels of both sides take. */
const count = 1_000
const flood = Array.from({ length: count }, (_, i) => `bob: ${i} ${"x".repeat(20_000)}\n`).join("")

/**
 * A program that serves. Its layers are built beside each other, and so its fiber is the parent of what they fork: an
 * interruption of the program interrupts all of that at once.
 */
const program = (listen: Listen, ready: Deferred.Deferred<Server.ServerHandle>) => {
  const found = Layer.effectDiscard(Effect.flatMap(Server.Server, (server) => Deferred.succeed(ready, server)))
  // Long enough for any machine.
  const times = { grace: Duration.minutes(1), holdTimeout: Duration.minutes(1), stallTimeout: Duration.minutes(1) }
  const server = Server.layer({ ...times, outboxBytes: 100_000_000, outboxLines: 2 * count })
  return Layer.merge(Layer.scopedDiscard(Effect.void), Layer.provide(found, server)).pipe(
    Layer.provide(Layer.succeed(Endpoints, [listen])),
    Layer.provide(Server.standalone),
    Layer.launch,
    Logger.withMinimumLogLevel(LogLevel.None)
  )
}

describe("a program that is interrupted, such as by SIGTERM", () => {
  for (const transport of ["tcp", "tls", "websocket", "wss"]) {
    it.scopedLive(`delivers what was accepted for a client that has not taken all of a write, over ${transport}`, () =>
      Effect.gen(function* () {
        const credentials = yield* Certificates.serverCredentials
        const listen = {
          tcp: Tcp.listen("127.0.0.1", 0),
          tls: (yield* Certificates.overTls).listen,
          websocket: overWebSocket(undefined),
          wss: overWebSocket({ credentials })
        }[transport]
        assert.isDefined(listen)
        const ready = yield* Deferred.make<Server.ServerHandle>()
        const running = yield* Effect.fork(program(listen, ready))
        const server = yield* Deferred.await(ready)
        const bob = yield* WireClient.join(server.address, "bob")
        const alice = yield* WireClient.join(server.address, "alice")
        yield* bob.pause
        yield* alice.send(`${flood}nobody: hi\n`)
        yield* alice.expect("! undelivered nobody reason=offline") // so all of them have been accepted
        const interruption = yield* Effect.fork(Fiber.interrupt(running))
        yield* Effect.repeat(server.isDraining, { until: (isDraining) => isDraining })
        yield* bob.resume
        assert.strictEqual((yield* bob.rest).length, count)
        assert.deepStrictEqual(yield* alice.rest, [])
        yield* interruption
      })
    )
  }
})
