import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import { messages, passes, seen } from "../support/Conversations.js"
import { leavesOrder, startKeptNodes, type KeptNodesOptions } from "../support/KeptNodes.js"
import { pass } from "../support/MemoryServer.js"
import { account, ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const server = { stallTimeout: Duration.hours(9), outboxBytes: 65_536 }
/** Node a removes lines. */
const orderly = (plain: StoreService, node: string) => (node === "a" ? plain : leavesOrder(plain))
const onlyOne: KeptNodesOptions = { server, limits: { keepLines: 1 }, store: orderly }

const expired = ({ statistics }: StoreService) => Effect.orDie(Effect.map(statistics, (all) => all.expired))

/** Lines are removed that are kept no longer. */
const retains = passes(61_000)

describe("retention by one of several nodes", () => {
  for (const [where, other] of [
    ["a", "b"],
    ["b", "a"]
  ] as const)
    it.scoped(`spares lines in an outbox of node ${where}, also if node ${other} holds later ones`, () =>
      Effect.gen(function* () {
        const { [where]: slow, [other]: fast, store } = yield* startKeptNodes(["a", "b"], onlyOne)
        const bob = yield* account(slow, "bob", "ack")
        const alice = yield* account(fast, "alice", "receipts")
        const copies = yield* account(fast, "alice/phone", "ack copies")
        yield* ask(alice, "bob: one", "bob: two", "bob: three")
        yield* seen(bob, "from alice: three")
        yield* seen(copies, "* sent bob")
        yield* ask(copies, "/ack 2")
        yield* retains
        assert.strictEqual(yield* expired(store), 0)
        yield* ask(bob, "/ack 3")
        yield* ask(copies, "/ack 3")
        yield* passes(2_000)
        yield* retains
        const { given, lines } = yield* Effect.orDie(store.statistics)
        assert.deepStrictEqual({ given, lines, expired: yield* expired(store) }, { given: 3, lines: 1, expired: 0 })
      })
    )

  it.scoped("spares lines that are on their way to a device of another node", () =>
    Effect.gen(function* () {
      const page = yield* Effect.makeLatch(true)
      const { a, b, store } = yield* startKeptNodes(["a", "b"], {
        ...onlyOne,
        store: (plain, node) =>
          node === "a"
            ? plain
            : { ...leavesOrder(plain), page: (request) => Effect.tap(plain.page(request), () => page.await) }
      })
      const alice = yield* account(a, "alice", "receipts")
      yield* ask(alice, "bob: one", "bob: two")
      yield* page.close
      const bob = yield* account(b, "bob", "ack")
      yield* retains
      assert.strictEqual(yield* expired(store), 0)
      yield* page.open
      yield* settle
      assert.deepStrictEqual(messages(bob), ["from alice: one", "from alice: two"])
      yield* retains
      assert.strictEqual(yield* expired(store), 0)
    })
  )

  it.scoped("does nothing while another node does not answer, and goes on when that is lost", () =>
    Effect.gen(function* () {
      const { a, b, cluster, store } = yield* startKeptNodes(["a", "b"], onlyOne)
      const bob = yield* account(b, "bob", "ack")
      const alice = yield* account(a, "alice", "receipts")
      yield* ask(alice, "bob: one", "bob: two")
      yield* seen(bob, "from alice: two")
      cluster.node("b").hold()
      yield* passes(62_000)
      assert.strictEqual(yield* expired(store), 0)
      assert.strictEqual((yield* Effect.orDie(store.statistics)).lines, 2)
      // It waits for the answer again, and the node is lost meanwhile.
      const { sent } = cluster.node("a")
      const asks = () => sent.filter((content) => Buffer.from(content).includes('["hold",')).length
      for (const before = asks(); asks() === before;) yield* pass(250)
      assert.strictEqual((yield* Effect.orDie(store.statistics)).lines, 2)
      cluster.lose(cluster.node("b"))
      yield* settle
      assert.strictEqual((yield* Effect.orDie(store.statistics)).lines, 1)
    })
  )

  it.scoped("asks nodes as well that appear meanwhile", () =>
    Effect.gen(function* () {
      const { a, b, c, cluster, store } = yield* startKeptNodes(["a", "b", "c"], onlyOne)
      const bob = yield* account(c, "bob", "ack")
      const alice = yield* account(b, "alice", "receipts")
      yield* ask(alice, "bob: one", "bob: two")
      yield* seen(bob, "from alice: two")
      const { sent } = cluster.node("a")
      sent.length = 0
      cluster.node("b").hold()
      cluster.node("c").hold()
      while (!sent.some((content) => Buffer.from(content).includes('["hold",'))) yield* pass(250)
      const node = cluster.node("c")
      node.suspend()
      node.rebear()
      node.letGo()
      node.resume()
      yield* settle
      cluster.node("b").letGo()
      yield* settle
      assert.deepStrictEqual([a.others.all.length, yield* expired(store)], [2, 0])
      yield* ask(bob, "/ack 2")
      yield* passes(62_000)
      assert.strictEqual((yield* Effect.orDie(store.statistics)).lines, 1)
    })
  )

  const retaining = Effect.gen(function* () {
    const retained = yield* Effect.makeLatch(true)
    const nodes = yield* startKeptNodes(["a", "b"], {
      ...onlyOne,
      store: (plain, node) =>
        node === "b"
          ? leavesOrder(plain)
          : { ...plain, retain: (...step) => Effect.zipRight(retained.await, plain.retain(...step)) }
    })
    const alice = yield* account(nodes.b, "alice", "receipts")
    yield* ask(alice, "@1 bob: one")
    yield* retained.close
    yield* retains
    alice.say("@2 bob: two")
    yield* settle
    const isStored = () => alice.received.some((line) => line.startsWith("* stored @2"))
    assert.isFalse(isStored(), "lines wait")
    return { ...nodes, isStored, retained }
  })

  it.scoped("has the others wait until it is done", () =>
    Effect.gen(function* () {
      const { isStored, retained } = yield* retaining
      yield* retained.open
      yield* settle
      assert.isTrue(isStored())
    })
  )

  it.scoped("does not have them wait once its node is lost, and then removes nothing", () =>
    Effect.gen(function* () {
      const { cluster, isStored, retained, store } = yield* retaining
      cluster.lose(cluster.node("a"))
      yield* settle
      assert.isTrue(isStored())
      yield* retained.open
      yield* settle
      assert.strictEqual(yield* expired(store), 0)
    })
  )

  it.scoped("does not have them wait for ever, and then removes nothing before the next time", () =>
    Effect.gen(function* () {
      const { isStored, retained, store } = yield* retaining
      yield* passes(31_000)
      assert.isTrue(isStored())
      yield* retained.open
      yield* settle
      assert.strictEqual(yield* expired(store), 0)
      yield* passes(61_000)
      assert.strictEqual(yield* expired(store), 1)
    })
  )
})
