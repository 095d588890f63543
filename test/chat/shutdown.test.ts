import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Fiber from "effect/Fiber"
import { assert } from "vitest"
import type { Drained } from "../../src/chat/Server.js"
import {
  pass,
  startMemoryBroker,
  startMemoryServer,
  type MemoryClient,
  type MemoryServerOptions
} from "../support/MemoryServer.js"
import { flood, numbersFrom, range } from "../support/NumberedLines.js"
import { shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"
import { uncounted } from "../support/Uncounted.js"

const aliceAndBob = (options: MemoryServerOptions = {}) =>
  Effect.gen(function* () {
    const { join, server } = yield* startMemoryServer({ ...shortTimeouts, ...options })
    return { server, bob: yield* join("bob"), alice: yield* join("alice") }
  })

/** The result of a drain that ends every client, after which the clients end their sides. */
const left = (drain: Fiber.Fiber<Drained>, clients: ReadonlyArray<MemoryClient>) =>
  Effect.gen(function* () {
    for (const client of clients) yield* client.ended
    for (const client of clients) client.socket.end()
    return yield* Fiber.join(drain)
  })

describe("the linger", () => {
  it.scoped("waits for the client's end exactly until the deadline; its name is free meanwhile", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(shortTimeouts)
      const first = yield* join("bob")
      first.say("/quit")
      yield* first.ended
      assert.match(first.received.at(-1) ?? "", /^\* bye reason=quit: /)
      const second = yield* join("bob")
      yield* pass(4_999)
      assert.deepStrictEqual(reasons, [])
      yield* pass(1)
      assert.deepStrictEqual(reasons, ["quit"])
      assert.isTrue(HashMap.has(yield* broker.members, "bob"), "the new client stays")
      second.say("bob: me")
      assert.strictEqual(
        yield* Effect.zipRight(
          second.barrier,
          Effect.sync(() => second.received.at(-2))
        ),
        "from bob: me"
      )
    })
  )

  it.scoped("is over when the client ends its side", () =>
    Effect.gen(function* () {
      const { join, reasons } = yield* startMemoryBroker(shortTimeouts)
      const client = yield* join("bob")
      client.say("/quit")
      yield* client.ended
      client.socket.end()
      yield* settle
      assert.deepStrictEqual(reasons, ["quit"])
      assert.isTrue(client.end().closed)
      assert.isUndefined(client.end().error)
    })
  )
})

describe("the drain", () => {
  it.scoped("is over when every line is delivered and every client has left", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* aliceAndBob()
      alice.say("/hello", ...flood(30))
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      yield* pass(10)
      alice.say("bob: too late")
      yield* pass(300)
      const { cutOff, ledger } = yield* left(drain, [alice, bob])
      assert.strictEqual(cutOff, 0)
      assert.deepStrictEqual(ledger, {
        accepted: 30,
        written: 30,
        received: 0,
        stored: 0,
        returned: 0,
        dead: 0,
        inFlight: 0
      })
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 30))
      const [notice, refusal, bye] = alice.received.slice(-3)
      assert.match(notice ?? "", /^\* closing grace=500 return=1000: /)
      assert.match(refusal ?? "", /^! closing: /)
      assert.match(bye ?? "", /^\* bye reason=shutdown: /)
    })
  )

  it.scoped("cuts clients off exactly at the grace time; undelivered lines are returned, counted and reported", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* aliceAndBob({ holdTimeout: Duration.seconds(60) })
      bob.socket.pause()
      alice.say(...flood(30))
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      yield* pass(499)
      assert.isFalse(alice.end().inOrder)
      assert.isFalse(alice.received.some((line) => line.startsWith("! undelivered")))
      yield* pass(1)
      assert.include(alice.received.join("\n"), "! undelivered bob reason=disconnected count=20: ")
      yield* pass(50)
      yield* alice.ended
      alice.socket.end()
      yield* pass(1_000)
      const { cutOff, ledger } = yield* Fiber.join(drain)
      assert.strictEqual(cutOff, 20)
      assert.deepStrictEqual(ledger, {
        accepted: 30,
        written: 10,
        received: 0,
        stored: 0,
        returned: 20,
        dead: 0,
        inFlight: 0
      })
    })
  )

  it.scoped("delivers the lines of a held sender when its recipient reads again in time", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* aliceAndBob({ holdTimeout: Duration.seconds(60) })
      bob.socket.pause()
      alice.say(...flood(100)) // 9,200 bytes: the server has read some of them, the rest is under way
      yield* settle
      const drain = yield* Effect.fork(server.drain)
      yield* pass(300)
      bob.socket.resume()
      yield* pass(300)
      const { cutOff, ledger } = yield* left(drain, [alice, bob])
      assert.strictEqual(cutOff, 0)
      const delivered = numbersFrom("alice", bob.received)
      assert.deepStrictEqual(delivered, range(0, delivered.length))
      assert.strictEqual(ledger.written, delivered.length)
      const refused = alice.received.flatMap(uncounted).filter((line) => line.startsWith("! closing")).length
      assert.strictEqual(delivered.length + refused, 100, "each line was delivered or refused")
    })
  )

  it.scoped("runs once, however often it is called", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const alice = yield* join("alice")
      const [first, second] = [yield* Effect.fork(server.drain), yield* Effect.fork(server.drain)]
      yield* pass(100)
      alice.socket.end()
      yield* pass(100)
      assert.deepStrictEqual(yield* Fiber.join(first), yield* Fiber.join(second))
    })
  )
})
