import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { MakeFeature } from "../../src/chat/Feature.js"
import type { LineOutcome } from "../../src/chat/LineOutcome.js"
import type { Peer } from "../../src/chat/Peer.js"
import * as Reply from "../../src/protocol/Reply.js"
import { startMemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const outcomeOf = (line: string): LineOutcome => {
  if (line.endsWith("full")) return { _tag: "Returned", reason: "full" }
  if (line.endsWith("bad")) return { _tag: "Refused", refusal: () => Reply.badLine("not here") }
  return { _tag: "Delivered", fate: "stored", params: " seq=7" }
}

/** Keeps the lines to `#log`, and gives them to every client, of which it knows how many lines have been delivered. */
const makeLog = () => {
  const delivered = new Map<string, number>()
  const present = new Set<Peer>()
  const sourceFor = ({ name }: Peer) => ({
    delivered: (lines: number) => void delivered.set(name, (delivered.get(name) ?? 0) + lines)
  })
  const feature: MakeFeature = (broker) => {
    const log = broker.outbox("#log")
    const store = Effect.gen(function* () {
      const batch = log.ready() ?? (yield* log.next({ go: Effect.succeed, write: Effect.succeed }))
      const outcomes = batch.text.split("\n").slice(0, -1).map(outcomeOf)
      yield* broker.inTurn(() => {
        broker.settledEach(log, batch, outcomes)
        const lines = outcomes.filter(({ _tag }) => _tag === "Delivered").length
        if (lines > 0)
          for (const peer of present) broker.give(peer, "from log: kept\n".repeat(lines), lines, sourceFor(peer))
      })
    })
    return {
      resolvers: [{ resolve: (name) => (name === "#log" ? { outboxes: [log], suffix: "" } : undefined) }],
      joined: (peer) => void present.add(peer),
      left: (peer) => void present.delete(peer),
      run: Effect.forever(store)
    }
  }
  return { feature, delivered }
}

describe("a feature that keeps lines", () => {
  it.scoped("settles each line of a batch by itself", () =>
    Effect.gen(function* () {
      const { feature } = makeLog()
      const { join, server } = yield* startMemoryServer({ features: [feature] })
      const alice = yield* join("alice")
      alice.say(
        "/hello send-only",
        "@a #log: one",
        "#log: full",
        "#log: two full",
        "@b #log: full",
        "#log: bad",
        "@c #log: bad"
      )
      yield* settle
      assert.deepStrictEqual(
        alice.received.filter((line) => !/^(from|\* hello|\* pong)/u.test(line)),
        [
          "* stored @a #log seq=7: stored",
          "! bad-line: not here",
          "! bad-line @c: not here",
          "! undelivered @b #log reason=full: too many lines wait for this account; it must read some first",
          "! undelivered #log reason=full count=2: too many lines wait for this account; it must read some first"
        ]
      )
      const { accepted, inFlight, returned, stored, written } = yield* server.ledger
      assert.deepStrictEqual([accepted, stored, returned, written, inFlight], [6, 1, 5, 0, 0])
    })
  )

  it.scoped("learns how far a client was given its lines, by its writes or by its acknowledgements", () =>
    Effect.gen(function* () {
      const { delivered, feature } = makeLog()
      const { join, server } = yield* startMemoryServer({ features: [feature] })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      bob.say("/hello ack")
      yield* settle
      alice.say("#log: one", "#log: two", "#log: three")
      yield* settle
      assert.deepStrictEqual([...delivered], [["alice", 3]])
      bob.say("/ack 2")
      yield* settle
      assert.strictEqual(delivered.get("bob"), 2)
      bob.socket.reset()
      yield* settle
      assert.strictEqual(delivered.get("bob"), 2, "the third stays in the log")
      assert.deepStrictEqual((yield* server.ledger).returned, 0)
    })
  )

  it.scoped("does not learn of lines that a client did not take", () =>
    Effect.gen(function* () {
      const { delivered, feature } = makeLog()
      const { join } = yield* startMemoryServer({ features: [feature], memory: { bufferBytes: 64 } })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      bob.socket.pause()
      for (let line = 0; line < 20; line++) {
        alice.say(`#log: ${line}`)
        yield* settle
      }
      const taken = delivered.get("bob") ?? 0
      assert.isBelow(taken, 20)
      bob.socket.reset()
      yield* settle
      assert.isAtLeast(delivered.get("bob") ?? 0, taken)
      assert.isBelow(delivered.get("bob") ?? 0, 20)
      assert.strictEqual(delivered.get("alice"), 20)
    })
  )
})
