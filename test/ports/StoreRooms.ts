import { assert, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import { balanced, defaults, device, line, type OpenStore, register } from "./StoreFixtures.js"
import { create, lines, nothing, readMark, readable, roomOf, seqs, three } from "./StoreRoomFixtures.js"

/** What every layer of the port promises about rooms, their members and their owners. */
export const roomSuite = (open: OpenStore) => {
  it.scoped("have names that no other room takes, and owners that are their first members", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const alice = yield* register(store, "alice")
      const ops = yield* create(store, "\xc3\xb6ps", alice)
      assert.deepStrictEqual(ops, {
        id: ops.id,
        name: "#\xc3\xb6ps",
        likeness: "ÖPS",
        topic: "",
        topicBy: "",
        owner: alice,
        isLocked: false,
        slowMillis: 0,
        last: 0,
        members: [alice],
        invited: []
      })
      const dev = yield* create(store, "dev")
      assert.deepInclude(dev, { owner: undefined, members: [] })
      assert.isUndefined(yield* store.rooms.create({ name: "#Dev", likeness: "DEV", owner: alice }))
      assert.deepStrictEqual(yield* store.rooms.all, [ops, dev])
      yield* register(store, "dev") // accounts and rooms do not take each other's names
      const nobody = (Number(alice) + 100) as AccountId
      assert.isUndefined(yield* store.rooms.create({ name: "#new", likeness: "NEW", owner: nobody }))
      assert.deepStrictEqual((yield* balanced(store)).rooms, 2)
    })
  )

  it.scoped("change what is said about them, and nothing else", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      const other = yield* create(store, "dev", alice)
      yield* store.rooms.join(room.id, bob)
      const members = [alice, bob]
      assert.isTrue(yield* store.rooms.change(room.id, { topic: { text: "d\xc3\xa9j\xc3\xa0 vu", by: "bob" } }))
      const topic = { topic: "d\xc3\xa9j\xc3\xa0 vu", topicBy: "bob" }
      assert.deepStrictEqual(yield* roomOf(store, room.id), { ...room, ...topic, members })
      assert.isTrue(yield* store.rooms.change(room.id, { isLocked: true, slowMillis: 5000 }))
      const changed = { ...room, ...topic, members, isLocked: true, slowMillis: 5000 }
      assert.deepStrictEqual(yield* roomOf(store, room.id), changed)
      assert.isTrue(yield* store.rooms.change(room.id, { owner: bob, isLocked: false }))
      assert.deepStrictEqual(yield* roomOf(store, room.id), { ...changed, owner: bob, isLocked: false })
      assert.isFalse(yield* store.rooms.change(room.id, { owner: carol, slowMillis: 0 }), "no member")
      assert.deepInclude(yield* roomOf(store, room.id), { owner: bob, slowMillis: 5000 })
      assert.isFalse(yield* store.rooms.change((room.id + 100) as ConversationId, { isLocked: true }))
      assert.deepStrictEqual(yield* roomOf(store, other.id), other)
      assert.isTrue(yield* store.rooms.change(room.id, { topic: { text: "", by: "" }, slowMillis: 0 }))
      assert.deepStrictEqual(yield* roomOf(store, room.id), { ...room, members, owner: bob })
    })
  )

  it.scoped("forget a member that leaves, or is removed, and everything that it had there", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* store.rooms.join(room.id, bob)
      yield* device(store, bob)
      yield* device(store, bob, "phone")
      yield* store.append(lines(room, alice, 5))
      yield* store.saveCursors([{ account: bob, device: "main", conversation: room.id, seq: 2 }])
      yield* store.markRead(bob, room.id, 2)
      assert.deepStrictEqual(yield* store.rooms.leave(room.id, bob), { owner: alice })
      assert.isUndefined(yield* store.rooms.leave(room.id, bob))
      assert.deepStrictEqual(yield* store.page({ conversation: room.id, reader: bob, limit: 9 }), nothing)
      assert.deepStrictEqual(yield* store.waiting(bob, "main"), [])
      assert.deepStrictEqual(yield* store.conversations(bob, 10), [])
      assert.isUndefined(yield* store.markRead(bob, room.id, 5))
      yield* store.saveCursors([{ account: bob, device: "main", conversation: room.id, seq: 3 }])
      yield* store.append(lines(room, alice, 1))
      assert.strictEqual(yield* store.rooms.join(room.id, bob), 6)
      assert.strictEqual(yield* readMark(store, room, bob), 6)
      yield* store.append(lines(room, alice, 1))
      for (const name of ["main", "phone"]) assert.deepInclude((yield* store.waiting(bob, name))[0], { cursor: 6 })
      yield* device(store, bob, "tablet")
      assert.deepInclude((yield* store.waiting(bob, "tablet"))[0], { cursor: 6 })
      const cursors = Chunk.filter(yield* Stream.runCollect(store.exported), ({ type }) => type === "cursor")
      assert.isTrue(Chunk.every(cursors, (record) => record.type === "cursor" && record.seq >= 6))
    })
  )

  it.scoped("pass to the account that has been a member longest when their owner leaves", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const room = yield* create(store, "ops", bob)
      yield* store.rooms.join(room.id, carol)
      yield* store.rooms.join(room.id, alice)
      assert.deepStrictEqual((yield* roomOf(store, room.id))?.members, [bob, carol, alice])
      assert.deepStrictEqual(yield* store.rooms.leave(room.id, bob), { owner: carol })
      yield* store.rooms.join(room.id, bob)
      assert.deepInclude(yield* roomOf(store, room.id), { owner: carol, members: [carol, alice, bob] })
      assert.deepStrictEqual(yield* store.rooms.leave(room.id, alice), { owner: carol })
      assert.deepStrictEqual(yield* store.rooms.leave(room.id, carol), { owner: bob })
      assert.deepStrictEqual(yield* store.rooms.leave(room.id, bob), { owner: undefined })
      assert.deepInclude(yield* roomOf(store, room.id), { owner: undefined, members: [] })
      yield* store.rooms.join(room.id, alice)
      assert.deepInclude(yield* roomOf(store, room.id), { owner: undefined, members: [alice] })
    })
  )

  it.scoped("let invited accounts in when they are locked, each once", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* store.rooms.change(room.id, { isLocked: true })
      assert.isUndefined(yield* store.rooms.join(room.id, bob))
      assert.isTrue(yield* store.rooms.invite(room.id, bob))
      assert.isTrue(yield* store.rooms.invite(room.id, carol))
      assert.isTrue(yield* store.rooms.invite(room.id, carol), "nothing happens")
      assert.isFalse(yield* store.rooms.invite(room.id, alice), "a member")
      assert.isFalse(yield* store.rooms.invite(room.id, (carol + 100) as AccountId))
      assert.sameMembers([...((yield* roomOf(store, room.id))?.invited ?? [])], [bob, carol])
      assert.strictEqual(yield* store.rooms.join(room.id, bob), 0)
      assert.strictEqual(yield* store.rooms.join(room.id, bob), 0, "a member is one, invited or not")
      assert.deepInclude(yield* roomOf(store, room.id), { members: [alice, bob], invited: [carol] })
      yield* store.rooms.leave(room.id, bob)
      assert.isUndefined(yield* store.rooms.join(room.id, bob), "the invitation is used up")
      assert.isTrue(yield* store.rooms.uninvite(room.id, carol))
      assert.isFalse(yield* store.rooms.uninvite(room.id, carol))
      assert.isUndefined(yield* store.rooms.join(room.id, carol))
      yield* store.rooms.invite(room.id, carol)
      yield* store.rooms.change(room.id, { isLocked: false })
      assert.strictEqual(yield* store.rooms.join(room.id, carol), 0)
      assert.deepStrictEqual((yield* roomOf(store, room.id))?.invited, [], "it is used up, needed or not")
    })
  )

  it.scoped("are gone when they end, and one of the same name continues with higher numbers", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* device(store, alice)
      yield* store.rooms.invite(room.id, bob)
      const once = { device: "main", label: "1" }
      yield* store.append(lines(room, alice, 5, { once: undefined }))
      yield* store.append(lines(room, alice, 1, { once }))
      yield* store.saveCursors([{ account: alice, device: "main", conversation: room.id, seq: 6 }])
      assert.isTrue(yield* store.rooms.end(room.id))
      assert.isFalse(yield* store.rooms.end(room.id))
      const gone = Effect.gen(function* () {
        for (const reader of [alice, bob, "guest"] as const) {
          assert.deepStrictEqual(yield* store.page({ conversation: room.id, reader, limit: 9 }), nothing)
        }
        assert.deepStrictEqual(yield* store.conversations(alice, 10), [])
        assert.isUndefined(yield* store.find(Keys.ofRoom(room.id)))
        assert.deepStrictEqual(seqs(yield* store.append(lines(room, alice, 1))), ["Removed"])
        assert.isUndefined(yield* store.rooms.join(room.id, bob))
        assert.isFalse(yield* store.rooms.invite(room.id, bob))
        assert.isFalse(yield* store.rooms.change(room.id, { isLocked: true }))
        assert.isUndefined(yield* store.markRead(alice, room.id, 6))
      })
      yield* gone
      assert.deepInclude(yield* balanced(store), { rooms: 0, conversations: 0 })
      assert.deepStrictEqual(yield* store.check, [])
      const next = yield* create(store, "ops", bob)
      assert.isAbove(next.id, room.id)
      assert.deepInclude(next, { last: 6, members: [bob], invited: [] })
      assert.deepStrictEqual(seqs(yield* store.append(lines(next, alice, 1, { once }))), [7])
      assert.deepStrictEqual(yield* readable(store, next, bob), [7])
      assert.deepInclude(yield* store.page({ conversation: next.id, reader: bob, limit: 9 }), { first: 7, last: 7 })
      yield* device(store, bob)
      assert.deepInclude((yield* store.waiting(bob, "main"))[0], { cursor: 6, first: 7, last: 7 })
      while ((yield* store.retain([])).hasMore);
      yield* gone
      assert.deepInclude(yield* balanced(store), { rooms: 1, conversations: 1, lines: 1 })
      assert.deepStrictEqual(yield* store.check, [])
      // Any name continues so: nobody knows what its numbers were before.
      const other = yield* create(store, "dev", bob)
      assert.strictEqual(other.last, 6)
      assert.strictEqual(yield* store.rooms.join(other.id, alice), 6)
      assert.deepStrictEqual(yield* store.waiting(alice, "main"), [])
    })
  )

  it.scoped("are left by accounts that are removed, and nothing of these is in a later one of the name", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const [room, other] = [yield* create(store, "ops", alice), yield* create(store, "dev", carol)]
      yield* store.rooms.join(room.id, bob)
      yield* store.rooms.invite(other.id, alice)
      yield* device(store, alice)
      yield* store.append(lines(room, alice, 2))
      yield* store.saveCursors([{ account: alice, device: "main", conversation: room.id, seq: 1 }])
      assert.deepStrictEqual(yield* store.accounts.remove(alice), [])
      assert.deepInclude(yield* roomOf(store, room.id), { owner: bob, members: [bob], invited: [] })
      assert.deepStrictEqual((yield* roomOf(store, other.id))?.invited, [])
      assert.isUndefined(yield* store.rooms.join(room.id, alice))
      assert.isFalse(yield* store.rooms.invite(room.id, alice))
      assert.deepStrictEqual(yield* readable(store, room, alice), [])
      assert.deepStrictEqual(yield* readable(store, room, bob), [1, 2])
      yield* store.accounts.free(alice)
      const again = yield* register(store, "alice")
      yield* device(store, again)
      assert.deepStrictEqual(yield* readable(store, room, again), [])
      assert.deepStrictEqual(yield* store.waiting(again, "main"), [])
      assert.deepInclude(yield* roomOf(store, room.id), { owner: bob, members: [bob], invited: [] })
      yield* store.accounts.remove(bob)
      assert.deepInclude(yield* roomOf(store, room.id), { owner: undefined, members: [] })
      const { expired, stored } = yield* balanced(store)
      assert.deepStrictEqual([stored, expired], [0, 0])
    })
  )

  it.scoped("are listed with their name and the read mark, which writing and reading move", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      yield* TestClock.setTime(1000)
      const room = yield* create(store, "ops", alice)
      const common = { conversation: room.id, key: Keys.ofRoom(room.id), name: "#ops", first: 1 }
      assert.deepStrictEqual(yield* store.conversations(alice, 10), [{ ...common, last: 0, read: 0, at: 0 }])
      yield* store.rooms.join(room.id, bob)
      yield* store.append([...lines(room, alice, 2), ...lines(room, undefined, 2)])
      assert.deepStrictEqual(yield* store.conversations(alice, 10), [{ ...common, last: 4, read: 2, at: 1000 }])
      assert.strictEqual(yield* store.markRead(bob, room.id, 3), 3)
      assert.strictEqual(yield* store.markRead(bob, room.id, 1), 3)
      assert.strictEqual(yield* store.markRead(bob, room.id, 9), 4)
      assert.strictEqual(yield* readMark(store, room, alice), 2)
    })
  )

  it.scoped("are part of an export, and the same after its import", () =>
    Effect.gen(function* () {
      const from = yield* open(defaults)
      const [alice, bob, carol] = yield* three(from)
      const gone = yield* create(from, "gone", alice)
      yield* from.append(lines(gone, alice, 4))
      const room = yield* create(from, "\xc3\xb6ps", carol)
      yield* create(from, "empty")
      yield* from.rooms.join(room.id, bob)
      yield* from.rooms.join(room.id, alice)
      yield* from.rooms.leave(room.id, carol)
      yield* from.rooms.invite(room.id, carol)
      yield* from.rooms.change(room.id, {
        topic: { text: "\xc3\xa9", by: "\xc3\xa4" },
        isLocked: true,
        slowMillis: 1500
      })
      yield* device(from, bob)
      const text = "both ".repeat(100)
      yield* from.append([
        line(Keys.ofRoom(room.id), alice, text, { to: "bob" }),
        line(Keys.keyBetween(alice, bob), alice, text, { to: "#\xc3\xb6ps" }),
        ...lines(room, undefined, 3)
      ])
      yield* from.saveCursors([{ account: bob, device: "main", conversation: room.id, seq: 2 }])
      const last = yield* create(from, "last", alice)
      for (const { id } of [gone, last]) yield* from.rooms.end(id) // its lines are not exported, deleted or not
      const records = Chunk.toReadonlyArray(yield* Stream.runCollect(from.exported))
      assert.notInclude(JSON.stringify(records), "gone")
      assert.lengthOf(
        records.filter(({ type }) => type === "line"),
        5
      )
      const to = yield* open(defaults)
      yield* to.imported(Stream.fromIterable(records))
      assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(to.exported)), records)
      assert.deepStrictEqual(yield* to.rooms.all, yield* from.rooms.all)
      assert.deepStrictEqual(yield* to.waiting(bob, "main"), yield* from.waiting(bob, "main"))
      assert.deepStrictEqual(yield* to.check, [])
      yield* to.rooms.join(room.id, carol)
      assert.deepStrictEqual(yield* to.rooms.leave(room.id, bob), { owner: alice })
      assert.deepStrictEqual((yield* roomOf(to, room.id))?.members, [alice, carol])
      const again = yield* create(to, "gone", alice)
      assert.deepInclude(
        again,
        { id: (last.id + 1) as typeof last.id, last: 4 },
        "neither its id nor its numbers are used again"
      )
      assert.isUndefined(yield* to.rooms.create({ name: "#x", likeness: room.likeness, owner: alice }))
    })
  )
}
