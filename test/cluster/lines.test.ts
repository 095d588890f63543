import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { reportAfter } from "../../src/cluster/ForeignLines.js"
import * as ClusterMetrics from "../../src/telemetry/ClusterMetrics.js"
import { startNode } from "../support/ClusterServers.js"
import { pass } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"
import { messages, replies, twoNodes } from "../support/TwoNodes.js"

/** Lines of which the time until their outcome was measured. */
const measured = () => ClusterMetrics.outcomes.counts.reduce((sum, count) => sum + count, 0)

describe("lines to a client at another node", () => {
  it.scoped("arrive, and are written in the ledger of their sender's node", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      const before = measured()
      alice.say("bob: one", "bob: two", "/hello", "@k bob: three")
      bob.say("alice: back")
      yield* pass(reportAfter)
      assert.deepStrictEqual(messages(bob), ["from alice: one", "from alice: two", "from alice: three"])
      assert.deepStrictEqual(messages(alice), ["from bob: back"])
      assert.deepStrictEqual(replies(alice), ["* written @k bob: written"])
      const { accepted, inFlight, written } = yield* a.server.ledger
      assert.deepStrictEqual({ accepted, inFlight, written }, { accepted: 3, inFlight: 0, written: 3 })
      assert.deepStrictEqual(b.counts(), {
        isOpen: true,
        foreign: { received: 3, delivered: 3, returned: 0 },
        queued: 0,
        inDoubt: 0,
        unreadable: 0
      })
      assert.strictEqual((yield* b.server.ledger).accepted, 1)
      assert.strictEqual(measured() - before, 4)
    })
  )

  it.scoped("return at once if no client has the name", () =>
    Effect.gen(function* () {
      const { a } = yield* twoNodes()
      const alice = yield* a.join("alice")
      alice.say("carol: one", "carol: two", "no name!: three")
      yield* settle
      assert.sameMembers(replies(alice), [
        "! undelivered carol reason=offline count=2: no recipient of that name is online",
        "! undelivered no%20name%21 reason=offline: no recipient of that name is online"
      ])
      alice.say("carol: again")
      yield* settle
      assert.strictEqual(
        replies(alice).at(-1),
        "! undelivered carol reason=offline: no recipient of that name is online"
      )
    })
  )

  it.scoped("return as unavailable while it is unknown where the name is, also those that were held", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes({ outboxLines: 64 })
      const alice = yield* a.join("alice")
      cluster.isUnavailable = true
      alice.say(...Array.from({ length: 100 }, (_, index) => `bob: ${index}`))
      yield* settle
      const { inFlight, returned } = yield* a.server.ledger
      assert.deepStrictEqual({ inFlight, returned }, { inFlight: 0, returned: 100 })
      for (const line of replies(alice)) assert.match(line, /^! undelivered bob reason=unavailable retry=1000/u)
      cluster.isUnavailable = false
      const bob = yield* b.join("bob")
      yield* settle
      alice.say("bob: now")
      yield* settle
      assert.deepStrictEqual(messages(bob), ["from alice: now"])
    })
  )

  it.scoped("return as unavailable while too many unknown names are looked up at once", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const alice = yield* a.join("alice")
      const bob = yield* b.join("bob")
      yield* settle
      const names = Array.from({ length: 256 }, (_, index) => `n${index}`)
      alice.say(`${[...names, "last", "bob"].join(", ")}: hi`, "last: again")
      yield* settle
      assert.deepStrictEqual(
        replies(alice).filter((line) => line.includes("last")),
        [
          "! undelivered last reason=unavailable retry=1000 count=2: the server cannot store or deliver lines at " +
            "the moment"
        ]
      )
      const offline = replies(alice).flatMap((line) =>
        line.includes("reason=offline") ? (line.match(/n\d+/gu) ?? []) : []
      )
      assert.sameMembers(offline, names)
      assert.deepStrictEqual(messages(bob), ["from alice: hi"])
      alice.say("last: once more")
      yield* settle
      assert.strictEqual(
        replies(alice).at(-1),
        "! undelivered last reason=offline: no recipient of that name is online"
      )
      yield* pass(2_000)
    })
  )

  it.scoped("reach a name that was unknown a second ago", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const alice = yield* a.join("alice")
      for (const text of ["one", "one more"]) {
        alice.say(`bob: ${text}`)
        yield* settle
      }
      const bob = yield* b.join("bob")
      yield* settle
      alice.say("bob: two")
      yield* settle
      assert.deepStrictEqual(messages(bob), ["from alice: two"])
      yield* pass(3_000)
    })
  )

  it.scoped("go to recipients at several nodes, and list them to those who asked for that", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes()
      const c = yield* startNode(cluster.join("c"))
      const [alice, bob, carol, dave] = [
        yield* a.join("alice"),
        yield* b.join("bob"),
        yield* c.join("carol"),
        yield* a.join("dave")
      ]
      bob.say("/hello to auto")
      alice.say("/hello auto")
      yield* settle
      alice.say("bob, carol, dave: all", "@1 bob, carol, dave, erin: labelled", "dave, bob: from alice to=x: mine")
      yield* settle
      assert.deepStrictEqual(messages(bob), [
        "from alice to=carol+dave auto=yes: all",
        "from alice to=carol+dave+erin auto=yes: labelled",
        "from alice to=dave auto=yes: from alice to=x: mine"
      ])
      assert.deepStrictEqual(messages(carol), ["from alice: all", "from alice: labelled"])
      assert.deepStrictEqual(messages(dave), [
        "from alice: all",
        "from alice: labelled",
        "from alice: from alice to=x: mine"
      ])
      assert.sameMembers(
        replies(alice).filter((line) => line.includes("@1")),
        [
          "* written @1 bob: written",
          "* written @1 carol: written",
          "* written @1 dave: written",
          "! undelivered @1 erin reason=offline: no recipient of that name is online"
        ]
      )
    })
  )

  it.scoped("are received once a recipient with ack has acknowledged them, one after the other", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      alice.say("/hello")
      bob.say("/hello ack")
      yield* settle
      alice.say("@1 bob: one", "@2 bob: two", "@3 bob: three", "bob: four")
      yield* settle
      assert.deepStrictEqual(replies(alice), [])
      bob.say("/ack 2")
      yield* settle
      assert.deepStrictEqual(replies(alice), ["* received @1 bob: received", "* received @2 bob: received"])
      bob.socket.destroy()
      yield* settle
      assert.sameMembers(replies(alice).slice(2), [
        "! undelivered @3 bob reason=disconnected: disconnected before the line was written, or before it was " +
          "acknowledged",
        "! undelivered bob reason=disconnected count=1: disconnected before the line was written, or before it was " +
          "acknowledged"
      ])
      const { received, returned } = yield* a.server.ledger
      assert.deepStrictEqual({ received, returned }, { received: 2, returned: 2 })
    })
  )
})
