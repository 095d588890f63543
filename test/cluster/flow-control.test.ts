import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { reportAfter } from "../../src/cluster/ForeignLines.js"
import { pass } from "../support/MemoryServer.js"
import { settle, turnsUntil } from "../support/Turns.js"
import { messages, replies, twoNodes } from "../support/TwoNodes.js"

const small = { outboxLines: 64, outboxBytes: 16_384, memory: { bufferBytes: 1_024 } }

const numbered = (to: string, from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `${to}: ${from + index}`)

describe("a slow recipient at another node", () => {
  it.scoped("holds its senders, and neither other recipients nor the link", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes(small)
      const [alice, carol] = [yield* a.join("alice"), yield* a.join("carol")]
      const [bob, dave] = [yield* b.join("bob"), yield* b.join("dave")]
      yield* settle
      bob.socket.pause()
      for (let sent = 0; sent < 3_000; sent += 100) {
        alice.say(...numbered("bob", sent, 100))
        yield* settle
      }
      carol.say(...numbered("dave", 0, 500))
      yield* turnsUntil(
        () => messages(dave).length === 500,
        () => "all lines at dave"
      )
      const { connections } = yield* a.server.inspect
      assert.strictEqual(connections.find(({ name }) => name === "alice")?.state, "held")
      // A quarter of the bound at the sender's node. What it was sent, the recipient's node has taken.
      const { queued } = b.counts()
      assert.isAtLeast(queued, 1)
      assert.isAtMost(queued, small.outboxLines / 4 + 100 + 1)
      assert.isAtMost((yield* a.server.ledger).inFlight, small.outboxLines / 4 + 100 + 1)
      bob.socket.resume()
      yield* turnsUntil(
        () => messages(bob).length === 3_000,
        () => "all lines at bob"
      )
      assert.deepStrictEqual(
        messages(bob),
        Array.from({ length: 3_000 }, (_, index) => `from alice: ${index}`)
      )
      assert.deepStrictEqual(replies(alice), [])
    })
  )

  it.scoped("is busy after the hold timeout, and its lines return once it is closed", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes(small)
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      alice.say(...numbered("bob", 0, 6_000))
      yield* pass(1_500)
      assert.deepStrictEqual(replies(alice), [])
      yield* pass(1_500)
      alice.say("bob: late")
      yield* settle
      assert.match(replies(alice).at(-1) ?? "", /^! undelivered bob reason=busy retry=1000/u)
      yield* pass(31_000)
      yield* settle
      const slow = replies(alice).filter((line) => line.includes("reason=slow"))
      assert.lengthOf(slow, 1)
      assert.match(slow[0] ?? "", /^! undelivered bob reason=slow count=\d+: disconnected by the server/u)
      const { inFlight } = yield* a.server.ledger
      assert.strictEqual(inFlight, 0)
      bob.socket.destroy()
    })
  )

  it.scoped("gets lines again from a sender that was busy, once it reads", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes(small)
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      alice.say(...numbered("bob", 0, 3_000))
      yield* pass(5_000)
      bob.socket.resume()
      yield* pass(500)
      const { length } = messages(bob)
      alice.say("bob: last")
      yield* pass(reportAfter)
      assert.strictEqual(messages(bob).length, length + 1)
      assert.strictEqual(messages(bob).at(-1), "from alice: last")
      const { accepted, returned, written } = yield* a.server.ledger
      assert.strictEqual(accepted, 3_001)
      assert.strictEqual(written + returned, 3_001)
      assert.strictEqual(written, length + 1)
    })
  )

  it.scoped("is not given more at once than the link takes", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes()
      const [alice, bob, carol] = [yield* a.join("alice"), yield* b.join("bob"), yield* b.join("carol")]
      yield* settle
      cluster.window = 10_000
      cluster.node("b").hold()
      for (let sent = 0; sent < 1_000; sent += 100) {
        alice.say(...numbered("bob, carol", sent, 100))
        yield* settle
      }
      assert.lengthOf(messages(bob), 0)
      cluster.node("b").letGo()
      yield* settle
      yield* pass(reportAfter)
      const all = Array.from({ length: 1_000 }, (_, index) => `from alice: ${index}`)
      assert.deepStrictEqual(messages(bob), all)
      assert.deepStrictEqual(messages(carol), all)
      assert.strictEqual((yield* a.server.ledger).written, 2_000)
    })
  )

  it.scoped("gets lines of 64 KB, thousands at once, and any UTF-8", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const [alice, bob] = [yield* a.join("älice"), yield* b.join("böb")]
      yield* settle
      const large = "x".repeat(65_000)
      alice.say(`böb: ${large}`, ...numbered("böb", 0, 20_000), "böb: grüße 👋🏽", `böb: ${large}`)
      yield* settle
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      const got = messages(bob)
      assert.lengthOf(got, 20_003)
      assert.strictEqual(got[0], `from älice: ${large}`)
      assert.strictEqual(got[20_000], "from älice: 19999")
      assert.strictEqual(got[20_001], "from älice: grüße 👋🏽")
      assert.strictEqual(got[20_002], `from älice: ${large}`)
    })
  )

  it.scoped("gets more in one batch than a content holds", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes({ outboxBytes: 64 * 1_048_576, outboxLines: 1_000_000 })
      const name = "a".repeat(32)
      const [alice, bob] = [yield* a.join(name), yield* b.join("b")]
      yield* settle
      const count = 60_000
      alice.say(...numbered("b", 0, count))
      yield* turnsUntil(
        () => bob.received.length === count + 1,
        () => "all lines"
      )
      const got = messages(bob)
      for (let index = 0; index < count; index++) assert.strictEqual(got[index], `from ${name}: ${index}`)
      yield* pass(reportAfter)
      assert.strictEqual((yield* a.server.ledger).written, count)
    })
  )

  it.scoped("is one of a thousand that a line has", () =>
    Effect.gen(function* () {
      const { a, b } = yield* twoNodes()
      const alice = yield* a.join("alice")
      const names = Array.from({ length: 1_000 }, (_, index) => `c${index}`)
      const there = yield* Effect.forEach(names.slice(0, 500), (name) => b.join(name))
      const here = yield* Effect.forEach(names.slice(500, 600), (name) => a.join(name))
      yield* settle
      alice.say(`${names.join(", ")}: hi`)
      yield* settle
      yield* pass(reportAfter)
      for (const client of [...there, ...here]) assert.deepStrictEqual(messages(client), ["from alice: hi"])
      const { returned, written } = yield* a.server.ledger
      assert.deepStrictEqual({ returned, written }, { returned: 400, written: 600 })
      yield* pass(3_000)
    })
  )
})
