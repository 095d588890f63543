import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import type * as Received from "../../src/client/Received.js"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

/** Connects to a server in memory. */
const served = Effect.gen(function* () {
  const network = yield* Memory.make()
  yield* Logger.withMinimumLogLevel(Server.start({ listen: [network.listen] }), LogLevel.None)
  return network.connect
})

describe("Client.connect", () => {
  it.scopedLive("returns once messages can reach it, and keeps the answer from the lines", () =>
    Effect.gen(function* () {
      const socket = yield* served
      const bob = yield* Client.connect({ socket, login: "bob" })
      const alice = yield* Client.connect({ socket, login: "alice" })
      yield* alice.send(["bob"], "hi")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(bob.lines, 1)).pipe(Effect.map((all) => [...all])), [
        "from alice: hi"
      ])
    })
  )

  it.scopedLive("says that it is a program, and learns which senders are", () =>
    Effect.gen(function* () {
      const socket = yield* served
      const bot = yield* Client.connect({ socket, login: "bot", auto: true })
      const other = yield* Client.greet({ socket, login: "other", auto: true })
      const alice = yield* Client.connect({ socket, login: "alice" })
      yield* bot.send(["other"], "before hello")
      yield* bot.hello
      for (const client of [bot, alice]) yield* client.send(["other", "alice"], "hi")
      yield* alice.send(["other"], "the end")
      const received = yield* other.received.pipe(
        Stream.filter((one) => one._tag === "Message"),
        Stream.takeUntil((one) => one._tag === "Message" && one.text === "the end"),
        Stream.runCollect
      )
      const messages: ReadonlyArray<Received.Received> = [
        { _tag: "Message", from: "bot", text: "before hello" },
        { _tag: "Message", from: "bot", text: "hi", auto: true },
        { _tag: "Message", from: "alice", text: "hi" },
        { _tag: "Message", from: "alice", text: "the end" }
      ]
      assert.sameDeepMembers([...received], [...messages])
    })
  )

  it.scopedLive("fails with the code of the server when the login is refused", () =>
    Effect.gen(function* () {
      const socket = yield* served
      yield* Client.connect({ socket, login: "alice" })
      const error = yield* Effect.flip(Client.connect({ socket, login: "Alice" }))
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

describe("Client.greet and Client.open", () => {
  it.scopedLive("read whole names from an original server, where they may contain blanks", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.original
      const socket = Tcp.connect(Tcp.address("127.0.0.1", port))
      const alice = yield* Client.greet({ socket, login: "alice" })
      const bob = yield* Client.open({ socket, login: "bob" })
      const forger = yield* Client.open({ socket, login: "alice auto=yes" })
      yield* Effect.repeat(forger.send(["alice", "bob"], "hi"), Schedule.spaced("20 millis")).pipe(Effect.forkScoped)
      const expected: Received.Received = { _tag: "Message", from: "alice auto=yes", text: "hi" }
      for (const client of [alice, bob]) {
        assert.deepStrictEqual(yield* Stream.runHead(client.received), Option.some(expected))
      }
    })
  )
})
