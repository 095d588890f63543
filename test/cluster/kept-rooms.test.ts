import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import { heads } from "../support/Accounts.js"
import { messages, passes, seen } from "../support/Conversations.js"
import { startKeptNodes } from "../support/KeptNodes.js"
import { account, ask } from "../support/Rooms.js"
import { settle } from "../support/Turns.js"

/** After this time, clients have all notices. */
const told = Effect.zipRight(settle, passes(250))

/** Notices of a room, without what is for people. */
const notices = (lines: ReadonlyArray<string>) =>
  heads(lines.filter((line) => /^\* (?!hello|pong|ack)\S+ #/u.test(line) && !/^\* (room|members) /u.test(line)))

const started = Effect.gen(function* () {
  /** While closed, node a cannot read the log of changes. */
  const isReading = yield* Effect.makeLatch(true)
  /** While closed, node a cannot end rooms. */
  const isEnding = yield* Effect.makeLatch(true)
  const reading = ({ sharing: plain, ...store }: StoreService): StoreService => ({
    ...store,
    rooms: { ...store.rooms, end: (...room) => Effect.zipRight(isEnding.await, store.rooms.end(...room)) },
    sharing: plain && { ...plain, changes: (after) => Effect.zipRight(isReading.await, plain.changes(after)) }
  })
  const nodes = yield* startKeptNodes(["a", "b"], {
    accounts: ["carol"],
    store: (store, node) => (node === "a" ? reading(store) : store)
  })
  const alice = yield* account(nodes.a, "alice", "receipts")
  const bob = yield* account(nodes.b, "bob", "receipts")
  yield* ask(alice, "/join #ops")
  yield* settle
  return { ...nodes, alice, bob, isEnding, isReading }
})

describe("a room on several nodes", () => {
  it.scoped("is found and entered on each, and lists the members of all", () =>
    Effect.gen(function* () {
      const { alice, b, bob } = yield* started
      const guest = yield* b.join("gina")
      assert.deepStrictEqual(heads(yield* ask(bob, "/rooms")), [
        "* room #ops members=1 last=0 owner=alice",
        "* end rooms count=1"
      ])
      yield* ask(bob, "/join #ops")
      yield* ask(guest, "/hello", "/join #ops")
      yield* told
      assert.deepStrictEqual(notices(alice.received), ["* joined #ops bob", "* joined #ops gina guest=yes"])
      assert.deepStrictEqual(yield* ask(alice, "/members #ops"), [
        "* members #ops 3 here=3: alice, bob, gina",
        "* end members #ops: all members"
      ])
      yield* ask(guest, "/leave #ops")
      guest.say("/quit")
      yield* ask(bob, "/leave #ops")
      yield* told
      assert.deepStrictEqual(notices(alice.received).slice(2), ["* left #ops gina", "* left #ops bob"])
      assert.deepStrictEqual(heads(yield* ask(alice, "/rooms")), [
        "* room #ops members=1 last=0 in=yes owner=alice",
        "* end rooms count=1"
      ])
    })
  )

  it.scoped("gives every line to every member once and in one order, wherever it was written", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob } = yield* started
      const gina = yield* b.join("gina")
      const mia = yield* a.join("mia")
      for (const client of [bob, gina, mia]) yield* ask(client, "/hello seq", "/join #ops")
      yield* ask(alice, "/hello seq")
      yield* settle
      for (let round = 0; round < 20; round++) {
        for (const client of [alice, bob, gina, mia]) client.say(`#ops: ${round}`)
        if (round % 4 === 0) yield* settle
      }
      yield* settle
      const numbers = (client: typeof alice) => messages(client).map((line) => Number(/ seq=(\d+)/u.exec(line)?.[1]))
      const all = Array.from({ length: 80 }, (_, index) => index + 1)
      const own = new Map<string, ReadonlyArray<number>>()
      for (const [name, client] of Object.entries({ alice, bob, gina, mia })) {
        const got = numbers(client)
        assert.deepStrictEqual(
          got,
          [...new Set(got)].toSorted((one, other) => one - other),
          name
        )
        own.set(
          name,
          all.filter((seq) => !got.includes(seq))
        )
      }
      // Nobody gets its own 20 lines, and nobody misses another one's.
      assert.deepStrictEqual(
        [...own.values()].flat().toSorted((one, other) => one - other),
        all
      )
      for (const lines of own.values()) assert.strictEqual(lines.length, 20)
    })
  )

  it.scoped("is changed for members on all nodes", () =>
    Effect.gen(function* () {
      const { alice, b, bob } = yield* started
      const carol = yield* account(b, "carol", "receipts")
      yield* ask(bob, "/join #ops")
      yield* settle
      const before = bob.received.length
      yield* ask(
        alice,
        "/topic #ops the night shift",
        "/slow #ops 5s",
        "/slow #ops off",
        "/invite #ops carol",
        "/lock #ops"
      )
      yield* told
      assert.deepStrictEqual(notices(bob.received.slice(before)), [
        "* topic #ops alice",
        "* slow #ops alice millis=5000",
        "* slow #ops alice millis=0",
        "* locked #ops alice"
      ])
      assert.deepStrictEqual(notices(carol.received), ["* invited #ops alice"])
      assert.deepStrictEqual(heads(yield* ask(carol, "/rooms")), [
        "* room #ops members=2 last=0 locked=yes owner=alice",
        "* end rooms count=1"
      ])
      yield* ask(carol, "/join #ops")
      yield* ask(alice, "/owner #ops bob")
      yield* told
      yield* ask(bob, "/remove #ops alice")
      yield* told
      assert.deepStrictEqual(notices(alice.received).slice(-2), ["* owner #ops bob", "* left #ops alice by=bob"])
      assert.deepStrictEqual(yield* ask(bob, "/topic #ops"), ["* topic #ops alice: the night shift"])
    })
  )

  it.scoped("has its guests removed, silenced and locked out wherever they are", () =>
    Effect.gen(function* () {
      const { alice, b } = yield* started
      const gina = yield* b.join("gina")
      yield* ask(gina, "/hello", "/join #ops")
      yield* settle
      yield* ask(alice, "/silence #ops gina 10m")
      yield* settle
      assert.include(heads(yield* ask(gina, "@1 #ops: hi")).join(), "reason=silenced")
      yield* ask(alice, "/unsilence #ops gina")
      yield* settle
      yield* ask(gina, "@2 #ops: hi")
      yield* seen(alice, "from gina #ops: hi")
      yield* ask(alice, "/remove #ops gina")
      yield* told
      assert.deepStrictEqual(notices(gina.received).slice(-1), ["* left #ops gina by=alice"])
      assert.deepStrictEqual(heads(yield* ask(gina, "@3 #ops: hi")), ["! undelivered @3 #ops reason=not-member"])
      yield* ask(gina, "/join #ops")
      yield* settle
      yield* ask(alice, "/lock #ops")
      yield* told
      assert.deepStrictEqual(notices(gina.received).slice(-1), ["* left #ops gina by=alice"])
      assert.deepStrictEqual(yield* ask(alice, "/members #ops"), [
        "* members #ops 1 here=1: alice",
        "* end members #ops: all members"
      ])
    })
  )

  it.scoped("loses the guests of a node that is lost, and ends if no member is left", () =>
    Effect.gen(function* () {
      const { a, alice, b, cluster } = yield* started
      const gina = yield* b.join("gina")
      const mia = yield* a.join("mia")
      yield* ask(gina, "/hello", "/join #ops", "/join #guests")
      yield* told
      yield* ask(mia, "/hello", "/join #guests")
      yield* settle
      yield* ask(mia, "/leave #guests")
      yield* settle
      assert.deepStrictEqual(heads(yield* ask(mia, "/rooms")), [
        "* room #ops members=2 last=0 owner=alice",
        "* room #guests members=1 last=0",
        "* end rooms count=2"
      ])
      yield* passes(61_000)
      cluster.lose(cluster.node("b"))
      yield* told
      assert.deepStrictEqual(notices(alice.received).slice(-1), ["* left #ops gina"])
      assert.lengthOf(yield* ask(mia, "/rooms"), 3)
      yield* passes(60_000)
      assert.deepStrictEqual(heads(yield* ask(mia, "/rooms")), [
        "* room #ops members=1 last=0 owner=alice",
        "* end rooms count=1"
      ])
    })
  )

  for (const [which, at, away] of [
    ["a node comes back", "b", "b"],
    ["another node comes back", "a", "b"]
  ] as const)
    it.scoped(`of guests goes on when ${which} that was taken for lost`, () =>
      Effect.gen(function* () {
        const { cluster, ...nodes } = yield* started
        const gina = yield* nodes[at].join("gina")
        yield* ask(gina, "/hello", "/join #guests", "#guests: one")
        yield* settle
        const node = cluster.node(away)
        node.suspend()
        cluster.lose(node)
        yield* passes(50_000)
        node.rebear()
        node.resume()
        yield* passes(120_000)
        assert.deepStrictEqual(heads(yield* ask(gina, "/rooms")).slice(1), [
          "* room #guests members=1 last=1 in=yes",
          "* end rooms count=2"
        ])
        assert.deepStrictEqual(notices(gina.received), [])
        assert.lengthOf(yield* ask(nodes.bob, "/rooms"), 3)
      })
    )

  it.scoped("goes on for an account that enters it while its last guest leaves another node", () =>
    Effect.gen(function* () {
      const { a, bob, cluster, isEnding } = yield* started
      const gina = yield* a.join("gina")
      yield* ask(gina, "/hello", "/join #guests", "#guests: one")
      yield* settle
      yield* isEnding.close
      cluster.node("b").hold()
      yield* ask(gina, "/leave #guests")
      yield* ask(bob, "/join #guests")
      cluster.node("b").letGo()
      yield* settle
      yield* isEnding.open
      yield* passes(2_000)
      assert.deepStrictEqual(heads(yield* ask(bob, "/rooms")).slice(1, 2), ["* room #guests members=1 last=1 in=yes"])
      assert.deepStrictEqual(heads(yield* ask(gina, "/rooms")).slice(1), [
        "* room #guests members=1 last=1",
        "* end rooms count=2"
      ])
    })
  )

  it.scoped("gives a guest what was stored while its node was taken for lost", () =>
    Effect.gen(function* () {
      const { alice, b, cluster } = yield* started
      const gina = yield* b.join("gina")
      yield* ask(gina, "/join #ops")
      yield* told
      const node = cluster.node("b")
      node.suspend()
      node.hold()
      yield* settle
      yield* ask(alice, "#ops: while you were away")
      yield* settle
      node.rebear()
      node.letGo()
      node.resume()
      yield* seen(gina, "from alice #ops: while you were away")
      yield* settle
      assert.deepStrictEqual(yield* ask(alice, "/members #ops"), [
        "* members #ops 2 here=2: alice, gina",
        "* end members #ops: all members"
      ])
    })
  )

  it.scoped("keeps the later of two changes, whatever the order in which a node hears of them", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob, cluster } = yield* started
      yield* ask(bob, "/join #ops")
      yield* settle
      cluster.node("b").hold()
      yield* ask(alice, "/topic #ops first")
      yield* ask(bob, "/topic #ops second")
      cluster.node("b").letGo()
      yield* told
      yield* Effect.orDie(b.rooms.act("lock", "#ops", ""))
      yield* told
      assert.deepStrictEqual(notices(bob.received).slice(-3), [
        "* topic #ops alice",
        "* topic #ops bob",
        "* locked #ops *operator"
      ])
      for (const client of [alice, bob])
        assert.deepStrictEqual(yield* ask(client, "/topic #ops"), ["* topic #ops bob: second"])
      yield* Effect.orDie(a.rooms.end("#ops"))
      yield* told
      assert.deepStrictEqual(heads(yield* ask(bob, "/rooms")), ["* end rooms count=0"])
    })
  )

  it.scoped("has the guests of another node that it heard of before it heard of the room", () =>
    Effect.gen(function* () {
      const { alice, b, isReading } = yield* started
      const gina = yield* b.join("gina")
      yield* isReading.close
      yield* ask(gina, "/join #late")
      yield* settle
      yield* isReading.open
      yield* settle
      yield* ask(alice, "/join #late")
      assert.deepStrictEqual(yield* ask(alice, "/members #late"), [
        "* members #late 2 here=2: gina, alice",
        "* end members #late: all members"
      ])
    })
  )

  it.scoped("is one, if two nodes create it at the same time", () =>
    Effect.gen(function* () {
      const { alice, bob, isReading } = yield* started
      yield* isReading.close
      yield* ask(bob, "/join #new")
      alice.say("/join #new")
      yield* settle
      yield* isReading.open
      yield* seen(alice, "* room #new members=2 last=0 owner=bob: ")
    })
  )

  it.scoped("goes on for a guest that registers", () =>
    Effect.gen(function* () {
      const { alice, b } = yield* started
      const gina = yield* b.join("gina")
      yield* ask(gina, "/hello", "/join #ops")
      yield* settle
      yield* ask(gina, "/register correct horse battery")
      yield* told
      assert.deepStrictEqual(notices(alice.received), ["* joined #ops gina guest=yes"])
      assert.deepStrictEqual(yield* ask(alice, "/members #ops"), [
        "* members #ops 2 here=2: alice, gina",
        "* end members #ops: all members"
      ])
    })
  )
})

describe("an account on several nodes", () => {
  it.scoped("is known on all of them at once, and guests of its name go", () =>
    Effect.gen(function* () {
      const { a, alice, b } = yield* started
      yield* ask(alice, "/hello")
      const dave = yield* a.join("dave")
      const other = yield* b.connect
      yield* Effect.orDie(a.accounts.operations.add("eve", "correct horse battery"))
      yield* settle
      other.say("eve")
      yield* other.ended
      assert.deepStrictEqual(heads(other.received), ["! password-required eve fatal"])
      yield* Effect.orDie(b.accounts.operations.add("Dave", "correct horse battery"))
      yield* dave.ended
      assert.deepStrictEqual(heads(dave.received).slice(-1), ["! password-required dave fatal"])
    })
  )

  it.scoped("that is removed, or whose password changes, is logged out on all of them", () =>
    Effect.gen(function* () {
      const { a, alice, b, bob } = yield* started
      yield* ask(bob, "/join #ops")
      const phone = yield* account(b, "alice/phone")
      yield* Effect.orDie(a.accounts.operations.password("alice", "correct horse battery"))
      yield* Effect.all([phone.ended, alice.ended])
      assert.deepStrictEqual(heads(phone.received).slice(-1), ["! logged-out reason=password fatal"])
      const again = yield* account(a, "alice", "receipts")
      yield* Effect.orDie(a.accounts.operations.remove("bob"))
      yield* bob.ended
      assert.deepStrictEqual(heads(bob.received).slice(-1), ["! logged-out reason=removed fatal"])
      yield* told
      assert.deepStrictEqual(notices(again.received).slice(-1), ["* left #ops bob"])
      yield* Effect.orDie(b.accounts.operations.free("bob"))
      yield* settle
      yield* a.join("bob")
    })
  )

  it.scoped("keeps a name that was freed and taken again before a node heard of either", () =>
    Effect.gen(function* () {
      const { a, b, cluster } = yield* started
      cluster.node("a").hold()
      yield* Effect.orDie(b.accounts.operations.remove("carol"))
      yield* Effect.orDie(b.accounts.operations.free("carol"))
      yield* Effect.orDie(a.accounts.operations.add("carol", "correct horse battery"))
      cluster.node("a").letGo()
      yield* told
      const guest = yield* a.connect
      guest.say("carol")
      yield* guest.ended
      assert.deepStrictEqual(heads(guest.received), ["! password-required carol fatal"])
    })
  )
})
