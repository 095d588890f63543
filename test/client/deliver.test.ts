import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

const chat = (options: Partial<Server.StandaloneOptions> = {}) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    yield* Logger.withMinimumLogLevel(Server.start({ listen: [network.listen], ...options }), LogLevel.None)
    return { socket: network.connect }
  })

const text = "no recipient of that name is online"

describe("Client.deliver", () => {
  it.scopedLive("returns the outcome for each recipient, and keeps it from the lines", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat()
      const bob = yield* Client.connect({ socket, login: "bob" })
      const alice = yield* Client.connect({ socket, login: "alice" })
      const fates = yield* alice.deliver(["bob", "carol", " bob ", "élan", "e\u0301lan"], "grüße")
      assert.sameDeepMembers(
        [...fates],
        [
          { _tag: "Written", names: ["bob"] },
          { _tag: "Returned", names: ["carol", "élan"], reason: "offline", retryMillis: undefined, text }
        ]
      )
      yield* alice.send(["alice"], "next")
      assert.deepStrictEqual(Option.getOrThrow(yield* Stream.runHead(alice.lines)), "from alice: next")
      assert.deepStrictEqual(Option.getOrThrow(yield* Stream.runHead(bob.lines)), "from alice: grüße")
    })
  )

  it.scopedLive("writes messages of one turn together, and before what is sent after them", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat()
      const written: Array<string> = []
      const watched = Effect.tap(socket, (socket) => {
        const write = socket.write.bind(socket)
        const watch = (bytes: string) => {
          written.push(bytes)
          return write(bytes)
        }
        return Effect.succeed(Object.assign(socket, { write: watch }))
      })
      const alice = yield* Client.connect({ socket: watched, login: "alice" })
      yield* alice.deliver(["alice"], "first")
      written.length = 0
      const texts = Array.from({ length: 100 }, (_, index) => `${index}`)
      const deliveries = texts.map((text) => alice.deliver(["alice"], text))
      yield* Effect.all([...deliveries, Effect.delay(alice.sendLine("/ping"), 0)], { concurrency: "unbounded" })
      const [together = "", ...others] = written.filter((bytes) => bytes.startsWith("@"))
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(
        together.split("\n").map((line) => line.replace(/^@\S+ /u, "")),
        [...texts.map((text) => `alice: ${text}`), ""]
      )
      written.length = 0
      yield* Effect.all([alice.deliver(["alice"], "before"), alice.sendLine("/ping after")], {
        concurrency: "unbounded"
      })
      assert.match(written.join(""), /before\n[^]*\/ping after\n$/u)
    })
  )

  it.scopedLive("keeps the outcomes of concurrent messages apart", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat()
      const alice = yield* Client.connect({ socket, login: "alice" })
      const tags = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, index) => index),
        (index) => Effect.map(alice.deliver([index % 2 === 0 ? "alice" : "bob"], `${index}`), ([fate]) => fate?._tag),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        tags,
        tags.map((_, index) => (index % 2 === 0 ? "Written" : "Returned"))
      )
    })
  )

  it.scopedLive("handles more outcomes than are read ahead while no lines are taken", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat()
      const bob = yield* Client.connect({ socket, login: "bob" })
      yield* Effect.fork(Stream.runDrain(bob.lines))
      const alice = yield* Client.connect({ socket, login: "alice" })
      const fates = yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, index) => `${index}`),
        (text) => alice.deliver(["bob"], text),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(fates.filter(([fate]) => fate?._tag === "Written").length, 10_000)
    })
  )

  it.scopedLive("returns that the line was refused", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat({ maxRecipients: 2 })
      const alice = yield* Client.connect({ socket, login: "alice" })
      assert.deepStrictEqual(yield* alice.deliver(["a", "b", "c"], "hi"), [
        {
          _tag: "Refused",
          reason: "too-many-recipients",
          retryMillis: undefined,
          text: "too many recipients in one line; split it"
        }
      ])
      assert.strictEqual((yield* alice.deliver(["alice", "b"], "hi")).length, 2)
    })
  )

  it.scopedLive("returns unknown for recipients without an outcome when the connection broke", () =>
    Effect.gen(function* () {
      const labelled = yield* Deferred.make<void>()
      const address = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          const [, label] = /^@(\S+) .*: hi$/u.exec(line) ?? []
          if (label === undefined) return line === "break" ? "reset" : []
          Deferred.unsafeDone(labelled, Exit.void)
          return [`* written @${label} bob: x`, `! undelivered @${label} carol reason=busy retry=7: not now`]
        })
      )
      const alice = yield* Client.open({ socket: Tcp.connect(address), login: "alice" })
      const sent = yield* Effect.fork(alice.deliver(["bob", "carol", "dave"], "hi"))
      yield* Deferred.await(labelled)
      yield* alice.sendLine("break")
      assert.deepStrictEqual(yield* Fiber.join(sent), [
        { _tag: "Written", names: ["bob"] },
        { _tag: "Returned", names: ["carol"], reason: "busy", retryMillis: 7, text: "not now" },
        { _tag: "Unknown", names: ["dave"] }
      ])
      assert.strictEqual((yield* Effect.flip(alice.deliver(["bob"], "hi")))._tag, "TransportError")
    })
  )

  it.scopedLive("refuses to send what would not be one line, or after the end", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat()
      const alice = yield* Client.connect({ socket, login: "alice" })
      assert.strictEqual((yield* Effect.flip(alice.deliver([], "hi")))._tag, "Unsendable")
      assert.strictEqual((yield* Effect.flip(alice.deliver(["a:b"], "hi")))._tag, "Unsendable")
      assert.strictEqual((yield* Effect.flip(alice.deliver(["bob"], "a\nb")))._tag, "Unsendable")
      yield* alice.end
      assert.strictEqual((yield* Effect.flip(alice.deliver(["bob"], "hi")))._tag, "TransportError")
    })
  )
})

describe("Client.greet", () => {
  it.scopedLive("returns what the server says about itself", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat({ maxLineBytes: 1000, maxRecipients: 7 })
      const alice = yield* Client.greet({ socket, login: " alice " })
      const hello = { name: "alice", maxLineBytes: 1000, maxRecipients: 7, rates: [], words: [] }
      assert.deepStrictEqual(yield* alice.hello, Option.some(hello))
      assert.deepStrictEqual((yield* alice.deliver(["alice"], "hi"))[0]?._tag, "Written")
      assert.deepStrictEqual(Option.getOrThrow(yield* Stream.runHead(alice.lines)), "from alice: hi")
    })
  )

  it.scopedLive("finds that an original server says nothing, and sends to it without outcomes", () =>
    Effect.gen(function* () {
      const alice = yield* Client.greet({ socket: Tcp.connect(yield* FakeServer.original), login: "alice" })
      assert.deepStrictEqual(yield* alice.hello, Option.none())
      assert.strictEqual((yield* Effect.flip(alice.deliver(["alice"], "hi")))._tag, "NoOutcomes")
      yield* alice.send(["alice"], "hi")
      assert.deepStrictEqual(Option.getOrThrow(yield* Stream.runHead(alice.lines)), "from alice: hi")
    })
  )

  it.scopedLive("fails when the login is refused, and when no answer can come", () =>
    Effect.gen(function* () {
      const { socket } = yield* chat({ maxConnections: 1 })
      const alice = yield* Client.greet({ socket, login: "alice" })
      const error = yield* Effect.flip(Client.greet({ socket, login: "bob" }))
      assert.strictEqual(error._tag === "LoginRefused" && error.code, "full")
      assert.isAbove((error._tag === "LoginRefused" && error.retryMillis) || 0, 0)
      yield* alice.end
      const gone = yield* FakeServer.make((socket) => socket.end())
      const lost = yield* Effect.flip(Client.greet({ socket: Tcp.connect(gone), login: "alice" }))
      assert.strictEqual(lost._tag, "TransportError")
    })
  )
})
