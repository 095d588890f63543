import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import { changesPage, keptChanges, type StoreChange } from "../../src/ports/StoreSharing.js"
import { append, balanced, defaults, device, expire, line, numbered, register, stored, texts } from "./StoreFixtures.js"
import { create, lines, readable, roomOf, seqs } from "./StoreRoomFixtures.js"

import { sharedDevices } from "./StoreSharingDevices.js"
import { ending, logged, type MakeShared, openDevice, openShared, two } from "./StoreSharingFixtures.js"

/** What the layers of the port that several servers can share promise about it. */
export const sharingSuite = (name: string, make: MakeShared) => {
  describe(name, () => {
    sharedDevices(make)

    it.scoped("shows all servers the same, and writes in its log what they have in memory", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        assert.notStrictEqual(one.sharing.server, other.sharing.server)
        assert.strictEqual(yield* one.sharing.latest, 0)
        assert.deepStrictEqual(yield* one.sharing.changes(0), { changes: [], last: 0, isComplete: true })
        const alice = yield* register(one.store, "alice")
        const bob = yield* register(other.store, "bob")
        const [first, second] = yield* one.store.accounts.all
        assert(first !== undefined && second !== undefined)
        assert.deepStrictEqual(yield* logged(other.sharing), [
          { by: one.sharing.server, change: { _tag: "AccountCreated", account: first } },
          { by: other.sharing.server, change: { _tag: "AccountCreated", account: second } }
        ])
        const from = yield* other.sharing.latest
        assert.isTrue(yield* one.store.accounts.setCredential(alice, "new"))
        yield* device(one.store, alice, "web")
        assert.isTrue(yield* one.store.accounts.forget(alice, "web"))
        assert.isDefined(yield* other.store.accounts.remove(bob))
        assert.isTrue(yield* other.store.accounts.free(bob))
        assert.deepStrictEqual(
          (yield* logged(one.sharing, from)).map(({ change }) => change),
          [
            { _tag: "PasswordChanged", account: alice },
            { _tag: "DeviceForgotten", account: alice, device: "web" },
            { _tag: "AccountRemoved", account: bob },
            { _tag: "AccountFreed", account: bob }
          ] satisfies ReadonlyArray<StoreChange>
        )
        assert.isUndefined(yield* one.store.accounts.credential(bob))
      })
    )

    it.scoped("writes nothing in its log when nothing has changed", () =>
      Effect.gen(function* () {
        const [one] = yield* two(make)
        const { accounts, rooms } = one.store
        const alice = yield* register(one.store, "alice")
        const room = yield* create(one.store, "ops", alice)
        const from = yield* one.sharing.latest
        const nobody = (Number(alice) + 100) as AccountId
        assert.isUndefined(yield* accounts.create({ name: "Alice", likeness: "ALICE", credential: "hash" }))
        assert.isFalse(yield* accounts.setCredential(nobody, "new"))
        assert.isFalse(yield* accounts.free(alice))
        assert.isUndefined(yield* accounts.remove(nobody))
        assert.isFalse(yield* accounts.forget(alice, "unknown"))
        assert.isUndefined(yield* rooms.create({ name: "#Ops", likeness: "OPS", owner: undefined }))
        assert.isFalse(yield* rooms.change(room.id, { owner: nobody }))
        assert.strictEqual(yield* rooms.join(room.id, alice), 0)
        assert.isUndefined(yield* rooms.leave(room.id, nobody))
        assert.isFalse(yield* rooms.invite(room.id, alice))
        assert.isFalse(yield* rooms.uninvite(room.id, nobody))
        assert.isFalse(yield* rooms.end((Number(room.id) + 100) as ConversationId))
        assert.deepStrictEqual(yield* logged(one.sharing, from), [])
      })
    )

    it.scoped("replaces the hash of a password that is the same only if it is still there, and nobody need know", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        const alice = yield* register(one.store, "alice")
        const from = yield* one.sharing.latest
        assert.isTrue(yield* one.store.accounts.setCredential(alice, "costly", "hash of alice"))
        assert.deepStrictEqual(yield* logged(other.sharing, from), [])
        assert.isTrue(yield* other.store.accounts.setCredential(alice, "new"))
        assert.isFalse(yield* one.store.accounts.setCredential(alice, "old", "costly"))
        assert.strictEqual(yield* one.store.accounts.credential(alice), "new")
      })
    )

    it.scoped("writes in its log what happens to rooms, and who has done it", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        const from = yield* one.sharing.latest
        const { rooms } = one.store
        const guests = yield* create(one.store, "guests")
        const room = yield* create(one.store, "ops", alice)
        const { id } = room
        assert.isTrue(yield* rooms.invite(id, bob, "alice"))
        assert.strictEqual(yield* other.store.rooms.join(id, bob), 0)
        assert.isTrue(yield* rooms.change(id, { topic: { text: "caf\xc3\xa9", by: "alice" } }, "alice"))
        assert.isTrue(yield* rooms.change(id, { isLocked: true, slowMillis: 0, owner: undefined }))
        assert.deepStrictEqual(yield* other.store.rooms.leave(id, alice, "bob"), { owner: bob })
        assert.isTrue(yield* rooms.invite(id, alice))
        assert.isTrue(yield* rooms.uninvite(id, alice))
        assert.deepInclude(yield* roomOf(one.store, id), { owner: bob, members: [bob], isLocked: true })
        assert.isFalse(yield* rooms.end(id, true))
        assert.isTrue(yield* rooms.end(id))
        const page = yield* logged(other.sharing, from)
        assert.deepEqual(
          page.map(({ change }) => change),
          [
            { _tag: "RoomCreated", room: guests },
            { _tag: "RoomCreated", room },
            { _tag: "Invited", room: id, account: bob, by: "alice" },
            { _tag: "RoomJoined", room: id, account: bob, last: 0 },
            { _tag: "RoomChanged", room: id, changes: { topic: { text: "caf\xc3\xa9", by: "alice" } }, by: "alice" },
            { _tag: "RoomChanged", room: id, changes: { isLocked: true, slowMillis: 0 } },
            { _tag: "RoomLeft", room: id, account: alice, owner: bob, by: "bob" },
            { _tag: "Invited", room: id, account: alice },
            { _tag: "Uninvited", room: id, account: alice },
            { _tag: "RoomEnded", room: id }
          ] satisfies ReadonlyArray<StoreChange>
        )
        assert.deepStrictEqual(
          page.filter(({ by }) => by === other.sharing.server).map(({ change }) => change._tag),
          ["RoomJoined", "RoomLeft"]
        )
        assert.deepStrictEqual(yield* other.store.rooms.all, [guests])
      })
    )

    it.scoped("gives its log in pages, and says when a part of it is no longer kept", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        const { id } = yield* create(one.store, "ops")
        const changed = Effect.forEach([one, other], ({ store }) => store.rooms.change(id, { slowMillis: 1 }))
        yield* Effect.repeatN(changed, changesPage / 2)
        const count = changesPage + 3
        const page = yield* other.sharing.changes(0)
        assert.deepStrictEqual([page.changes.length, page.last], [changesPage, count])
        assert.deepStrictEqual(
          page.changes.map(({ id }) => id),
          page.changes.map((_, index) => index + 1)
        )
        assert.deepInclude(yield* other.sharing.changes(count), { changes: [], last: count, isComplete: true })
        assert.isFalse((yield* other.sharing.changes(count + 1)).isComplete, "as after a restored backup")
      })
    )

    it.scoped("is kept in order by one server, and by another once that one has ended", () =>
      Effect.gen(function* () {
        const open = yield* make
        const limits = { ...defaults, keep: "1 hour" as const }
        const one = yield* ending(open)
        const other = yield* openShared(open, limits)
        yield* one.store.configure(limits)
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        yield* device(one.store, bob)
        yield* one.store.append(numbered(Keys.keyBetween(alice, bob), alice, 3))
        yield* TestClock.adjust("2 hours")
        const nothing = { removed: 0, undelivered: [], senders: [], hasMore: false }
        assert.deepStrictEqual(yield* other.store.retain([]), nothing, "before anybody was asked")
        assert.isFalse(yield* other.store.index)
        assert.isTrue(yield* one.sharing.keepsOrder)
        assert.isTrue(yield* one.sharing.keepsOrder)
        assert.isFalse(yield* other.sharing.keepsOrder)
        assert.deepStrictEqual(yield* other.store.retain([]), nothing)
        assert.strictEqual((yield* one.store.retain([])).removed, 3)
        yield* append(one.store, line(Keys.keyBetween(alice, bob), alice, "again"))
        yield* one.end
        assert.isTrue(yield* other.sharing.keepsOrder)
        assert.deepInclude(yield* expire(other.store), { removed: 1, senders: [alice] })
        assert.deepInclude(yield* balanced(other.store), { stored: 4, expired: 4, lines: 0 })
        assert.deepStrictEqual(yield* other.store.check, [])
      })
    )

    it.scoped("writes in its log which lines return, in the request that removes them", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make, { ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        yield* device(one.store, bob)
        yield* one.store.append([
          ...numbered({ kind: "guest", account: bob, likeness: "GUEST" }, undefined, 2),
          line(Keys.keyBetween(alice, bob), alice, "one"),
          line(Keys.keyBetween(alice, bob), bob, "to alice"),
          line(Keys.keyBetween(alice, bob), alice, "two")
        ])
        const guest = yield* one.store.find({ kind: "guest", account: bob, likeness: "GUEST" })
        const direct = yield* one.store.find(Keys.keyBetween(alice, bob))
        assert(guest !== undefined && direct !== undefined)
        const from = yield* one.sharing.latest
        assert.isTrue(yield* one.sharing.keepsOrder)
        assert.strictEqual((yield* expire(one.store)).removed, 5)
        const lines = { reason: "expired", recipient: "bob" } as const
        const returns = [
          { ...lines, conversation: guest, account: undefined, first: 1, last: 2, count: 2 },
          { ...lines, conversation: direct, account: alice, first: 1, last: 3, count: 2 },
          { ...lines, conversation: direct, account: bob, recipient: "alice", first: 2, last: 2, count: 1 }
        ]
        assert.deepStrictEqual(yield* logged(other.sharing, from), [
          { by: one.sharing.server, change: { _tag: "LinesReturned", returns } }
        ])
        yield* append(other.store, line(Keys.keyBetween(alice, bob), alice, "three"))
        const next = yield* one.sharing.latest
        yield* other.store.accounts.remove(bob)
        assert.deepStrictEqual(
          (yield* logged(one.sharing, next)).map(({ change }) => change),
          [
            { _tag: "AccountRemoved", account: bob },
            {
              _tag: "LinesReturned",
              returns: [
                {
                  conversation: direct,
                  reason: "removed",
                  recipient: "bob",
                  account: alice,
                  first: 4,
                  last: 4,
                  count: 1
                }
              ]
            }
          ] satisfies ReadonlyArray<StoreChange>
        )
      })
    )

    it.scoped("removes nothing in a step that was begun before another server went on", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make, { ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        yield* one.store.append(numbered(Keys.keyBetween(alice, bob), alice, 3))
        yield* TestClock.adjust("2 hours")
        assert.isTrue(yield* one.sharing.keepsOrder)
        const since = yield* one.sharing.latest
        yield* other.sharing.goOn
        assert.deepInclude(yield* one.store.retain([], since), { removed: 0, hasMore: false })
        assert.deepInclude(yield* one.store.retain([], yield* one.sharing.latest), { removed: 3 })
      })
    )

    it.scoped("removes the largest conversation first, whoever has stored its lines", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        const [large, small] = [yield* create(one.store, "large"), yield* create(one.store, "small")]
        const key = Keys.ofRoom(large.id)
        const size = Keys.sizeOf("line 1".length, line(key, undefined, "line 1"))
        assert.isTrue(yield* one.sharing.keepsOrder)
        yield* one.store.append(lines(small, undefined, 3))
        yield* one.store.retain([]) // has measured the conversations now
        yield* other.store.append(lines(large, undefined, 9))
        yield* other.store.append(lines(small, undefined, 1))
        yield* one.store.append(lines(small, undefined, 1))
        yield* one.store.configure({ ...defaults, keepBytes: 11 * size })
        assert.strictEqual((yield* one.store.retain([])).removed, 3)
        assert.strictEqual((yield* readable(other.store, small, "guest")).length, 5)
        assert.strictEqual((yield* readable(other.store, large, "guest")).length, 6)
        assert.deepStrictEqual(yield* other.store.check, [])
      })
    )

    it.scoped("goes through lines that are held, although another server stores some meanwhile", () =>
      Effect.gen(function* () {
        const open = yield* make
        const one = yield* openShared(open, { ...defaults, keep: "1 hour" })
        const other = yield* openShared(open)
        const [held, loose, busy] = [
          yield* create(one.store, "held"),
          yield* create(one.store, "loose"),
          yield* create(one.store, "busy")
        ]
        for (const _ of [1, 2]) yield* one.store.append(lines(held, undefined, 900))
        yield* one.store.append(lines(loose, undefined, 1))
        yield* TestClock.adjust("2 hours")
        assert.isTrue(yield* one.sharing.keepsOrder)
        let removed = 0
        for (let step = 0; step < 5; step++) {
          yield* other.store.append(lines(busy, undefined, 1))
          removed += (yield* one.store.retain([{ conversation: held.id, after: 0 }])).removed
        }
        assert.strictEqual(removed, 1)
        assert.deepStrictEqual(yield* readable(other.store, loose, "guest"), [])
      })
    )

    it.scoped("numbers lines without holes, whoever stores them, and each label once", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make)
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        yield* openDevice(one, alice, "web")
        yield* openDevice(other, alice, "web", { takeFrom: one.sharing.server, others: [one.sharing.server] })
        const key = Keys.keyBetween(alice, bob)
        const labelled = (label: number) =>
          line(key, alice, `text ${label}`, { once: { device: "web", label: `${label}` } })
        // Both servers are asked to store all of them, in different orders: as after an answer that was lost.
        const results = yield* Effect.forEach(
          [one, other, one, other],
          ({ store }, offset) =>
            Effect.forEach(Array.from({ length: 10 }), (_, index) =>
              store.append([labelled((index + offset * 3) % 10), line(key, bob, "hi")])
            ),
          { concurrency: "unbounded" }
        )
        const all = results.flat(2)
        const again = all.filter((result) => result._tag === "Stored" && result.again)
        assert.strictEqual(again.length, 30)
        const numbers = seqs(all.filter((result) => !again.includes(result))).toSorted((a, b) => Number(a) - Number(b))
        assert.deepStrictEqual(
          numbers,
          Array.from({ length: 50 }, (_, index) => index + 1)
        )
        assert.deepStrictEqual(yield* append(other.store, { ...labelled(3), text: "another" }), { _tag: "LabelUsed" })
        const found = yield* texts(other.store, { conversation: key, reader: bob, after: 0, limit: 100 })
        assert.strictEqual(found.filter((text) => text === "text 3").length, 1)
        assert.deepInclude(yield* balanced(one.store), { stored: 50, waiting: 50 })
        assert.deepStrictEqual(yield* one.store.check, [])
      })
    )

    it.scoped("counts what is unread of an account, whoever has stored or given it", () =>
      Effect.gen(function* () {
        const [one, other] = yield* two(make, { ...defaults, unreadLines: 3 })
        const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
        yield* openDevice(other, bob, "web")
        const key = Keys.keyBetween(alice, bob)
        const { conversation } = stored(yield* append(one.store, line(key, alice, "1")))
        yield* append(other.store, line(key, alice, "2"))
        yield* append(one.store, line(key, alice, "3"))
        assert.deepStrictEqual(yield* append(other.store, line(key, alice, "4")), { _tag: "Full" })
        yield* other.store.saveCursors([{ account: bob, device: "web", conversation, seq: 1 }])
        assert.strictEqual(stored(yield* append(one.store, line(key, alice, "4"))).seq, 4)
        assert.deepStrictEqual(yield* append(one.store, line(key, alice, "5")), { _tag: "Full" })
        assert.isDefined(yield* other.store.accounts.remove(bob))
        assert.deepStrictEqual(yield* append(one.store, line(key, alice, "5")), { _tag: "Removed" })
      })
    )
  })
}

/** A longer test of the log, for a layer that is fast. */
export const longLog = (make: MakeShared) =>
  Effect.gen(function* () {
    const [one, other] = yield* two(make)
    const { id } = yield* create(one.store, "ops")
    yield* Effect.repeatN(one.store.rooms.change(id, { slowMillis: 1 }), keptChanges - 2)
    const last = keptChanges
    assert.isTrue((yield* other.sharing.changes(0)).isComplete)
    yield* Effect.repeatN(one.store.rooms.change(id, { slowMillis: 1 }), 199)
    assert.deepStrictEqual(yield* other.sharing.changes(0), { changes: [], last: last + 200, isComplete: false })
    assert.isTrue((yield* other.sharing.changes(200)).isComplete)
  })
