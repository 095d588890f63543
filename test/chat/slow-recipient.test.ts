import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import { assert } from "vitest"
import { pass, startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { shortTimeouts } from "../support/SmallSettings.js"
import { settle, turnsUntil } from "../support/Turns.js"

describe("a recipient that does not read", () => {
  /**
   * Alice has flooded bob, who does not read: his kernel has 10 lines and part of another, his outbox is full, alice is
   * held.
   */
  const stuck = Effect.gen(function* () {
    const chat = yield* startMemoryServer(shortTimeouts)
    const bob = yield* chat.join("bob")
    const alice = yield* chat.join("alice")
    bob.socket.pause()
    alice.say(...flood(100), "/ping held")
    yield* settle
    return { ...chat, alice, bob }
  })

  it.scoped("holds its senders for exactly the hold timeout, and is busy after that", () =>
    Effect.gen(function* () {
      const { alice } = yield* stuck
      yield* pass(1_999)
      assert.notInclude(alice.received, "* pong: held")
      yield* pass(1)
      assert.include(alice.received, "* pong: held")
      const busy = alice.received.find((line) => line.startsWith("! undelivered bob reason=busy retry=1000 count="))
      assert.isDefined(busy)
    })
  )

  it.scoped("causes an immediate busy while it is jammed", () =>
    Effect.gen(function* () {
      const { alice } = yield* stuck
      yield* pass(2_000)
      const before = alice.received.length
      alice.say("bob: one more")
      yield* alice.barrier
      assert.match(alice.received[before] ?? "", /^! undelivered bob reason=busy retry=1000: /)
    })
  )

  it.scoped("holds its senders again once it has taken a byte, even if its outbox is still full", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(2_000)
      bob.socket.resume()
      yield* turnsUntil(
        () => numbersFrom("alice", bob.received).length > 0,
        () => "a first read"
      )
      bob.socket.pause()
      yield* pass(250)
      const before = alice.received.length
      alice.say("bob: one more", "/ping held again")
      yield* pass(1_750)
      assert.strictEqual(alice.received.length, before, "alice is held, and not told that bob is busy")
      yield* pass(500)
      assert.strictEqual(alice.received.at(-1), "* pong: held again")
    })
  )

  it.scoped("gets every line that was not refused as busy, in order, when it reads again", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(2_000)
      const busy = returnedCount("busy", alice.received)
      assert.isAbove(busy, 0)
      bob.socket.resume()
      yield* pass(250)
      alice.say(...flood(10, 100))
      yield* alice.barrier
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [...range(0, 100 - busy), ...range(100, 110)])
    })
  )

  it.scoped("releases its senders at once when it reads again before the hold timeout", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      yield* pass(1_000)
      bob.socket.resume()
      yield* settle
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 100))
      assert.include(alice.received, "* pong: held")
      assert.isFalse(alice.received.some((line) => line.startsWith("!")))
    })
  )

  it.scoped("is never jammed while it takes a byte now and then", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      for (let second = 0; second < 4; second++) {
        yield* pass(1_750)
        bob.socket.resume()
        while (bob.received.length === 0 || numbersFrom("alice", bob.received).length < 10 * (second + 1)) yield* settle
        bob.socket.pause()
        if (alice.received.includes("* pong: held")) break
      }
      assert.isFalse(alice.received.some((line) => line.includes("reason=busy")))
    })
  )

  it.scoped("is closed exactly at the stall timeout, and exactly the lines it did not take are returned", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* stuck
      yield* pass(7_999)
      assert.deepStrictEqual(yield* server.names, ["alice", "bob"])
      yield* pass(1)
      assert.deepStrictEqual(yield* server.names, ["alice"])
      yield* alice.barrier
      const [busy, slow] = [returnedCount("busy", alice.received), returnedCount("slow", alice.received)]
      assert.isAbove(busy, 0)
      assert.isAbove(slow, 0)
      bob.socket.resume()
      yield* bob.ended
      // The kernel took 1,024 bytes in lines of 100; the answer to the login's ping had been read before.
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 10))
      assert.strictEqual(bob.rest().length, 24)
      assert.strictEqual(10 + busy + slow, 100)
    })
  )

  it.scoped("is closed as slow-consumer even if its outbox is not full", () =>
    Effect.gen(function* () {
      const { broker, join, reasons } = yield* startMemoryBroker(shortTimeouts)
      const bob = yield* join("bob")
      const alice = yield* join("alice")
      bob.socket.pause()
      alice.say(...flood(12))
      yield* pass(8_000)
      assert.deepStrictEqual(reasons, ["slow-consumer"])
      yield* alice.barrier
      assert.include(alice.received.join("\n"), "! undelivered bob reason=slow count=2: ")
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  it.scoped("is not closed for being silent", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer(shortTimeouts)
      const bob = yield* join("bob")
      bob.socket.pause()
      yield* pass(600_000)
      assert.deepStrictEqual(yield* server.names, ["bob"])
    })
  )
})

describe("a client that does not read the answers to its own lines", () => {
  it.scoped(
    "is not read from, is not released by the hold timeout, and is closed at the stall timeout; other clients do " +
      "not notice",
    () =>
      Effect.gen(function* () {
        const { broker, join, reasons } = yield* startMemoryBroker(shortTimeouts)
        const alice = yield* join("alice")
        const bob = yield* join("bob")
        alice.socket.pause()
        for (let index = 0; index < 5_000; index++) alice.say("no such line", ": no recipient")
        yield* pass(3_000)
        const held = Effect.map(broker.members, (members) => HashMap.unsafeGet(members, "alice").outbox.bytes)
        assert.isAtMost((yield* held) ?? 0, shortTimeouts.outboxBytes + 200)
        assert.isAbove(alice.socket.untaken(), 0, "it is not read from")
        yield* bob.barrier
        yield* pass(5_000)
        assert.deepStrictEqual(reasons, ["slow-consumer"])
        bob.say("alice: hi")
        yield* bob.barrier
        assert.include(bob.received.join("\n"), "! undelivered alice reason=offline: ")
      })
  )
})
