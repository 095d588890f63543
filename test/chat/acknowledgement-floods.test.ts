import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { flood, numbersFrom, range } from "../support/NumberedLines.js"
import { noTimeouts, shortTimeouts } from "../support/SmallSettings.js"
import { settle, turnsUntil } from "../support/Turns.js"
import { badAcks, floodTo, isOver, pair, told } from "../support/AcknowledgingClients.js"

/** Acknowledges what has arrived, after everything that the client has already sent. */
const acknowledge = ({ received, say }: MemoryClient) =>
  say(`/ack ${received.filter((line) => line.startsWith("from ")).length}`)

const labelledTo = (name: string) => range(0, 30).map((number) => `@${number} ${name}: ${number}`)

describe("a client that acknowledges", () => {
  describe("that floods and is flooded", () => {
    it.scoped("both get everything although neither reads nor acknowledges before it has sent everything", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair(noTimeouts)
        alice.say("/hello ack")
        yield* alice.barrier
        const count = 500
        alice.say(...flood(count), "/ping alice is through")
        bob.say(...floodTo("alice", count), "/ping bob is through")
        yield* turnsUntil(
          () => {
            acknowledge(alice)
            acknowledge(bob)
            return (
              alice.received.includes("* pong: alice is through") && bob.received.includes("* pong: bob is through")
            )
          },
          () => `the end of both floods: ${alice.received.length} and ${bob.received.length} lines`
        )
        yield* settle
        assert.strictEqual(badAcks(alice) + badAcks(bob), 0)
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, count))
        assert.deepStrictEqual(numbersFrom("bob", alice.received), range(0, count))
      })
    )

    it.scoped("in a ring of three, each gets everything", () =>
      Effect.gen(function* () {
        const { alice, bob, join } = yield* pair(noTimeouts)
        const carol = yield* join("carol")
        const ring = [alice, bob, carol]
        const names = ["bob", "carol", "alice"]
        for (const client of ring) client.say("/hello ack")
        for (const client of ring) yield* client.barrier
        ring.forEach((client, index) => {
          client.say(...floodTo(names[index] ?? "", 300), "/ping through")
        })
        yield* turnsUntil(
          () => {
            ring.forEach(acknowledge)
            return ring.every(({ received }) => received.includes("* pong: through"))
          },
          () => "the end of the floods"
        )
        yield* settle
        for (const [index, sender] of ["carol", "alice", "bob"].entries()) {
          assert.deepStrictEqual(numbersFrom(sender, ring[index]?.received ?? []), range(0, 300))
        }
      })
    )

    it.scoped("writes to itself more than it may hold", () =>
      Effect.gen(function* () {
        const { bob } = yield* pair(noTimeouts)
        bob.say(...flood(300), "/ping through")
        yield* bob.barrier
        assert.deepStrictEqual(numbersFrom("bob", bob.received), range(0, 300))
      })
    )

    it.scoped("is not unreachable, nor busy, while it is held by a third", () =>
      Effect.gen(function* () {
        const { alice, bob, join } = yield* pair({
          ...shortTimeouts,
          holdTimeout: Duration.minutes(1),
          stallTimeout: Duration.minutes(1)
        })
        const carol = yield* join("carol")
        carol.socket.pause()
        alice.say("bob: 0")
        yield* settle
        yield* pass(50_000)
        bob.say(...floodTo("carol", 100), "/ack 1", "/ping through")
        yield* settle
        assert.notInclude(bob.received, "* pong: through")
        alice.say(...flood(300, 1), "/ping not held")
        yield* settle
        assert.include(alice.received, "* pong: not held", "bob's lines do not count while he is held")
        yield* pass(50_000)
        assert.isFalse(isOver(bob))
        carol.socket.resume()
        yield* turnsUntil(
          () => bob.received.includes("* pong: through"),
          () => "the end of the hold"
        )
        assert.deepStrictEqual(numbersFrom("alice", bob.received), range(0, 301))
        alice.say("bob: 301", "/ping held now")
        yield* settle
        assert.notInclude(alice.received, "* pong: held now", "they count again")
      })
    )

    it.scoped("is unreachable if it waits for outcomes that depend on its own acknowledgements", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair({ ...shortTimeouts, maxOutcomes: 10 })
        alice.say("/hello ack")
        yield* alice.barrier
        alice.say(...labelledTo("bob"), "/ack 11")
        bob.say(...labelledTo("alice"), "/ack 11")
        yield* settle
        yield* pass(8_250)
        assert.isTrue(isOver(alice) || isOver(bob))
        yield* pass(10_000)
        assert.isTrue(isOver(alice) && isOver(bob))
      })
    )

    it.scoped("lives on while it waits for outcomes and these come", () =>
      Effect.gen(function* () {
        const { alice, bob } = yield* pair({ ...shortTimeouts, maxOutcomes: 10 })
        alice.say("/hello ack")
        yield* alice.barrier
        bob.say("alice: never acknowledged in time")
        yield* settle
        alice.say(...range(0, 30).map((number) => `@${number} bob: ${number}`), "/ack 1")
        yield* settle
        for (let line = 1; line <= 4; line++) {
          yield* pass(7_000)
          bob.say(`/ack ${line}`)
          yield* settle
          assert.isFalse(isOver(alice))
        }
        bob.say("/ack 11")
        yield* settle
        assert.isFalse(isOver(alice))
        assert.strictEqual(told(alice).filter((line) => line.startsWith("* received")).length, 11)
      })
    )
  })
})
