import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import type { Socket } from "../../src/ports/Transport.js"
import { pass, startMemoryServer } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle, turnsUntil } from "../support/Turns.js"
import { badAcks, pair, told } from "../support/AcknowledgingClients.js"

/** As over TLS: it is not known how far a write has got before all of it is taken. */
const opaque = (socket: Socket): Socket => {
  let written = 0
  return new Proxy(socket, {
    get: (target, key) => {
      if (key === "write") return (bytes: string) => target.write(((written = bytes.length), bytes))
      if (key === "untaken") return () => (target.untaken() === 0 ? 0 : written)
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })
}

describe("a client that acknowledges", () => {
  it.scoped("settles the lines up to the one that it acknowledges, each once", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      alice.say("@a bob: 1", "@b bob: 2", "@c bob: 3", "@d bob: 4")
      yield* alice.barrier
      assert.deepStrictEqual(numbersFrom("alice", bob.received), [1, 2, 3, 4])
      assert.deepStrictEqual(told(alice), [])
      assert.strictEqual((yield* server.ledger).inFlight, 4)
      bob.say("/ack 1", "/ack 3", "/ack 2", "/ack 3", "/ack 0")
      yield* bob.barrier
      yield* alice.barrier
      assert.deepStrictEqual(told(alice), ["* received @a bob", "* received @b bob", "* received @c bob"])
      assert.strictEqual(badAcks(bob), 0)
      bob.say("/ack 4")
      yield* bob.barrier
      const { accepted, inFlight, received, written } = yield* server.ledger
      assert.deepStrictEqual(
        { accepted, inFlight, received, written },
        { accepted: 4, inFlight: 0, received: 4, written: 0 }
      )
    })
  )

  it.scoped("counts messages only: neither replies, nor notices, nor returned lines", () =>
    Effect.gen(function* () {
      const { alice, bob, join } = yield* pair(noTimeouts)
      bob.say("/ping", "nobody: hi", "nonsense")
      alice.say("bob: 1")
      yield* join("carol") // a notice
      yield* alice.barrier
      bob.say("/ack 2", "/ack 1")
      yield* bob.barrier
      assert.strictEqual(badAcks(bob), 2, "the nonsense, and the 2")
    })
  )

  it.scoped(
    "does not count what was queued before its /hello ack, which is written; a second /hello changes nothing",
    () =>
      Effect.gen(function* () {
        const chat = yield* startMemoryServer(noTimeouts)
        const bob = yield* chat.join("bob")
        const alice = yield* chat.join("alice")
        alice.say("/hello")
        bob.socket.pause()
        alice.say(...flood(20))
        yield* alice.barrier
        bob.say("/hello ack")
        yield* settle
        alice.say("@k bob: 20", "@l bob: 21")
        bob.say("/hello ack x", "/hello")
        yield* alice.barrier
        bob.socket.resume()
        yield* bob.barrier
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 22))
        assert.strictEqual((yield* chat.server.ledger).written, 20)
        bob.say("/ack 1", "/ack 3")
        yield* bob.barrier
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), ["* received @k bob"])
        assert.strictEqual(badAcks(bob), 1)
      })
  )

  it.scoped("is refused an acknowledgement that is none, of more than was sent to it, or without /hello ack", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(noTimeouts)
      alice.say("bob: 1")
      yield* alice.barrier
      const bad = [
        "/ack",
        "/ack x",
        "/ack -1",
        "/ack 1.0",
        "/ack 1 1",
        "/ack 2",
        "/ack 9999999999999999999999",
        "/acks 1"
      ]
      bob.say(...bad, "@k /ack 2")
      yield* bob.barrier
      assert.deepStrictEqual(
        told(bob).filter((line) => line.startsWith("!")),
        [...Array<string>(7).fill("! bad-line"), "! unknown-command acks", "! bad-line @k"]
      )
      alice.say("/ack 0")
      yield* alice.barrier
      assert.match(alice.received.findLast((line) => line.startsWith("!")) ?? "", /^! bad-line: .*\/hello ack/)
    })
  )

  it.scoped("may acknowledge what it has read of a write that the kernel has not taken whole", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      const receivedPairs = Effect.map(server.ledger, ({ received }) => received)
      alice.say("bob: the first finds the route")
      yield* alice.barrier
      bob.socket.pause()
      alice.say(...flood(20)) // one write, of which the kernel takes ten lines
      yield* alice.barrier
      bob.say("/ack 6", "/ack 22")
      yield* settle
      assert.strictEqual(yield* receivedPairs, 1, "a write is settled when the kernel has taken it whole")
      bob.socket.resume()
      yield* bob.barrier
      assert.strictEqual(yield* receivedPairs, 6)
      assert.strictEqual(badAcks(bob), 1)
      bob.say("/ack 21")
      yield* bob.barrier
      assert.strictEqual(yield* receivedPairs, 21)
    })
  )

  it.scoped("has acknowledged a part of a write that breaks", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(noTimeouts)
      alice.say("bob: the first finds the route")
      yield* alice.barrier
      bob.socket.pause()
      alice.say(...flood(20))
      yield* alice.barrier
      bob.say("/ack 6")
      yield* settle
      bob.socket.reset()
      yield* settle
      const { received, returned, written } = yield* server.ledger
      assert.deepStrictEqual([received, written], [6, 0])
      yield* alice.barrier
      assert.strictEqual(returnedCount("disconnected", alice.received), 15)
      assert.strictEqual(returned, 15)
    })
  )

  it.scoped(
    "has received what it acknowledged of a write that breaks, although the kernel did not say how far it got",
    () =>
      Effect.gen(function* () {
        const { alice, bob, join, server } = yield* pair({ ...noTimeouts, wrap: opaque })
        const carol = yield* join("carol")
        alice.say("bob: the first finds the route")
        yield* alice.barrier
        bob.socket.pause()
        // All of this is one write.
        bob.say("/ping")
        carol.say("bob: hi")
        alice.say("@first bob: 1", ...flood(5), "@last bob: 2", ...flood(15), "@late bob: 3")
        yield* alice.barrier
        bob.say("/ack 9")
        yield* settle
        bob.socket.reset()
        yield* settle
        const { received, returned, written } = yield* server.ledger
        assert.deepStrictEqual([received, written, returned], [9, 0, 16])
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), [
          "* received @first bob",
          "* received @last bob",
          "! undelivered @late bob reason=disconnected",
          "! undelivered bob reason=disconnected count=15"
        ])
      })
  )

  it.scoped("has got the lines of before its /hello ack, too, if it acknowledges a later one of the same write", () =>
    Effect.gen(function* () {
      const chat = yield* startMemoryServer({ ...noTimeouts, wrap: opaque })
      const bob = yield* chat.join("bob")
      const alice = yield* chat.join("alice")
      bob.socket.pause()
      alice.say(...flood(20)) // of which the kernel takes half
      yield* alice.barrier
      // All of this is the next write.
      alice.say("bob: before")
      yield* alice.barrier
      bob.say("/hello ack")
      yield* settle
      alice.say("bob: after", ...flood(10))
      yield* alice.barrier
      bob.socket.resume()
      yield* turnsUntil(
        () => numbersFrom("alice", bob.received).includes(19),
        () => "the first write"
      )
      bob.socket.pause()
      bob.say("/ack 1")
      yield* settle
      bob.socket.reset()
      yield* settle
      const { received, returned, written } = yield* chat.server.ledger
      assert.deepStrictEqual([received, written, returned], [1, 21, 10])
    })
  )

  it.scoped("acknowledges without using up its rate, and during a shutdown", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair({ ...noTimeouts, rate: 5 })
      yield* pass(1_000)
      alice.say("@a bob: 1", "@b bob: 2")
      yield* settle
      bob.say(...range(0, 50).map(() => "/ack 1"))
      yield* settle
      assert.deepStrictEqual(told(bob), ["from alice", "from alice"])
      const drain = yield* Effect.fork(server.drain)
      yield* settle
      bob.say("/ack 2")
      while (drain.unsafePoll() === null) yield* pass(10)
      yield* alice.ended
      assert.deepStrictEqual(
        told(alice).map((line) => line.slice(0, 13)),
        ["* received @a", "* closing gra", "* received @b", "* bye reason="]
      )
      assert.strictEqual(badAcks(bob), 0)
    })
  )
})
