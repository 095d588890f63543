import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startNode } from "../support/ClusterServers.js"
import { pass } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"
import { messages, replies, twoNodes } from "../support/TwoNodes.js"

const small = { memory: { bufferBytes: 64 } }

const count = (lines: ReadonlyArray<string>, start: string) =>
  lines
    .filter((line) => line.startsWith(start))
    .map((line) => Number(/count=(\d+)/.exec(line)?.[1] ?? 1))
    .reduce((sum, lines) => sum + lines, 0)

/** Alice at a has sent bob at b, who does not read, 100 lines; carol at a has sent him labelled ones as well. */
const stuck = Effect.gen(function* () {
  const nodes = yield* twoNodes(small)
  const { a, b } = nodes
  const [alice, carol, bob] = [yield* a.join("alice"), yield* a.join("carol"), yield* b.join("bob")]
  carol.say("/hello")
  yield* settle
  bob.socket.pause()
  alice.say(...Array.from({ length: 100 }, (_, index) => `bob: ${index}`))
  yield* settle
  carol.say(...Array.from({ length: 10 }, (_, index) => `@${index} bob: ${index}`))
  yield* settle
  return { ...nodes, alice, bob, carol }
})

describe("lines that wait at another node", () => {
  it.scoped("return when their recipient is kicked, and those that it got do not", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob, carol } = yield* stuck
      yield* b.server.kick("bob")
      yield* settle
      bob.socket.resume()
      yield* bob.ended
      yield* settle
      bob.socket.destroy()
      yield* settle
      const got = messages(bob).filter((line) => line.startsWith("from alice"))
      const returned = count(replies(alice), "! undelivered bob reason=disconnected")
      assert.isAbove(got.length, 0)
      assert.isAbove(returned, 0)
      assert.strictEqual(got.length + returned, 100)
      assert.deepStrictEqual(
        got,
        Array.from({ length: got.length }, (_, index) => `from alice: ${index}`)
      )
      assert.lengthOf(
        replies(carol).filter((line) => line.startsWith("! undelivered @")),
        10
      )
      assert.strictEqual((yield* a.server.ledger).inFlight, 0)
      const { foreign, queued } = b.counts()
      assert.strictEqual(queued, 0)
      assert.strictEqual(foreign.received, 110)
    })
  )

  it.scoped("return when their recipient's connection breaks", () =>
    Effect.gen(function* () {
      const { a, alice, bob, carol } = yield* stuck
      bob.socket.destroy()
      yield* settle
      const { accepted, inFlight, returned, written } = yield* a.server.ledger
      assert.strictEqual(inFlight, 0)
      assert.strictEqual(accepted, written + returned)
      assert.strictEqual(count(replies(alice), "! undelivered bob reason=disconnected"), returned - 10)
      assert.lengthOf(
        replies(carol).filter((line) => /^! undelivered @\d bob reason=disconnected: /u.test(line)),
        10
      )
    })
  )

  it.scoped("are written to a recipient that quits", () =>
    Effect.gen(function* () {
      const { a, b, bob } = yield* stuck
      bob.say("/quit")
      yield* settle
      const { server } = a
      assert.isAbove((yield* server.ledger).inFlight, 0)
      bob.socket.resume()
      yield* bob.ended
      yield* settle
      bob.socket.end()
      yield* settle
      assert.lengthOf(messages(bob), 110)
      assert.strictEqual((yield* server.ledger).written, 110)
      assert.strictEqual(b.counts().queued, 0)
    })
  )

  it.scoped("keep a sender that quits until their fates are known", () =>
    Effect.gen(function* () {
      const { alice, bob } = yield* stuck
      alice.say("/quit")
      yield* settle
      assert.isFalse(alice.end().inOrder)
      bob.socket.resume()
      yield* alice.ended
      assert.strictEqual(alice.received.at(-1), "* bye reason=quit: goodbye")
    })
  )

  it.scoped("are dead if they return to a sender that is gone", () =>
    Effect.gen(function* () {
      const { a, alice, bob } = yield* stuck
      alice.socket.reset()
      yield* settle
      bob.socket.reset()
      yield* settle
      const { accepted, dead, inFlight, returned, written } = yield* a.server.ledger
      assert.strictEqual(inFlight, 0)
      assert.strictEqual(returned, 10)
      assert.strictEqual(accepted, written + dead + returned)
    })
  )

  it.scoped("are delivered before their sender's node stops", () =>
    Effect.gen(function* () {
      const { a, bob } = yield* stuck
      const drained = yield* Effect.fork(a.server.drain)
      yield* pass(100)
      bob.socket.resume()
      yield* pass(1_000)
      yield* pass(10_000)
      const { cutOff, ledger } = yield* drained
      assert.deepStrictEqual([cutOff, ledger.written, ledger.inFlight], [0, 110, 0])
      assert.lengthOf(messages(bob), 110)
    })
  )

  it.scoped("return as lost when their sender's node stops before they have a fate", () =>
    Effect.gen(function* () {
      const { a, alice } = yield* stuck
      const drained = yield* Effect.fork(a.server.drain)
      yield* pass(11_000)
      yield* pass(2_000)
      const { cutOff, ledger } = yield* drained
      assert.strictEqual(ledger.inFlight, 0)
      assert.strictEqual(cutOff, ledger.returned + ledger.dead)
      assert.isAbove(count(replies(alice), "! undelivered bob reason=node-lost"), 0)
      assert.strictEqual(a.counts().inDoubt, cutOff)
    })
  )

  it.scoped("are written before the recipient's node stops", () =>
    Effect.gen(function* () {
      const { a, b, bob } = yield* stuck
      const drained = yield* Effect.fork(b.server.drain)
      yield* pass(100)
      bob.socket.resume()
      yield* pass(1_000)
      bob.socket.end()
      yield* pass(10_000)
      yield* drained
      assert.lengthOf(messages(bob), 110)
      const { inFlight, written } = yield* a.server.ledger
      assert.deepStrictEqual({ inFlight, written }, { inFlight: 0, written: 110 })
    })
  )

  it.scoped("do not overtake each other when their recipient moves to another node", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* twoNodes(small)
      const c = yield* startNode(cluster.join("c"))
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      alice.say("/hello")
      yield* settle
      cluster.node("a").hold() // what becomes of the first line is not known there
      bob.socket.pause()
      alice.say(`bob: ${"x".repeat(100)}`)
      yield* settle
      bob.socket.reset()
      yield* settle
      const again = yield* c.join("bob")
      yield* settle
      alice.say("@2 bob: two")
      yield* settle
      assert.deepStrictEqual(messages(again), [])
      cluster.node("a").letGo()
      yield* settle
      assert.deepStrictEqual(messages(again), ["from alice: two"])
      assert.deepStrictEqual(
        replies(alice).map((line) => line.split(":")[0]),
        ["! undelivered bob reason=disconnected count=1", "* written @2 bob"]
      )
      const { inFlight, returned, written } = yield* a.server.ledger
      assert.deepStrictEqual({ inFlight, returned, written }, { inFlight: 0, returned: 1, written: 1 })
    })
  )
})
