import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Ref from "effect/Ref"
import { assert } from "vitest"
import { startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { numbered, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

/** Names of equal length, so that the lines of all senders have the same length. */
const senderNames = range(0, 10).map((number) => `s${number}`)

describe("senders held by one full outbox", () => {
  it.scoped("take turns, each in its own order, and lose nothing", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...noTimeouts, memory: { bufferBytes: 65_536 } })
      const bob = yield* join("bob")
      bob.socket.pause()
      for (const name of senderNames) {
        const sender = yield* join(name)
        sender.say(...numbered(700).map((text) => `bob: ${text}`)) // as much as the server reads ahead
      }
      yield* settle
      bob.socket.resume()
      yield* turnsUntil(
        () => bob.received.length >= 7_001,
        () => `all lines, and not ${bob.received.length}`
      )
      for (const name of senderNames) assert.deepStrictEqual(numbersFrom(name, bob.received), range(0, 700))
      // The first has a head start: an empty kernel. The others share what there is from then on.
      const done = Math.min(
        ...senderNames.map((name) => bob.received.findLastIndex((line) => line.startsWith(`from ${name}: `)))
      )
      const counts = senderNames.map((name) => numbersFrom(name, bob.received.slice(0, done + 1)).length)
      assert.isAbove(Math.min(...counts), 150, `of 700, when the first was through: ${counts.join(" ")}`)
    })
  )

  it.scoped("do not hold up other clients", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(noTimeouts)
      const [bob, carol, flooder, other] = [
        yield* join("bob"),
        yield* join("carol"),
        yield* join("fl"),
        yield* join("ot")
      ]
      bob.socket.pause()
      flooder.say(...numbered(500).map((text) => `bob: ${text}`))
      yield* settle
      other.say(...numbered(500).map((text) => `carol: ${text}`))
      yield* other.barrier
      yield* carol.barrier
      assert.deepStrictEqual(numbersFrom("ot", carol.received), range(0, 500))
    })
  )

  it.scoped("fill the recipient's outbox to its limit plus one line at most", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker(noTimeouts)
      const bob = yield* join("bob")
      bob.socket.pause()
      const senders = yield* Effect.forEach(senderNames, join)
      const line = `bob: ${"x".repeat(2_000)}`
      const most = { bytes: 0, unread: 0 }
      for (let round = 0; round < 50; round++) {
        for (const sender of senders) sender.say(line, line)
        yield* turns(3)
        const outbox = HashMap.unsafeGet(yield* Ref.get(broker.members), "bob").outbox
        most.bytes = Math.max(most.bytes, outbox?.bytes ?? Infinity)
      }
      assert.isAtMost(most.bytes, noTimeouts.outboxBytes + 2_020)
      assert.isAbove(most.bytes, noTimeouts.outboxBytes)
      for (const sender of senders) assert.isAbove(sender.socket.untaken(), 100_000, "it is not read from")
      const inFlight = broker.ledger.snapshot().inFlight
      assert.isAtMost(inFlight, 4, "nothing but what stands in the queue is accepted")
    })
  )

  it.scoped("are held by any one of several recipients, and no recipient gets a line twice", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(noTimeouts)
      const [bob, carol, alice] = [yield* join("bob"), yield* join("carol"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `carol, bob: ${text}`))
      yield* settle
      assert.isBelow(numbersFrom("alice", carol.received).length, 100)
      bob.socket.resume()
      yield* alice.barrier
      yield* Effect.zipRight(bob.barrier, carol.barrier)
      assert.deepStrictEqual(numbersFrom("alice", carol.received), range(0, 300))
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 300))
    })
  )

  it.scoped("make progress when they flood each other, as long as they read", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...noTimeouts, memory: { bufferBytes: 300, readBytes: 70 } })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      alice.say(...numbered(300).flatMap((text) => [`bob: ${text}`, `alice, bob: ${text}`]))
      bob.say(...numbered(300).map((text) => `alice: ${text}`))
      yield* Effect.zipRight(alice.barrier, bob.barrier)
      yield* Effect.zipRight(alice.barrier, bob.barrier)
      assert.strictEqual(numbersFrom("alice", bob.received).length, 600)
      assert.strictEqual(numbersFrom("alice", alice.received).length, 300)
      assert.strictEqual(numbersFrom("bob", alice.received).length, 300)
    })
  )

  it.scoped("get their lines returned and continue when the recipient disconnects", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(noTimeouts)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `bob: ${text}`))
      yield* settle
      bob.socket.reset()
      yield* alice.barrier
      const returned = returnedCount("disconnected", alice.received) + returnedCount("offline", alice.received)
      assert.strictEqual(returned, 300 - Math.floor(1_024 / 93))
    })
  )

  it.scoped("can end in order while held: every line the server has read is delivered first", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer({ ...noTimeouts, memory: { bufferBytes: 4_096 } })
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(300).map((text) => `bob: ${text}`))
      alice.socket.end()
      yield* settle
      assert.isFalse(alice.end().inOrder)
      bob.socket.resume()
      yield* alice.ended
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 300))
      assert.deepStrictEqual(alice.received, ["* pong: 1"])
    })
  )

  it.scoped("can break off while held: every line the server has read is accepted and delivered", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker({
        ...noTimeouts,
        outboxBytes: 1_024,
        memory: { bufferBytes: 65_536 }
      })
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(740).map((text) => `bob: ${text}`)) // one read of 63,640 bytes, and 68,820 for bob
      yield* settle
      assert.isBelow(broker.ledger.snapshot().accepted, 740, "she is held")
      alice.socket.reset()
      yield* settle
      bob.socket.resume()
      yield* Effect.zipRight(settle, bob.barrier)
      assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 740))
      assert.deepStrictEqual(broker.ledger.snapshot(), {
        accepted: 740,
        written: 740,
        returned: 0,
        received: 0,
        stored: 0,
        dead: 0,
        inFlight: 0
      })
    })
  )
})
