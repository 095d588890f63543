import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Endpoints from "../../src/ports/Endpoints.js"
import * as Memory from "../../src/ports/Memory.js"
import { ignoreEvents } from "../../src/ports/Transport.js"

/** Longer than a clock has to stand still, and shorter than any deadline of a server. */
const patience = 8000

/** Connects, and takes all turns of the event loop that the server needs. */
const connect = (network: Memory.Network, ...lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const socket = yield* network.connect
    socket.attach(ignoreEvents)
    for (const line of lines) socket.write(`${line}\n`)
    for (let turn = 0; turn < 20; turn++) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    return socket
  })

/** A server whose scope is closed after `use`; the network outlives it. */
const closing = <E>(
  use: (network: Memory.Network, server: Server.ServerHandle) => Effect.Effect<unknown, E, Scope.Scope>
) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    const scope = yield* Scope.make()
    const server = yield* Scope.extend(Server.start({ listen: [network.listen] }), scope)
    yield* use(network, server)
    yield* Scope.close(scope, Exit.void)
    return yield* server.ledger
  }).pipe(Logger.withMinimumLogLevel(LogLevel.None))

describe.concurrent("the end of a server's scope, under a TestClock that nobody moves", () => {
  it.scoped(
    "does not wait for a socket that nobody has attached",
    () => closing((network) => network.connect),
    patience
  )

  it.scoped(
    "does not wait for a client that has not logged in, and stays",
    () => closing((network) => connect(network)),
    patience
  )

  it.scoped(
    "does not wait for a client that stays, and returns what it has not acknowledged",
    () =>
      Effect.gen(function* () {
        const ledger = yield* closing((network) =>
          Effect.gen(function* () {
            yield* connect(network, "bob", "/hello ack")
            yield* connect(network, "alice", "bob: hi", "carol: hi", "alice: hi")
          })
        )
        assert.deepInclude(ledger, { accepted: 3, written: 1, inFlight: 0 })
      }),
    patience
  )

  it.scoped(
    "does not wait for a client of the library in a scope that outlives it",
    () => closing((network) => Client.greet({ socket: network.connect, login: "alice" })),
    patience
  )

  it.scoped(
    "does not wait for a socket in a scope that outlives the layer",
    () =>
      Effect.flatMap(Memory.MemoryNetwork, (network) => connect(network, "bob")).pipe(
        Effect.provide(Server.layer().pipe(Layer.provideMerge(Endpoints.memory()), Layer.provide(Server.standalone))),
        Logger.withMinimumLogLevel(LogLevel.None)
      ),
    patience
  )
})

describe.concurrent("the end of a client's scope, under a TestClock that nobody moves", () => {
  it.scoped(
    "does not wait for an outcome that never comes",
    () =>
      closing((network) =>
        Effect.gen(function* () {
          yield* connect(network, "bob", "/hello ack")
          const alice = yield* Effect.scoped(
            Effect.tap(Client.greet({ socket: network.connect, login: "alice" }), (alice) =>
              alice.sendLine("@1 bob: hi")
            )
          )
          yield* alice.closed
        })
      ),
    patience
  )
})

describe("the end of a server's scope, under a TestClock that moves", () => {
  // Without the limit of the tests above, since it is to last; and alone, since it computes all the time.
  it.scoped("takes its time, however long that is in real time", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      const scope = yield* Scope.make()
      yield* Scope.extend(Server.start({ listen: [network.listen] }), scope)
      yield* connect(network, "bob")
      const closed = yield* Effect.fork(Scope.close(scope, Exit.void))
      const startedAt = performance.now()
      // A step takes more than a millisecond, so the clock stays below the 5 s for which a closed connection lingers.
      while (performance.now() - startedAt < 2500) yield* TestClock.adjust("1 millis")
      assert.isNull(closed.unsafePoll())
      // Many steps: a wait that begins after a step ends in a later one.
      while (closed.unsafePoll() === null) yield* TestClock.adjust("1 second")
      yield* Fiber.join(closed)
    }).pipe(Logger.withMinimumLogLevel(LogLevel.None))
  )
})
