import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Memory from "../../src/transport/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

describe("Client.connect", () => {
  it.scopedLive("returns once messages can reach it, and keeps the answer from the lines", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      yield* Server.start({ listen: [network.listen] })
      const bob = yield* Client.connect({ socket: network.connect, login: "bob" })
      const alice = yield* Client.connect({ socket: network.connect, login: "alice" })
      yield* alice.send(["bob"], "hi")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(bob.lines, 1)).pipe(Effect.map((all) => [...all])), [
        "from alice: hi"
      ])
    })
  )

  it.scopedLive("fails with the code of the server when the login is refused", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      yield* Server.start({ listen: [network.listen] })
      yield* Client.connect({ socket: network.connect, login: "alice" })
      const error = yield* Effect.flip(Client.connect({ socket: network.connect, login: "Alice" }))
      assert.strictEqual(error._tag === "LoginRefused" && error.code, "login-in-use")
    })
  )

  it.scopedLive("fails when the server goes away before it answers", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) => socket.end())
      const error = yield* Effect.flip(Client.connect({ socket: Tcp.connect(address), login: "alice" }))
      assert.strictEqual(error._tag, "TransportError")
    })
  )
})
