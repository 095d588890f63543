import { assert, describe, it } from "@effect/vitest"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import * as Endpoints from "../../src/ports/Endpoints.js"
import { MemoryNetwork } from "../../src/ports/Memory.js"
import {
  ignoreEvents,
  type Listen,
  type Listener,
  type Socket,
  type TransportError
} from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Unix from "../../src/transport/Unix.js"
import * as Certificates from "../support/Certificates.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** What a layer of the port provides, and how clients connect to a listener of it. */
interface Adapter {
  readonly endpoints: NonEmptyReadonlyArray<Listen>
  readonly connect: (listener: Listener) => Effect.Effect<Socket, TransportError>
}

const built = <E>(layer: Layer.Layer<Endpoints.Endpoints, E>, connect: Adapter["connect"]) =>
  Effect.map(Layer.build(layer), (context) => ({ endpoints: Context.get(context, Endpoints.Endpoints), connect }))

/** What every layer of the port promises. */
const adapters: Readonly<Record<string, Effect.Effect<Adapter, TransportError, Scope.Scope>>> = {
  "Endpoints.layer": Effect.flatMap(temporaryFolder, (folder) => {
    const path = join(folder, "s")
    const connect: Adapter["connect"] = ({ address }) =>
      address.port === undefined ? Unix.connect(path) : Tcp.connect(address)
    return built(Endpoints.layer(Tcp.listen("127.0.0.1", 0), Unix.listen(path), Tcp.listen("127.0.0.1", 0)), connect)
  }),
  "Endpoints.memory": Effect.map(Layer.build(Endpoints.memory()), (context) => ({
    endpoints: Context.get(context, Endpoints.Endpoints),
    connect: () => Context.get(context, MemoryNetwork).connect
  })),
  "Tcp.layer": built(Tcp.layer("127.0.0.1", 0), ({ address }) => Tcp.connect(address)),
  "Tls.layer": built(Tls.layer("127.0.0.1", 0, { files: Certificates.pair("server") }), ({ address }) =>
    Tls.connect(address, { ca: Certificates.path("ca") })
  ),
  "Unix.layer": Effect.flatMap(temporaryFolder, (folder) => {
    const path = join(folder, "s")
    return built(Unix.layer(path), () => Unix.connect(path))
  })
}

/** Listens at an endpoint; `next` waits for the first connection and returns its socket. */
const listening = (listen: Listen) =>
  Effect.gen(function* () {
    const next = yield* Deferred.make<Socket>()
    const accepted = (socket: Socket) => {
      socket.attach(ignoreEvents)
      Deferred.unsafeDone(next, Effect.succeed(socket))
    }
    const events = { accepted, dropped: () => {}, failed: () => {} }
    const listener = yield* listen({ hardLimit: 10, events })
    return { listener, next: Deferred.await(next) }
  })

for (const [name, adapter] of Object.entries(adapters)) {
  describe(name, () => {
    it.scopedLive("has endpoints at which clients connect, each at an address of its own", () =>
      Effect.gen(function* () {
        const { connect, endpoints } = yield* adapter
        const started = yield* Effect.forEach(endpoints, listening)
        assert.isAtLeast(started.length, 1)
        assert.strictEqual(new Set(started.map(({ listener }) => listener.address.text)).size, started.length)
        for (const { listener, next } of started) {
          const client = yield* connect(listener)
          client.attach(ignoreEvents)
          const socket = yield* next
          socket.destroy()
          client.destroy()
        }
      })
    )

    it.scopedLive("can be used by one server after the other", () =>
      Effect.gen(function* () {
        const { connect, endpoints } = yield* adapter
        for (let servers = 0; servers < 2; servers++) {
          const [{ listener }] = yield* Effect.scoped(Effect.forEach(endpoints, listening))
          assert.strictEqual((yield* Effect.flip(connect(listener))).during, "Connect")
        }
      })
    )
  })
}
