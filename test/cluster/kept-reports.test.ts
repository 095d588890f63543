import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import { messages, passes, seen } from "../support/Conversations.js"
import { leavesOrder, startKeptNodes, type KeptNode } from "../support/KeptNodes.js"
import { pass, type MemoryClient } from "../support/MemoryServer.js"
import { account, ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const starting = (start: string) => (client: MemoryClient) => client.received.filter((line) => line.startsWith(start))

const receipts = starting("* delivered")
const returns = starting("! undelivered")

/** Node a removes lines. */
const store = (plain: StoreService, node: string) => (node === "a" ? plain : leavesOrder(plain))

const expired = (last: number, first = 1) =>
  `! undelivered bob reason=expired first=${first} last=${last} count=${last - first + 1}: was not read in time`

describe("receipts, on several nodes", () => {
  it.scoped("reach every writer on each of them, once", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const main = yield* account(a, "alice/main", "receipts")
      const phone = yield* account(b, "alice/phone", "receipts")
      const sender = yield* account(b, "alice/main", "send-only receipts")
      const silent = yield* account(b, "bob/phone", "ack")
      const bob = yield* account(a, "bob/main", "ack")
      yield* ask(main, "bob: one", "bob: two")
      yield* ask(sender, "bob: three")
      yield* seen(bob, "from alice: three")
      yield* seen(silent, "from alice: three")
      const alices = [main, phone, sender]
      yield* ask(bob, "/ack 2")
      yield* settle
      for (const alice of alices) assert.deepStrictEqual(receipts(alice), ["* delivered bob seq=2: given to a device"])
      yield* ask(silent, "/ack 3")
      yield* settle
      yield* ask(bob, "/ack 3")
      yield* settle
      for (const alice of alices)
        assert.deepStrictEqual(receipts(alice).slice(1), ["* delivered bob seq=3: given to a device"])
    })
  )

  it.scoped("reach a guest wherever the account's device is", () =>
    Effect.gen(function* () {
      const { a, b, c } = yield* startKeptNodes(["a", "b", "c"])
      const carol = yield* a.join("carol")
      yield* ask(carol, "/hello receipts", "bob: one", "bob: two")
      const bob = yield* account(b, "bob/main", "ack")
      yield* seen(bob, "from carol: two")
      yield* ask(bob, "/ack 1")
      yield* settle
      assert.deepStrictEqual(receipts(carol), ["* delivered bob seq=1: given to a device"])
      const phone = yield* account(c, "bob/phone", "ack")
      yield* seen(phone, "from carol: two")
      yield* ask(phone, "/ack 2")
      yield* settle
      yield* ask(bob, "/ack 2")
      yield* settle
      assert.deepStrictEqual(receipts(carol).slice(1), ["* delivered bob seq=2: given to a device"])
    })
  )

  it.scoped("come again for a line that is sent again at another node", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const words = "send-only once receipts"
      const first = yield* account(a, "alice", words)
      yield* ask(first, "@k1 bob: one")
      const bob = yield* account(a, "bob", "ack")
      yield* seen(bob, "from alice: one")
      yield* ask(bob, "/ack 1")
      yield* passes(2_000)
      assert.lengthOf(receipts(first), 1)
      const second = yield* account(b, "alice", words)
      yield* ask(second, "@k1 bob: one")
      yield* settle
      assert.deepStrictEqual(receipts(second), ["* delivered bob seq=1: given to a device"])
      assert.lengthOf(receipts(first), 1)
    })
  )

  const writers = {
    "an account": (node: KeptNode) => account(node, "alice", "receipts"),
    "a client that only sends": (node: KeptNode) => account(node, "alice", "send-only receipts"),
    "a guest": (node: KeptNode) => Effect.tap(node.join("gina"), (gina) => ask(gina, "/hello receipts"))
  }
  for (const [who, connect] of Object.entries(writers)) {
    it.scoped(`reach ${who} of what was given while its node was taken for lost`, () =>
      Effect.gen(function* () {
        const { a, b, cluster } = yield* startKeptNodes(["a", "b"], { server: { stallTimeout: Duration.hours(9) } })
        const writer = yield* connect(a)
        const bob = yield* account(b, "bob", "ack")
        yield* ask(writer, "bob: one", "bob: two")
        yield* settle
        const node = cluster.node("a")
        node.suspend()
        cluster.lose(node)
        yield* settle
        yield* ask(bob, "/ack 1")
        yield* passes(2_000)
        node.rebear()
        node.resume()
        yield* passes(1_000)
        assert.deepStrictEqual(receipts(writer), ["* delivered bob seq=1: given to a device"])
        yield* ask(bob, "/ack 2")
        yield* passes(12_000)
        assert.deepStrictEqual(receipts(writer).slice(1), ["* delivered bob seq=2: given to a device"])
      })
    )

    it.scoped(`reach ${who} of what a node has given and could not say before it was lost`, () =>
      Effect.gen(function* () {
        const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
        const writer = yield* connect(a)
        const bob = yield* account(b, "bob", "ack")
        yield* ask(writer, "bob: one")
        yield* settle
        cluster.node("a").hold()
        yield* ask(bob, "/ack 1")
        yield* passes(2_000)
        cluster.lose(cluster.node("b"))
        yield* passes(1_000)
        assert.deepStrictEqual(receipts(writer), ["* delivered bob seq=1: given to a device"])
      })
    )
  }
})

describe("lines that are no longer kept, on several nodes", () => {
  // A few minutes only: while a socket takes nothing, every node looks at it four times a second.
  const limits = { keep: Duration.minutes(5) }
  const expire = Effect.zipRight(pass(400_000), pass(61_000))

  it.scoped("return to senders on each node, to an account on one of its devices", () =>
    Effect.gen(function* () {
      const { a, b, store } = yield* startKeptNodes(["a", "b"], { limits, accounts: ["carol"] })
      const alices = [yield* account(a, "alice/main"), yield* account(b, "alice/phone")]
      const carol = yield* account(b, "carol")
      const guests = [yield* a.join("gina"), yield* b.join("hugo")]
      const left = yield* b.join("ida")
      for (const client of [...alices, ...guests, carol, left]) yield* ask(client, "bob: one", "bob: two")
      yield* ask(left, "/ping")
      left.say("/quit")
      yield* left.ended
      yield* expire
      for (const client of [carol, ...guests]) assert.deepStrictEqual(returns(client), [expired(2)])
      assert.deepStrictEqual(alices.flatMap(returns), [expired(4)])
      yield* passes(62_000)
      for (const client of [carol, ...guests]) assert.lengthOf(returns(client), 1)
      assert.lengthOf(alices.flatMap(returns), 1)
      const { dead, expired: all, waiting } = yield* Effect.orDie(store.statistics)
      assert.deepStrictEqual({ dead, all, waiting }, { dead: 2, all: 12, waiting: 0 })
    })
  )

  for (const how of ["is lost with its node", "has left"])
    it.scoped(`return to an account once the device that was to be notified ${how}`, () =>
      Effect.gen(function* () {
        const server = { stallTimeout: Duration.hours(9) }
        const { a, b, cluster } = yield* startKeptNodes(["a", "b"], { limits, server })
        const [first, other] = a.others.self < b.others.self ? ([a, b] as const) : ([b, a] as const)
        const main = yield* account(first, "alice/main", "ack")
        const phone = yield* account(other, "alice/phone")
        yield* ask(phone, "bob: one")
        yield* expire
        assert.deepStrictEqual([returns(main), returns(phone)], [[expired(1)], []])
        // The device has not taken it.
        if (how === "has left") main.socket.destroy()
        else cluster.lose(cluster.node(first === a ? "a" : "b"))
        yield* passes(1_000)
        assert.deepStrictEqual(returns(phone), [expired(1)])
      })
    )

  it.scoped("return to an account whose node was taken for lost meanwhile", () =>
    Effect.gen(function* () {
      const { b, cluster } = yield* startKeptNodes(["a", "b"], { limits, store })
      const alice = yield* account(b, "alice")
      yield* ask(alice, "bob: one")
      const node = cluster.node("b")
      node.suspend()
      cluster.lose(node)
      yield* expire
      node.rebear()
      node.resume()
      yield* passes(1_000)
      assert.deepStrictEqual(returns(alice), [expired(1)])
    })
  )

  it.scoped("return to a guest whose node was taken for lost meanwhile", () =>
    Effect.gen(function* () {
      const { b, cluster, store: shared } = yield* startKeptNodes(["a", "b"], { limits, store })
      const gina = yield* b.join("gina")
      yield* ask(gina, "bob: one")
      const node = cluster.node("b")
      node.suspend()
      cluster.lose(node)
      yield* expire
      node.rebear()
      node.resume()
      yield* passes(2_000)
      assert.deepStrictEqual(returns(gina), [expired(1)])
      const { dead, expired: all } = yield* Effect.orDie(shared.statistics)
      assert.deepStrictEqual({ all, dead }, { all: 1, dead: 0 })
    })
  )

  it.scoped("return to guests and accounts although the node that has found them is lost before it says so", () =>
    Effect.gen(function* () {
      const { b, cluster } = yield* startKeptNodes(["a", "b"], {
        limits,
        store: (plain, node) =>
          node === "a"
            ? {
                ...plain,
                retain: (held) =>
                  Effect.flatMap(plain.retain(held), (done) => (done.removed > 0 ? Effect.never : Effect.succeed(done)))
              }
            : store(plain, node)
      })
      const gina = yield* b.join("gina")
      yield* ask(gina, "bob: one")
      const alice = yield* account(b, "alice")
      yield* ask(alice, "bob: two")
      yield* expire
      yield* passes(62_000)
      cluster.lose(cluster.node("a"))
      yield* passes(2_000)
      assert.deepStrictEqual(returns(gina), [expired(1)])
      assert.deepStrictEqual(returns(alice), [expired(1)])
    })
  )

  it.scoped("are not written any more by a node that was taken for lost with them in an outbox", () =>
    Effect.gen(function* () {
      const server = { stallTimeout: Duration.hours(9) }
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"], { limits, server, store })
      const alice = yield* account(a, "alice")
      const bob = yield* account(b, "bob")
      const node = cluster.node("b")
      node.suspend()
      yield* ask(alice, "bob: one")
      yield* settle
      cluster.lose(node)
      yield* expire
      assert.deepStrictEqual(returns(alice), [expired(1)])
      node.rebear()
      node.resume()
      yield* passes(2_000)
      assert.deepStrictEqual(messages(bob), [])
      yield* bob.ended
      const again = yield* account(b, "bob")
      yield* ask(alice, "bob: two")
      yield* seen(again, "from alice: two")
      assert.deepStrictEqual(messages(again), [
        "! gap alice first=1 last=1: these lines are no longer kept",
        "from alice: two"
      ])
    })
  )

  it.scoped("are not written either by a node that comes back while they are removed", () =>
    Effect.gen(function* () {
      const server = { stallTimeout: Duration.hours(9) }
      const removing = yield* Effect.makeLatch(true)
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"], {
        limits,
        server,
        store: (plain, node) =>
          node === "a"
            ? { ...plain, retain: (held) => Effect.zipRight(removing.await, plain.retain(held)) }
            : store(plain, node)
      })
      const alice = yield* account(a, "alice")
      const bob = yield* account(b, "bob")
      const node = cluster.node("b")
      node.suspend()
      yield* ask(alice, "bob: one")
      yield* settle
      cluster.lose(node)
      yield* pass(290_000)
      yield* passes(1_000)
      yield* removing.close
      yield* passes(62_000)
      node.rebear()
      node.resume()
      yield* passes(2_000)
      assert.deepStrictEqual([messages(bob), returns(alice)], [[], []])
      yield* removing.open
      yield* passes(2_000)
      assert.deepStrictEqual([messages(bob), returns(alice)], [[], [expired(1)]])
    })
  )

  it.scoped("leave a device of a node that was taken for lost alone that has nothing to do with them", () =>
    Effect.gen(function* () {
      const server = { stallTimeout: Duration.hours(9) }
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"], { limits, server, store, accounts: ["carol"] })
      const alice = yield* account(a, "alice")
      const bob = yield* account(b, "bob")
      yield* ask(alice, "carol: one")
      yield* pass(290_000)
      const node = cluster.node("b")
      node.suspend()
      yield* ask(alice, "bob: one")
      yield* settle
      cluster.lose(node)
      yield* pass(71_000)
      assert.lengthOf(returns(alice), 1)
      node.rebear()
      node.resume()
      yield* passes(2_000)
      assert.deepStrictEqual(messages(bob), ["from alice: one"])
    })
  )
})
