import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as MemoryCluster from "../../src/cluster/MemoryCluster.js"
import { startNode } from "../support/ClusterServers.js"
import { pass, type MemoryServerOptions } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"
import { messages, replies } from "../support/TwoNodes.js"

const termMillis = 6_000

/** Three servers that are nodes of one cluster, with the protocol between them. */
const threeNodes = (options: MemoryServerOptions = {}) =>
  Effect.gen(function* () {
    const engine = yield* MemoryCluster.make()
    const start = (name: string) =>
      startNode(ClusterChat.joining(engine.service(name), { termMillis, windowBytes: 100_000 }), options)
    const nodes = { engine, a: yield* start("a"), b: yield* start("b"), c: yield* start("c") }
    yield* steps(1_000)
    return nodes
  })

/** Lets time pass, in steps in which what comes due can be done. */
const steps = (millis: number) => Effect.repeatN(pass(250), Math.ceil(millis / 250) - 1)

describe("three nodes", () => {
  it.scoped("are one chat", () =>
    Effect.gen(function* () {
      const { a, b, c } = yield* threeNodes()
      const clients = [
        yield* a.join("alice"),
        yield* a.join("adam"),
        yield* b.join("bob"),
        yield* c.join("carol"),
        yield* c.join("cindy")
      ]
      yield* settle
      for (const client of clients)
        client.say(...Array.from({ length: 50 }, (_, index) => `alice, adam, bob, carol, cindy: ${index}`))
      yield* steps(500)
      for (const client of clients)
        for (const name of ["alice", "adam", "bob", "carol", "cindy"])
          assert.deepStrictEqual(
            messages(client).filter((line) => line.startsWith(`from ${name}: `)),
            Array.from({ length: 50 }, (_, index) => `from ${name}: ${index}`)
          )
      clients[0]?.say("/who")
      yield* settle
      assert.include(clients[0]?.received ?? [], "* who 5: adam, alice, bob, carol, cindy")
      for (const { counts, server } of [a, b, c]) {
        const { accepted, inFlight, written } = yield* server.ledger
        assert.strictEqual(inFlight, 0)
        assert.strictEqual(accepted, written)
        assert.strictEqual(counts().queued, 0)
      }
    })
  )

  it.scoped("go on as two while one is cut off, which writes nothing meanwhile, and is one of them again", () =>
    Effect.gen(function* () {
      const { a, b, c, engine } = yield* threeNodes()
      const [alice, bob, ben] = [yield* a.join("alice"), yield* b.join("bob"), yield* b.join("ben")]
      yield* settle
      engine.disconnect("b")
      alice.say("bob: into the gap")
      yield* steps(5_000)
      ben.say("bob: nobody gets this")
      const late = yield* b.connect
      late.say("late")
      yield* late.ended
      assert.match(late.received[0] ?? "", /^! slow-down retry=\d+ fatal/u)
      yield* steps(5_000)
      assert.match(replies(ben).join("\n"), /^! undelivered bob reason=unavailable retry=1000: /u)
      assert.match(replies(alice).join("\n"), /^! undelivered bob reason=node-lost count=1: /u)
      const heir = yield* c.join("bob")
      yield* settle
      alice.say("bob: to the heir")
      yield* settle
      assert.deepStrictEqual(messages(heir), ["from alice: to the heir"])
      assert.deepStrictEqual(messages(bob), [])
      engine.connect("b")
      yield* steps(5_000)
      yield* bob.ended
      assert.match(replies(bob).at(-1) ?? "", /^! login-in-use bob fatal: /u)
      ben.say("alice: back", "bob: hello")
      yield* steps(500)
      assert.include(messages(alice), "from ben: back")
      assert.include(messages(heir), "from ben: hello")
      heir.say("ben: welcome")
      yield* steps(500)
      assert.include(messages(ben), "from bob: welcome")
      assert.strictEqual(a.counts().inDoubt, 1)
      for (const { server } of [a, b, c]) assert.strictEqual((yield* server.ledger).inFlight, 0)
    })
  )

  it.scoped("return lines while their engine is down, and go on with what they had", () =>
    Effect.gen(function* () {
      const { a, b, engine } = yield* threeNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      engine.down()
      alice.say("bob: on its way")
      yield* steps(6_000)
      alice.say("bob: refused", "alice: refused as well")
      yield* settle
      assert.deepStrictEqual(messages(bob), [])
      assert.match(
        replies(alice).join("\n"),
        /^! undelivered bob reason=unavailable .*\n! undelivered alice reason=una/u
      )
      engine.up()
      yield* steps(3_000)
      assert.deepStrictEqual(messages(bob), ["from alice: on its way"])
      alice.say("bob: again")
      yield* steps(500)
      assert.deepStrictEqual(messages(bob).slice(1), ["from alice: again"])
      assert.strictEqual((yield* a.server.ledger).inFlight, 0)
    })
  )

  it.scoped("take over a name at once from a node that stops", () =>
    Effect.gen(function* () {
      const { a, b, c } = yield* threeNodes()
      const [alice, bob] = [yield* a.join("alice"), yield* b.join("bob")]
      yield* settle
      const drained = yield* Effect.fork(b.server.drain)
      yield* steps(1_000)
      bob.socket.end()
      yield* steps(1_000)
      yield* drained
      const again = yield* c.join("bob")
      yield* steps(500)
      alice.say("bob: hi")
      yield* steps(500)
      assert.deepStrictEqual(messages(again), ["from alice: hi"])
    })
  )

  it.scoped("let several clients that only send have one name at one node, and list none of them", () =>
    Effect.gen(function* () {
      const { a, b } = yield* threeNodes()
      const alice = yield* b.join("alice")
      alice.say("/hello")
      const scripts = [yield* a.connect, yield* a.connect]
      for (const script of scripts) script.say("/hello send-only", "deploy", "alice: done")
      yield* steps(500)
      assert.deepStrictEqual(messages(alice), ["from deploy: done", "from deploy: done"])
      alice.say("/who", "deploy: hi", "Deploy: hi")
      yield* steps(500)
      assert.deepStrictEqual(replies(alice), [
        "* who 1: alice",
        "! undelivered deploy reason=offline: no recipient of that name is online",
        "! undelivered Deploy reason=offline: no recipient of that name is online"
      ])
      assert.notInclude(alice.received.join("\n"), "joined")
      const other = yield* b.connect
      other.say("deploy")
      yield* other.ended
      assert.match(other.received[0] ?? "", /^! login-in-use/u)
    })
  )
})
