import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import type { Inspection } from "../../src/chat/Inspection.js"
import { pass } from "../support/MemoryServer.js"
import { flood, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle, turnsUntil } from "../support/Turns.js"
import { isOver, pair, told } from "../support/AcknowledgingClients.js"

/** The clients whose connections have ended, and why. */
const closings = ({ inspect }: { readonly inspect: Effect.Effect<Inspection> }) =>
  Effect.map(inspect, ({ closed }) => closed.map(({ name, reason }) => `${name} ${reason}`))

describe("a client that acknowledges", () => {
  describe("and whose socket takes nothing", () => {
    /** Bob's program has 20 lines, his kernel has 10 more and a part of another, and his outbox is full. */
    const stuck = Effect.gen(function* () {
      const chat = yield* pair(shortTimeouts)
      chat.alice.say(...flood(20))
      yield* settle
      chat.bob.socket.pause()
      chat.alice.say(...flood(80, 20), "/ping held")
      yield* settle
      assert.deepStrictEqual(numbersFrom("alice", chat.bob.received), range(0, 20))
      return chat
    })

    it.scoped("is neither jammed nor closed as long as it acknowledges what it has, line by line", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        for (let line = 1; line <= 6; line++) {
          yield* pass(1_900)
          bob.say(`/ack ${line}`)
        }
        yield* settle
        assert.notInclude(alice.received, "* pong: held")
        yield* pass(7_999)
        assert.deepStrictEqual(yield* closings(server), [])
        yield* pass(251)
        assert.deepStrictEqual(yield* closings(server), ["bob unreachable"])
      })
    )

    it.scoped("is closed as slow-consumer when it has nothing left to acknowledge, and takes nothing for as long", () =>
      Effect.gen(function* () {
        const { bob, server } = yield* stuck
        yield* pass(5_000)
        bob.say("/ack 30")
        yield* settle
        assert.strictEqual((yield* server.measure).unacknowledgedLines, 0)
        yield* pass(7_999)
        assert.deepStrictEqual(yield* closings(server), [])
        yield* pass(251)
        assert.deepStrictEqual(yield* closings(server), ["bob slow-consumer"])
      })
    )

    it.scoped("is closed as slow-consumer if it only repeats its last acknowledgement", () =>
      Effect.gen(function* () {
        const { bob, server } = yield* stuck
        for (let times = 0; times < 5; times++) {
          yield* pass(1_500)
          bob.say("/ack 0")
        }
        yield* pass(500)
        yield* settle
        assert.deepStrictEqual(yield* closings(server), ["bob slow-consumer"])
      })
    )
  })

  describe("and does not process what it reads", () => {
    /** Bob reads everything and acknowledges nothing; his outbox is full, and alice is held. */
    const stuck = Effect.gen(function* () {
      const chat = yield* pair(shortTimeouts)
      chat.alice.say(...flood(100), "/ping held")
      yield* settle
      assert.strictEqual(numbersFrom("alice", chat.bob.received).length, 41)
      return chat
    })

    it.scoped("holds its senders for the hold timeout, and is busy after that", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        const [connection] = (yield* server.inspect).connections
        assert.deepStrictEqual([connection?.queueLines, connection?.unacknowledgedLines], [0, 41])
        assert.strictEqual((yield* server.measure).unacknowledgedLines, 41)
        yield* pass(1_999)
        assert.notInclude(alice.received, "* pong: held")
        yield* pass(1)
        assert.include(alice.received, "* pong: held")
        assert.strictEqual(returnedCount("busy", alice.received), 59)
        assert.strictEqual(numbersFrom("alice", bob.received).length, 41)
      })
    )

    it.scoped("releases its senders when it has acknowledged half of what it holds", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        bob.say("/ack 20")
        yield* bob.barrier
        assert.strictEqual(numbersFrom("alice", bob.received).length, 41)
        // No barrier: its pong would be written to bob, and whatever is written makes room as well.
        bob.say("/ack 21")
        yield* settle
        assert.isAbove(numbersFrom("alice", bob.received).length, 41)
        assert.notInclude(alice.received, "* pong: held")
        bob.say("/ack 50")
        yield* bob.barrier
        yield* settle
        bob.say("/ack 90")
        yield* bob.barrier
        yield* alice.barrier
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 100))
      })
    )

    it.scoped("is no longer busy once it acknowledges something", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        yield* pass(2_000)
        const before = alice.received.length
        alice.say("bob: one more")
        yield* alice.barrier
        assert.match(alice.received[before] ?? "", /^! undelivered bob reason=busy retry=1000: /)
        bob.say("/ack 1")
        yield* bob.barrier
        alice.say("bob: and another", "/ping held again")
        yield* pass(1_999)
        assert.notInclude(alice.received, "* pong: held again", "held, and not told that bob is busy")
        bob.say("/ack 41")
        yield* bob.barrier
        yield* settle
        assert.include(alice.received, "* pong: held again")
        assert.include(bob.received, "from alice: and another")
      })
    )

    it.scoped("still gets the replies to its own lines", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* stuck
        bob.say("alice: I am busy", "/ping", "nobody: hi")
        yield* bob.barrier
        assert.include(alice.received, "from bob: I am busy")
      })
    )

    it.scoped("is unreachable after the stall timeout; everything returns, and its name is free", () =>
      Effect.gen(function* () {
        const { alice, bob, join, server } = yield* stuck
        alice.say("@k bob: busy by then")
        yield* pass(7_999)
        assert.isFalse(isOver(bob))
        yield* pass(251)
        yield* bob.ended
        yield* alice.barrier
        assert.strictEqual(returnedCount("unreachable", alice.received), 41)
        assert.match(alice.received.join("\n"), /^! undelivered bob reason=unreachable count=41: .*may have/m)
        const closed = (yield* server.inspect).closed.map(({ name, reason }) => `${name} ${reason}`)
        assert.deepStrictEqual(closed, ["bob unreachable"])
        assert.strictEqual((yield* server.ledger).inFlight, 0)
        yield* join("bob")
      })
    )

    it.scoped("is not unreachable as long as it acknowledges a line now and then", () =>
      Effect.gen(function* () {
        const { bob } = yield* stuck
        for (let line = 1; line <= 5; line++) {
          yield* pass(7_500)
          bob.say(`/ack ${line}`)
          yield* bob.barrier
        }
        yield* pass(7_999)
        yield* bob.barrier
        yield* pass(300)
        assert.isTrue(isOver(bob))
      })
    )

    it.scoped("is not unreachable as long as it repeats its last acknowledgement, but stays jammed", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        for (let times = 1; times <= 5; times++) {
          yield* pass(7_500)
          bob.say("/ack 0")
          yield* bob.barrier
        }
        assert.strictEqual((yield* server.ledger).received, 0)
        alice.say("bob: one more")
        yield* alice.barrier
        assert.match(alice.received.at(-2) ?? "", /^! undelivered bob reason=busy /u)
        yield* pass(8_250)
        assert.isTrue(isOver(bob))
      })
    )

    it.scoped("returns what it has not acknowledged when its connection breaks", () =>
      Effect.gen(function* () {
        const { alice, bob, server } = yield* stuck
        bob.say("/ack 11")
        yield* settle
        bob.socket.destroy()
        yield* pass(10)
        yield* alice.barrier
        assert.strictEqual(returnedCount("disconnected", alice.received), 30)
        const { received, returned, written } = yield* server.ledger
        assert.deepStrictEqual([received, written, returned], [11, 0, 89], "the last 59 found bob offline")
      })
    )
  })

  it.scoped("continues when the outcomes that it waits for come in the turn in which it would be held", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair({ ...noTimeouts, maxOutcomes: 10 })
      alice.say("/hello ack")
      yield* alice.barrier
      alice.say(...range(0, 11).map((number) => `@${number} bob: ${number}`))
      yield* settle
      assert.lengthOf(numbersFrom("alice", bob.received), 11)
      bob.say("/ack 11")
      alice.say("/ping now")
      yield* turnsUntil(
        () => alice.received.includes("* pong: now"),
        () => "alice is still held"
      )
    })
  )

  it.scoped("acknowledges lines to itself, however many outcomes of them it waits for", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* pair({ ...noTimeouts, maxOutcomes: 10 })
      bob.say(...range(0, 30).map((number) => `@${number} bob: ${number}`))
      yield* settle
      assert.deepStrictEqual(numbersFrom("bob", bob.received), range(0, 30))
      bob.say("/ack 30", "/ping now")
      yield* turnsUntil(
        () => bob.received.includes("* pong: now"),
        () => "bob is held"
      )
      assert.strictEqual(told(bob).filter((line) => line.startsWith("* received @")).length, 30)
      assert.strictEqual((yield* server.ledger).received, 30)
    })
  )

  it.scoped("releases its senders when it leaves, although its own lines wait for others", () =>
    Effect.gen(function* () {
      const { alice, bob, join } = yield* pair({ ...noTimeouts, outboxLines: 16 })
      const carol = yield* join("carol")
      carol.say("/hello ack")
      yield* carol.barrier
      bob.say("carol: in flight")
      yield* bob.barrier
      alice.say(...flood(100), "/ping after the flood")
      yield* settle
      assert.notInclude(alice.received, "* pong: after the flood")
      bob.socket.end()
      yield* turnsUntil(
        () => alice.received.includes("* pong: after the flood"),
        () => "alice is still held"
      )
      assert.isAtLeast(returnedCount("disconnected", alice.received), 16)
    })
  )

  it.scoped("is never unreachable while nothing waits for its acknowledgement", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(shortTimeouts)
      alice.say("bob: 1")
      yield* settle
      bob.say("/ack 1")
      yield* pass(60_000)
      yield* bob.barrier
      alice.say("bob: 2")
      yield* settle
      yield* pass(7_900)
      yield* bob.barrier
    })
  )

  it.scoped("is given the time anew for the next line, however shortly before it had acknowledged everything", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* pair(shortTimeouts)
      for (let line = 1; line < 20; line++) {
        alice.say(`bob: ${line}`)
        yield* settle
        yield* pass(7_990)
        bob.say(`/ack ${line}`)
        yield* bob.barrier
      }
    })
  )
})
