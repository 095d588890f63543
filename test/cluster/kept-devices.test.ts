import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { login, messages, passes, seen } from "../support/Conversations.js"
import { startKeptNodes, type KeptNode } from "../support/KeptNodes.js"
import type { MemoryClient } from "../support/MemoryServer.js"
import { ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

const account = ({ connect }: KeptNode, who: string, words?: string) =>
  Effect.tap(connect, (client) => {
    client.say(...login(who, words))
    return client.barrier
  })

const notices = ({ received }: MemoryClient) =>
  received.flatMap((line) => /^\* (?:joined|left) \S+(?=:)/u.exec(line) ?? [])

describe("an account on several nodes", () => {
  it.scoped("comes with its first device and leaves with its last", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const watchers = [yield* a.join("wa"), yield* b.join("wb")]
      for (const watcher of watchers) watcher.say("/hello")
      const main = yield* account(a, "bob/main")
      yield* passes(500)
      const phone = yield* account(b, "bob/phone")
      yield* passes(500)
      for (const watcher of watchers) {
        watcher.say("/who")
        yield* settle
        assert.include(watcher.received, "* who 3: bob, wa, wb")
        assert.deepStrictEqual(notices(watcher), ["* joined bob"])
      }
      const known = yield* ask(phone, "/devices")
      assert.lengthOf(known.join(" ").match(/here=yes/gu) ?? [], 2)
      main.say("/quit")
      yield* passes(500)
      for (const watcher of watchers) assert.deepStrictEqual(notices(watcher), ["* joined bob"])
      phone.say("/quit")
      yield* passes(500)
      for (const watcher of watchers) assert.deepStrictEqual(notices(watcher), ["* joined bob", "* left bob"])
    })
  )

  it.scoped("leaves with the node that has its last device", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const watcher = yield* b.join("wb")
      watcher.say("/hello")
      yield* account(a, "bob/main")
      yield* passes(500)
      cluster.lose(cluster.node("a"))
      yield* passes(500)
      assert.deepStrictEqual(notices(watcher), ["* joined bob", "* left bob"])
    })
  )
})

describe("a device that logs in at another node", () => {
  it.scoped("replaces the connection there, and goes on where that was", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const watcher = yield* a.join("wa")
      watcher.say("/hello")
      const alice = yield* account(b, "alice/main")
      const old = yield* account(a, "bob/main", "ack seq")
      yield* settle
      alice.say("bob: one", "bob: two", "bob: three")
      yield* seen(old, "from alice seq=3")
      old.say("/ack 2")
      yield* settle
      const next = yield* account(b, "bob/main", "ack seq")
      yield* settle
      assert.include(old.received.at(-1) ?? "", "! logged-out reason=replaced fatal")
      yield* passes(500)
      assert.deepStrictEqual(
        messages(next).map((line) => line.replace(/ at=\d+/u, "")),
        ["from alice seq=3: three"]
      )
      assert.deepStrictEqual(notices(watcher), ["* joined alice", "* joined bob"].slice(notices(watcher).length - 2))
      assert.notInclude(notices(watcher), "* left bob")
      alice.say("bob: four")
      yield* seen(next, "from alice seq=4")
    })
  )

  it.scoped("goes from node to node, however fast", () =>
    Effect.gen(function* () {
      const { a, b, c } = yield* startKeptNodes(["a", "b", "c"])
      const clients: Array<MemoryClient> = []
      for (let round = 0; round < 12; round++) {
        const client = yield* [a, b, c][round % 3]?.connect ?? a.connect
        client.say(...login("bob/main", "ack seq"))
        clients.push(client)
        if (round % 4 === 0) yield* settle
      }
      yield* passes(15_000)
      const open = clients.filter(
        ({ end, received }) => !end().inOrder && !received.some((line) => line.includes("fatal"))
      )
      assert.isAtMost(open.length, 1)
      const last = yield* account(a, "bob/main", "ack seq")
      const alice = yield* account(c, "alice/main")
      alice.say("bob: hi")
      yield* seen(last, "from alice")
    })
  )

  it.scoped("does not wait for a client that takes nothing", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"], { server: { memory: { bufferBytes: 256 } } })
      const alice = yield* account(b, "alice/main")
      const old = yield* account(a, "bob/main", "ack")
      old.socket.pause()
      yield* settle
      alice.say(...Array.from({ length: 100 }, (_, index) => `bob: ${index} ${"x".repeat(100)}`))
      yield* passes(500)
      const next = yield* b.connect
      next.say(...login("bob/main", "ack"))
      yield* passes(2_000)
      assert.lengthOf(messages(next), 100)
    })
  )

  it.scoped("need not wait for a node that is lost, and is refused where one does not answer", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      yield* account(a, "bob/main")
      yield* settle
      cluster.node("a").hold()
      const waits = yield* b.connect
      waits.say(...login("bob/main"))
      yield* passes(11_000)
      assert.match(waits.received.at(-1) ?? "", /^! slow-down retry=\d+ fatal/u)
      const goesOn = yield* b.connect
      goesOn.say(...login("bob/main"))
      yield* settle
      assert.deepStrictEqual(goesOn.received, [])
      cluster.lose(cluster.node("a"))
      yield* goesOn.barrier
    })
  )

  it.scoped("is given nothing before the old connection has ended, which may have said /quit long ago", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"], { server: { memory: { bufferBytes: 256 } } })
      const alice = yield* account(b, "alice/main")
      const old = yield* account(a, "bob/main", "seq")
      old.socket.pause()
      yield* passes(500)
      alice.say(...Array.from({ length: 100 }, (_, index) => `bob: ${index} ${"x".repeat(100)}`))
      yield* passes(500)
      old.say("/quit")
      yield* passes(3_000)
      const next = yield* b.connect
      next.say(...login("bob/main", "seq"))
      yield* passes(2_000)
      old.socket.resume()
      yield* passes(2_000)
      const numbers = [...messages(old), ...messages(next)].map((line) => Number(/ seq=(\d+)/u.exec(line)?.[1]))
      assert.deepStrictEqual(
        numbers,
        Array.from({ length: 100 }, (_, index) => index + 1)
      )
    })
  )

  it.scoped("leaves the node that it was at, also if it gives up before that has answered", () =>
    Effect.gen(function* () {
      const { a, b, c, cluster } = yield* startKeptNodes(["a", "b", "c"])
      const watchers = [yield* a.join("wa"), yield* b.join("wb"), yield* c.join("wc")]
      yield* account(a, "bob/main")
      yield* settle
      cluster.node("a").hold()
      const next = yield* b.connect
      next.say(...login("bob/main"))
      yield* settle
      next.socket.destroy()
      yield* passes(11_000)
      cluster.node("a").letGo()
      yield* passes(2_000)
      for (const watcher of watchers) assert.deepStrictEqual(yield* ask(watcher, "/who"), ["* who 3: wa, wb, wc"])
    })
  )

  it.scoped("is given only there what waited at the old node, which was cut off", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const node = cluster.node("a")
      const alice = yield* account(a, "alice/main")
      const old = yield* account(a, "bob/main", "ack seq")
      yield* passes(500)
      alice.say("bob: one", "bob: two")
      node.suspend()
      yield* settle
      cluster.lose(node)
      const next = yield* account(b, "bob/main", "ack seq")
      yield* passes(500)
      node.rebear()
      node.resume()
      yield* passes(2_000)
      assert.lengthOf(messages(next), 2)
      assert.deepStrictEqual(messages(old), [])
      assert.deepStrictEqual(yield* a.server.names, ["alice"])
    })
  )

  it.scoped("has each device once after a node was taken for lost and comes back", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const alice = yield* account(a, "alice/main")
      const old = yield* account(b, "bob/main")
      yield* settle
      const node = cluster.node("b")
      node.suspend()
      node.hold()
      cluster.lose(node)
      yield* settle
      const next = yield* account(a, "bob/main")
      alice.say("bob: meanwhile")
      yield* seen(next, "from alice: meanwhile")
      node.rebear()
      node.letGo()
      node.resume()
      yield* passes(2_000)
      assert.include(old.received.at(-1) ?? "", "! logged-out reason=replaced fatal")
      assert.deepStrictEqual(messages(old), [])
      alice.say("bob: afterwards")
      yield* seen(next, "from alice: afterwards")
    })
  )

  it.scoped("waits for a node that has come back until that knows where the device is", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"])
      const old = yield* account(a, "bob/main")
      yield* passes(500)
      const node = cluster.node("b")
      node.suspend()
      yield* settle
      node.hold()
      node.rebear()
      yield* settle
      node.resume()
      yield* passes(1_000)
      const early = yield* b.connect
      early.say(...login("bob/main"))
      yield* early.ended
      assert.match(early.received.at(-1) ?? "", /^! \S+ retry=\d+ fatal/u)
      assert.isFalse(old.end().inOrder)
      node.letGo()
      yield* settle
      yield* account(b, "bob/main")
      assert.include(old.received.at(-1) ?? "", "! logged-out reason=replaced fatal")
    })
  )

  it.scoped("is that of one node, also if the old one comes back while another one takes it", () =>
    Effect.gen(function* () {
      const opening = yield* Effect.makeLatch(true)
      const { a, b, cluster } = yield* startKeptNodes(["a", "b"], {
        store: (plain, node) =>
          node === "b"
            ? plain
            : {
                ...plain,
                accounts: {
                  ...plain.accounts,
                  openDevice: (...device) => Effect.zipRight(opening.await, plain.accounts.openDevice(...device))
                }
              }
      })
      const old = yield* account(b, "bob/main")
      const alice = yield* account(a, "alice")
      const node = cluster.node("b")
      node.suspend()
      cluster.lose(node)
      yield* settle
      yield* opening.close
      const next = yield* a.connect
      next.say(...login("bob/main"))
      yield* settle
      node.rebear()
      node.resume()
      yield* settle
      yield* ask(alice, "bob: one")
      yield* settle
      assert.deepStrictEqual(messages(old), [])
      yield* opening.open
      yield* seen(next, "from alice: one")
      yield* old.ended
      assert.deepStrictEqual(messages(old), [])
    })
  )

  it.scoped("leaves the account's other devices alone", () =>
    Effect.gen(function* () {
      const { a, b } = yield* startKeptNodes(["a", "b"])
      const phone = yield* account(a, "bob/phone")
      yield* account(b, "bob/main")
      yield* passes(2_000)
      assert.isFalse(phone.end().inOrder)
    })
  )
})
