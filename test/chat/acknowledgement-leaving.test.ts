import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { pass } from "../support/MemoryServer.js"
import { flood, numbersFrom } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"
import { badAcks, floodTo, pair, told } from "../support/AcknowledgingClients.js"

describe("a client that acknowledges", () => {
  describe("that leaves", () => {
    it.scoped("with /quit gets its queue, may acknowledge, and is gone once it has", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1", "@b bob: 2")
        yield* alice.barrier
        bob.say("@q /quit", "/ping ignored", "alice: ignored", "/ack 1")
        yield* alice.barrier
        yield* settle
        assert.isFalse(bob.end().inOrder)
        yield* pass(4_900)
        assert.deepStrictEqual(told(alice), ["* received @a bob"])
        bob.say("/ack 99", "x".repeat(200_000), "/ack 2")
        yield* bob.ended
        assert.deepStrictEqual(told(bob).slice(-1), ["* bye @q reason=quit"])
        assert.strictEqual(badAcks(bob), 0)
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), ["* received @a bob", "* received @b bob"])
        assert.deepStrictEqual(
          (yield* server.inspect).closed.map(({ reason }) => reason),
          ["quit"]
        )
      })
    )

    it.scoped("with /quit, and then acknowledges nothing, is gone after the linger time", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1", "bob: 2", "bob: 3")
        yield* settle
        yield* pass(3_000)
        bob.say("bob: to myself", "/quit")
        yield* settle
        yield* pass(4_900)
        assert.isFalse(bob.end().inOrder)
        yield* pass(350)
        yield* bob.ended
        assert.match(bob.received.at(-1) ?? "", /^\* bye reason=quit/)
        yield* alice.barrier
        assert.deepStrictEqual(told(alice), [
          "! undelivered @a bob reason=disconnected",
          "! undelivered bob reason=disconnected count=2"
        ])
      })
    )

    it.scoped("with /quit, when it has acknowledged everything, is gone at once", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(shortTimeouts)
        alice.say("@a bob: 1")
        yield* alice.barrier
        bob.say("/ack 1", "/quit")
        yield* bob.ended
      })
    )

    it.scoped("by shutting down its sending half cannot acknowledge: nothing waits for it", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(noTimeouts)
        alice.say("/hello ack", "@a bob: 1", "@b bob: 2")
        yield* alice.barrier
        bob.say("/ack 1", "bob: to myself", "alice: the last")
        bob.socket.end()
        yield* settle
        alice.say("/ack 1")
        yield* bob.ended
        yield* alice.barrier
        assert.sameMembers(told(alice), ["from bob", "* received @a bob", "! undelivered @b bob reason=disconnected"])
      })
    )

    it.scoped("while another does, and each has written to the other", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* pair(noTimeouts)
        alice.say("/hello ack")
        yield* alice.barrier
        alice.socket.pause()
        bob.socket.pause()
        alice.say(...flood(30))
        bob.say(...floodTo("alice", 30))
        yield* settle
        alice.socket.end()
        bob.socket.end()
        yield* settle
        alice.socket.resume()
        bob.socket.resume()
        yield* alice.ended
        yield* bob.ended
        assert.strictEqual(numbersFrom("alice", bob.received).length, 30)
        assert.strictEqual((yield* server.ledger).inFlight, 0)
      })
    )
  })

  it.scoped("is waited for by a drain, and cut off at the end of the grace time", () =>
    Effect.gen(function* () {
      const { alice, bob, server } = yield* pair(shortTimeouts)
      alice.say("@a bob: 1", "@b bob: 2")
      yield* alice.barrier
      const drain = yield* Effect.fork(server.drain)
      bob.say("/ack 1")
      yield* pass(490)
      assert.isFalse(bob.end().inOrder)
      yield* pass(20)
      yield* bob.ended
      yield* alice.ended
      while (drain.unsafePoll() === null) yield* pass(50)
      assert.includeMembers(told(alice), ["* received @a bob", "! undelivered @b bob reason=disconnected"])
    })
  )
})
