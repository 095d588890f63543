import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { vi } from "vitest"
import { likenessOf } from "../../src/chat/Names.js"
import { Watch } from "../../src/chat/Watch.js"
import { reportAfter } from "../../src/cluster/ForeignLines.js"
import { pass } from "../support/MemoryServer.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"
import { messages, replies, twoNodes } from "../support/TwoNodes.js"

describe("a node that is lost", () => {
  it.scoped("may have delivered what it was sent, and nothing else", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      alice.say("/hello")
      yield* settle
      cluster.window = 1_000
      cluster.node("b").hold()
      alice.say("@1 bob: sent", "bob: sent as well")
      yield* settle
      alice.say(`bob: ${"x".repeat(2_000)}`)
      yield* settle
      alice.say("@2 bob: waits", "bob: waits as well")
      yield* settle
      assert.deepStrictEqual(replies(alice), [])
      cluster.lose(cluster.node("b"))
      yield* settle
      assert.sameMembers(replies(alice), [
        "! undelivered @1 bob reason=node-lost: the server that had the line was lost; the line may have arrived",
        "! undelivered bob reason=node-lost count=2: the server that had the line was lost; the line may have arrived",
        "! undelivered @2 bob reason=disconnected: disconnected before the line was written, or before it was " +
          "acknowledged",
        "! undelivered bob reason=disconnected count=1: disconnected before the line was written, or before it was " +
          "acknowledged"
      ])
      assert.strictEqual(a.counts().inDoubt, 3)
      alice.say("bob: later")
      yield* settle
      assert.strictEqual(replies(alice).at(-1), "! undelivered bob reason=offline: no recipient of that name is online")
      assert.deepStrictEqual(messages(bob), [])
      yield* pass(2_000)
    })
  )

  it.scoped("leaves nothing to watch, not even a recipient that was full", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes({
        outboxLines: 64,
        outboxBytes: 16_384,
        memory: { bufferBytes: 1_024 }
      })
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      alice.say(...Array.from({ length: 3_000 }, (_, index) => `bob: ${index}`))
      yield* pass(5_000)
      assert.match(replies(alice).at(-1) ?? "", /^! undelivered bob reason=busy/u)
      bob.socket.destroy()
      cluster.lose(cluster.node("b"))
      yield* pass(10_000)
      const ticks = vi.spyOn(Watch.prototype, "tick")
      yield* pass(10_000)
      assert.strictEqual(ticks.mock.calls.length, 0)
      ticks.mockRestore()
    })
  )

  it.scoped("keeps no client from writing what it had sent before", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes({ memory: { bufferBytes: 64 } })
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      alice.say(...Array.from({ length: 100 }, (_, index) => `bob: ${index}`))
      yield* settle
      cluster.lose(cluster.node("a"))
      bob.socket.resume()
      yield* settle
      assert.lengthOf(messages(bob), 100)
      assert.strictEqual(b.counts().queued, 0)
    })
  )
})

describe("a node that is suspended", () => {
  /** The kernel has a part of bob's first line, which his socket was given before. */
  const stuck = Effect.gen(function* () {
    const nodes = yield* twoNodes({ memory: { bufferBytes: 64 } })
    const { a, b } = nodes
    const [alice, carol, bob] = [yield* a.join("alice"), yield* b.join("carol"), yield* b.join("bob")]
    yield* settle
    bob.socket.pause()
    carol.say(`bob: ${"x".repeat(100)}`)
    yield* settle
    alice.say(...Array.from({ length: 10 }, (_, index) => `bob: ${index}`))
    yield* settle
    carol.say(...Array.from({ length: 10 }, (_, index) => `bob: ${index}`))
    yield* settle
    return { ...nodes, alice, bob, carol }
  })

  it.scoped("writes no message, and goes on where it stood", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob, carol, cluster } = yield* stuck
      cluster.node("b").suspend()
      yield* settle
      bob.socket.resume()
      yield* settle
      assert.lengthOf(messages(bob), 1)
      carol.say("bob: later", "alice: later", "nobody: later", "/ping on")
      yield* settle
      assert.deepStrictEqual(replies(carol), [
        "! undelivered bob reason=unavailable retry=1000: the server cannot store or deliver lines at the moment",
        "! undelivered alice reason=unavailable retry=1000: the server cannot store or deliver lines at the moment",
        "! undelivered nobody reason=unavailable retry=1000: the server cannot store or deliver lines at the moment"
      ])
      assert.include(carol.received, "* pong: on")
      const dave = yield* b.connect
      dave.say("dave")
      yield* dave.ended
      assert.match(dave.received[0] ?? "", /^! slow-down retry=\d+ fatal/u)
      assert.lengthOf(messages(bob), 1)
      cluster.node("b").resume()
      yield* settle
      assert.deepStrictEqual(messages(bob).slice(1), [
        ...Array.from({ length: 10 }, (_, index) => `from alice: ${index}`),
        ...Array.from({ length: 10 }, (_, index) => `from carol: ${index}`)
      ])
      carol.say("bob: new", "alice: new")
      yield* pass(reportAfter)
      assert.deepStrictEqual(messages(bob).at(-1), "from carol: new")
      assert.deepStrictEqual(messages(alice).at(-1), "from carol: new")
      assert.strictEqual((yield* a.server.ledger).written, 10)
    })
  )

  it.scoped("keeps the connections of clients that read, however long that lasts", () =>
    Effect.gen(function* () {
      const { alice, b, bob, carol, cluster } = yield* stuck
      cluster.node("b").suspend()
      yield* settle
      bob.socket.resume() // from now on bob reads everything that the server writes
      yield* settle
      yield* Effect.repeatN(pass(1_000), 60)
      assert.deepStrictEqual([messages(bob).length, bob.end().closed], [1, false])
      cluster.node("b").resume()
      yield* settle
      assert.lengthOf(messages(bob), 21)
      assert.deepStrictEqual([...replies(alice), ...replies(carol)], [])
      assert.strictEqual((yield* b.server.ledger).returned, 0)
    })
  )

  it.scoped("still disconnects clients that do not read what they were given before", () =>
    Effect.gen(function* () {
      const { alice, b, cluster } = yield* stuck
      cluster.node("b").suspend()
      yield* settle
      yield* Effect.repeatN(pass(1_000), 40)
      assert.notInclude(yield* b.server.names, "bob")
      cluster.node("b").resume()
      yield* settle
      assert.match(replies(alice).join("\n"), /^! undelivered bob reason=slow count=10: /u)
    })
  )

  it.scoped("keeps no client for longer than usual that the operator has kicked", () =>
    Effect.gen(function* () {
      const { b, bob, cluster } = yield* stuck
      cluster.node("b").suspend()
      yield* settle
      bob.socket.resume()
      yield* settle
      yield* b.server.kick("bob")
      yield* settle
      assert.isFalse(bob.end().inOrder)
      yield* Effect.repeatN(pass(1_000), 6)
      assert.isTrue(bob.end().inOrder)
    })
  )

  it.scoped("writes little more of a batch that the kernel has not taken", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes({ memory: { bufferBytes: 64 } })
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      const lines = Array.from({ length: 50 }, () => `bob: ${"x".repeat(1_000)}`)
      alice.say("bob: first", "bob: second", "bob: third", "bob: fourth", "bob: fifth") // more than the buffer
      yield* turnsUntil(
        () => b.counts().foreign.received === 5,
        () => "the first lines"
      )
      alice.say(...lines)
      yield* turnsUntil(
        () => b.counts().foreign.received === 55,
        () => "the other lines"
      )
      bob.socket.resume()
      yield* turnsUntil(
        () => messages(bob).length > 5,
        () => "the beginning of the second batch"
      )
      cluster.node("b").suspend()
      const before = messages(bob).length
      yield* turns(5_000)
      assert.isAtMost(messages(bob).length - before, 8) // a piece
      cluster.node("b").resume()
      yield* turnsUntil(
        () => messages(bob).length === 55,
        () => "the rest"
      )
    })
  )

  it.scoped("writes nothing more of the others once it is another one", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob, carol, cluster } = yield* stuck
      const node = cluster.node("b")
      node.suspend()
      yield* settle
      bob.socket.resume()
      yield* settle
      node.rebear()
      yield* settle
      node.resume()
      yield* bob.ended
      yield* settle
      assert.lengthOf(messages(bob), 1)
      assert.match(replies(alice).join("\n"), /^! undelivered bob reason=node-lost count=\d+: /u)
      assert.match(replies(carol).join("\n"), /^! undelivered bob reason=disconnected count=10: /u)
      assert.deepStrictEqual([(yield* a.server.ledger).inFlight, (yield* b.server.ledger).inFlight], [0, 0])
      const again = yield* b.join("bob")
      alice.say("carol: on", "bob: on")
      carol.say("alice: on", "bob: on")
      yield* settle
      assert.strictEqual(messages(carol).at(-1), "from alice: on")
      assert.strictEqual(messages(alice).at(-1), "from carol: on")
      assert.sameMembers(messages(again), ["from alice: on", "from carol: on"])
    })
  )

  it.scoped("gives nothing that waits to a client whose name another one has by now", () =>
    Effect.gen(function* () {
      const { b, cluster } = yield* twoNodes({ memory: { bufferBytes: 64 } })
      const [carol, bob] = [yield* b.join("carol"), yield* b.join("bob")]
      yield* settle
      bob.socket.pause()
      carol.say(`bob: ${"x".repeat(100)}`)
      yield* settle
      carol.say("bob: waits")
      yield* settle
      const node = cluster.node("b")
      node.suspend()
      yield* settle
      bob.socket.resume()
      yield* settle
      node.rebear([[likenessOf("bob"), "bob"]])
      yield* settle
      node.resume()
      yield* bob.ended
      yield* settle
      assert.lengthOf(messages(bob), 1)
      assert.match(replies(carol).join("\n"), /^! undelivered bob reason=disconnected/u)
      assert.strictEqual((yield* b.server.ledger).inFlight, 0)
    })
  )

  it.scoped("holds no message back at the sockets after that", () =>
    Effect.gen(function* () {
      const { b, bob, carol, cluster } = yield* stuck
      bob.socket.destroy()
      yield* settle
      const { length } = messages(carol)
      cluster.node("b").suspend()
      carol.say("carol: first")
      yield* settle
      assert.strictEqual(messages(carol).length, length)
      cluster.node("b").resume()
      yield* settle
      carol.say("carol: second")
      yield* settle
      assert.include(messages(carol), "from carol: second")
      assert.strictEqual((yield* b.server.ledger).inFlight, 0)
    })
  )
})
