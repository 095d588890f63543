import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { join } from "node:path"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Descriptors from "../../src/ports/Descriptors.js"
import * as Endpoints from "../../src/ports/Endpoints.js"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Unix from "../../src/transport/Unix.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const quiet = Logger.minimumLogLevel(LogLevel.None)

describe("Server.layer", () => {
  it.live("names what it needs, and a program provides it", () => {
    const chat = Server.layer({ maxConnections: 2 }).pipe(
      Layer.provide([Tcp.layer("127.0.0.1", 0), Server.standalone, quiet])
    )
    const program = Effect.gen(function* () {
      const server = yield* Server.Server
      yield* Client.connect({ socket: Tcp.connect(server.address), login: "alice" })
      assert.deepStrictEqual(yield* server.names, ["alice"])
    })
    return program.pipe(Effect.scoped, Effect.provide(chat))
  })

  it.scopedLive("listens at all its endpoints, in their order", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "s")
      const network = yield* Memory.make()
      const endpoints = Endpoints.layer(Unix.listen(path), network.listen, Tcp.listen("127.0.0.1", 0))
      const chat = Server.layer().pipe(Layer.provide([endpoints, Server.standalone, quiet]))
      const program = Effect.gen(function* () {
        const { addresses, names } = yield* Server.Server
        assert.deepStrictEqual(
          addresses.map(({ host, isLocal, text }) => [host, isLocal, text.replace(/:\d+$/u, "")]),
          [
            [undefined, true, `unix:${path}`],
            [undefined, true, "memory"],
            ["127.0.0.1", true, "127.0.0.1"]
          ]
        )
        yield* Client.connect({ socket: Unix.connect(path), login: "alice" })
        yield* Client.connect({ socket: network.connect, login: "bob" })
        assert.deepStrictEqual(yield* names, ["alice", "bob"])
      })
      yield* program.pipe(Effect.scoped, Effect.provide(chat))
    })
  )

  it.live("runs on a network in memory", () => {
    const chat = Server.layer().pipe(
      Layer.provide([Server.standalone, quiet]),
      Layer.provideMerge(Endpoints.memory({ readBytes: 1 }))
    )
    const program = Effect.gen(function* () {
      const { connect: socket } = yield* Memory.MemoryNetwork
      const alice = yield* Client.connect({ socket, login: "alice" })
      assert.strictEqual(alice.remote, "memory")
      assert.deepStrictEqual(yield* (yield* Server.Server).names, ["alice"])
    })
    return program.pipe(Effect.scoped, Effect.provide(chat))
  })

  it.scopedLive("takes a port from the program rather than from `standalone`", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      let asked = 0
      const counting = Layer.succeed(Descriptors.Descriptors, {
        limit: 1,
        isShort: () => {
          asked += 1
          return false
        }
      })
      const chat = Server.layer().pipe(
        Layer.provide([Endpoints.layer(network.listen), counting]),
        Layer.provide(Server.standalone),
        Layer.provide(quiet)
      )
      yield* Effect.provide(Effect.sleep("600 millis"), chat)
      assert.strictEqual(asked, 1)
    })
  )
})
