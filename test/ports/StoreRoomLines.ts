import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { Appended, ConversationId } from "../../src/ports/StoreLines.js"
import { append, balanced, defaults, device, line, type OpenStore, register } from "./StoreFixtures.js"
import { create, lines, nothing, readMark, readable, roomOf, seqs, three } from "./StoreRoomFixtures.js"

/** What every layer of the port promises about the lines of rooms. */
export const roomLineSuite = (open: OpenStore) => {
  it.scoped("store lines of members and guests, of which nothing is owed to anybody", () =>
    Effect.gen(function* () {
      const store = yield* open({ ...defaults, unreadLines: 2, unreadBytes: 400 })
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* store.rooms.join(room.id, bob)
      yield* device(store, bob)
      yield* TestClock.setTime(5000)
      const texts = [...lines(room, alice, 2), ...lines(room, undefined, 2), ...lines(room, bob, 1)]
      assert.deepStrictEqual(seqs(yield* store.append(texts)), [1, 2, 3, 4, 5])
      const { given, lines: kept, stored, waiting } = yield* balanced(store)
      assert.deepStrictEqual({ given, kept, stored, waiting }, { given: 0, kept: 5, stored: 0, waiting: 0 })
      const page = yield* store.page({ conversation: room.id, reader: bob, limit: 2, after: 0 })
      assert.deepStrictEqual([page.first, page.last, page.hasMore], [1, 5, true])
      assert.deepStrictEqual(
        page.lines,
        [1, 2].map((seq) => ({
          seq,
          at: 5000,
          account: alice,
          author: `author${alice}`,
          text: `line ${seq}`,
          isAuto: false,
          to: ""
        }))
      )
      yield* store.saveCursors([{ account: bob, device: "main", conversation: room.id, seq: 5 }])
      assert.deepStrictEqual(yield* store.waiting(bob, "main"), [])
      assert.strictEqual((yield* balanced(store)).given, 0)
      // Nor does what is in rooms count for what may be unread of an account.
      const direct = line(Keys.keyBetween(alice, bob), alice, "hi")
      assert.strictEqual((yield* append(store, direct))._tag, "Stored")
      assert.deepStrictEqual(yield* store.check, [])
      assert.strictEqual(yield* store.find(Keys.ofRoom(room.id)), room.id)
      assert.deepStrictEqual((yield* store.rooms.all)[0]?.last, 5)
    })
  )

  it.scoped("take no lines if they do not exist", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const direct = yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi"))
      assert(direct._tag === "Stored")
      for (const id of [direct.conversation, (direct.conversation + 100) as ConversationId]) {
        assert.deepStrictEqual(seqs(yield* store.append(lines({ id }, alice, 1))), ["Removed"])
        assert.isUndefined(yield* store.rooms.join(id, alice))
        assert.isUndefined(yield* store.rooms.leave(id, alice))
        assert.isFalse(yield* store.rooms.invite(id, bob))
        assert.isFalse(yield* store.rooms.end(id))
        assert.isUndefined(yield* store.find(Keys.ofRoom(id)))
        assert.deepStrictEqual(yield* store.page({ conversation: id, reader: "guest", limit: 9 }), nothing)
      }
      assert.deepStrictEqual(yield* store.rooms.all, [])
      assert.deepStrictEqual(yield* readable(store, { id: direct.conversation }, bob), [1])
    })
  )

  it.scoped("take no lines that were on their way when their author or its device was removed", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* device(store, alice, "phone")
      const once = { device: "phone", label: "1" }
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, alice, 1, { once }))), [1])
      yield* store.accounts.forget(alice, "phone")
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, alice, 1, { once }))), ["Removed"])
      yield* store.accounts.remove(alice)
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, alice, 1))), ["Removed"])
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, bob, 1))), [2])
    })
  )

  it.scoped("give a member what comes after its join, and let it read what was before", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      const waits = { conversation: room.id, key: Keys.ofRoom(room.id), first: 1 }
      yield* device(store, alice)
      yield* device(store, bob)
      yield* store.append(lines(room, alice, 3))
      assert.strictEqual(yield* store.rooms.join(room.id, bob), 3)
      assert.deepStrictEqual(yield* store.waiting(bob, "main"), [])
      assert.strictEqual(yield* readMark(store, room, bob), 3)
      yield* store.append(lines(room, alice, 2))
      assert.deepStrictEqual(yield* store.waiting(bob, "main"), [{ ...waits, cursor: 3, last: 5 }])
      assert.deepStrictEqual(yield* store.waiting(alice, "main"), [{ ...waits, cursor: 0, last: 5 }])
      assert.strictEqual(yield* store.rooms.join(room.id, bob), 5, "it is a member")
      assert.deepStrictEqual(yield* store.waiting(bob, "main"), [{ ...waits, cursor: 3, last: 5 }])
      assert.deepStrictEqual(yield* readable(store, room, bob), [1, 2, 3, 4, 5])
      assert.deepStrictEqual(yield* readable(store, room, carol), [])
      assert.deepStrictEqual(yield* store.page({ conversation: room.id, reader: carol, limit: 9 }), nothing)
      assert.deepStrictEqual(yield* readable(store, room, "guest"), [1, 2, 3, 4, 5])
      // A device that comes later is where the furthest one is.
      yield* store.saveCursors([{ account: bob, device: "main", conversation: room.id, seq: 4 }])
      yield* device(store, bob, "phone")
      assert.deepStrictEqual(yield* store.waiting(bob, "phone"), [{ ...waits, cursor: 4, last: 5 }])
      // The first device of an account that has none starts at the join, too.
      yield* store.rooms.join(room.id, carol)
      yield* store.append(lines(room, undefined, 1))
      yield* device(store, carol)
      assert.deepStrictEqual(yield* store.waiting(carol, "main"), [{ ...waits, cursor: 5, last: 6 }])
      assert.deepStrictEqual((yield* roomOf(store, room.id))?.members, [alice, bob, carol])
    })
  )

  it.scoped("give a new device what no other has been given, also if these were forgotten", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const [room, other] = [yield* create(store, "ops", alice), yield* create(store, "dev", alice)]
      yield* store.rooms.join(room.id, bob)
      yield* store.rooms.join(other.id, bob)
      for (const name of ["main", "phone"]) yield* device(store, bob, name)
      yield* store.append([...lines(room, alice, 5), ...lines(other, alice, 5)])
      const given = (name: string, seq: number) =>
        store.saveCursors([{ account: bob, device: name, conversation: room.id, seq }])
      const cursors = (name: string) =>
        Effect.map(store.waiting(bob, name), (waiting) =>
          waiting.map(({ conversation, cursor }) => [conversation === room.id, cursor])
        )
      yield* given("main", 3)
      yield* given("phone", 2)
      yield* device(store, bob, "tablet")
      const expected = [
        [true, 3],
        [false, 0]
      ]
      assert.deepStrictEqual(yield* cursors("tablet"), expected)
      for (const name of ["main", "phone", "tablet"]) yield* store.accounts.forget(bob, name)
      yield* device(store, bob, "laptop")
      assert.deepStrictEqual(yield* cursors("laptop"), expected)
      yield* given("laptop", 4)
      yield* device(store, bob, "main")
      assert.deepStrictEqual((yield* cursors("main"))[0], [true, 4])
    })
  )

  it.scoped("are not readable as guests' conversations, nor these as rooms", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      for (const key of [Keys.keyBetween(alice, bob), Keys.withGuest(bob, "GUEST")]) {
        const account = key.kind === "guest" ? undefined : alice
        const result = yield* append(store, line(key, account, "secret"))
        assert(result._tag === "Stored")
        const { conversation } = result
        assert.deepStrictEqual(yield* store.page({ conversation, reader: "guest", limit: 9 }), nothing)
        assert.isUndefined(yield* store.rooms.join(conversation, alice))
      }
    })
  )

  it.scoped("lose their oldest lines to retention, without returns", () =>
    Effect.gen(function* () {
      const store = yield* open({ ...defaults, keep: "1 hour" })
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* store.rooms.join(room.id, bob)
      yield* device(store, bob)
      yield* store.append([...lines(room, alice, 3), ...lines(room, undefined, 3)])
      yield* TestClock.adjust("50 minutes")
      yield* store.append(lines(room, alice, 2))
      yield* TestClock.adjust("20 minutes")
      const held = [{ conversation: room.id, after: 4 }]
      assert.deepInclude(yield* store.retain(held), { removed: 4, undelivered: [], senders: [] })
      assert.deepStrictEqual(yield* readable(store, room, bob), [5, 6, 7, 8])
      assert.deepInclude(yield* store.retain([]), { removed: 2, undelivered: [], senders: [], hasMore: false })
      assert.deepStrictEqual(yield* store.returns.pending(alice), [])
      assert.deepInclude((yield* store.waiting(bob, "main"))[0], { cursor: 0, first: 7, last: 8 })
      assert.deepInclude(yield* balanced(store), { stored: 0, expired: 0, dead: 0, lines: 2 })
      yield* TestClock.adjust("1 hour")
      yield* store.retain([])
      assert.deepInclude(yield* balanced(store), { rooms: 1, conversations: 1, lines: 0 })
      assert.deepInclude(yield* store.page({ conversation: room.id, reader: bob, limit: 9 }), { first: 9, last: 8 })
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, alice, 1))), [9])
      assert.deepStrictEqual(yield* store.check, [])
    })
  )

  it.scoped("keep at most their limit of lines, and lose theirs before unread direct lines are lost", () =>
    Effect.gen(function* () {
      const store = yield* open({ ...defaults, keepLines: 3 })
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* store.append(lines(room, alice, 5))
      while ((yield* store.retain([])).hasMore);
      assert.deepStrictEqual(yield* readable(store, room, alice), [3, 4, 5])
      const direct = yield* store.append([1, 2, 3].map(() => line(Keys.keyBetween(alice, bob), alice, "x".repeat(500))))
      assert(direct[0]?._tag === "Stored")
      const { bytes } = yield* store.statistics
      yield* store.configure({ ...defaults, keepBytes: bytes - 1 })
      yield* store.retain([])
      assert.isBelow((yield* readable(store, room, alice)).length, 3)
      assert.deepStrictEqual(yield* readable(store, { id: direct[0].conversation }, bob), [1, 2, 3])
    })
  )

  it.scoped("take no line, of whomever, while an eighth more is kept than may be", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const alice = yield* register(store, "alice")
      const room = yield* create(store, "ops", alice)
      const [one] = lines(room, alice, 1)
      assert.isDefined(one)
      yield* store.configure({ ...defaults, keepBytes: 8 * Keys.sizeOf(one.text.length, one) })
      const tags = seqs(yield* store.append(Array.from({ length: 11 }, () => one)))
      assert.deepStrictEqual(tags, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, "Full"])
      while ((yield* store.retain([])).hasMore);
      assert.deepStrictEqual(seqs(yield* store.append([one])), [11])
    })
  )

  it.scoped("store a line with a label once", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      for (const account of [alice, bob]) yield* device(store, account)
      const [room, other] = [yield* create(store, "ops", alice), yield* create(store, "dev", alice)]
      const once = { device: "main", label: "1" }
      const [first] = yield* store.append(lines(room, alice, 1, { once }))
      const [again] = yield* store.append(lines(room, alice, 1, { once }))
      assert.deepStrictEqual(again, { ...(first as Appended & { _tag: "Stored" }), again: true, given: 0 })
      const used = line(Keys.ofRoom(room.id), alice, "another text", { once })
      assert.deepStrictEqual(seqs(yield* store.append([used])), ["LabelUsed"])
      assert.deepStrictEqual(seqs(yield* store.append(lines(room, bob, 1, { once }))), [2])
      assert.deepStrictEqual(seqs(yield* store.append(lines(other, alice, 1, { once }))), [1])
    })
  )

  it.scoped("and accounts get a line that is for several, each in its own conversation", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob, carol] = yield* three(store)
      const [room, other] = [yield* create(store, "ops", alice), yield* create(store, "dev", alice)]
      const text = "d\xc3\xa9j\xc3\xa0 vu ".repeat(50)
      const each = [
        line(Keys.keyBetween(alice, bob), alice, text, { to: "#ops+carol+#dev" }),
        line(Keys.ofRoom(room.id), alice, text, { to: "bob+carol+#dev" }),
        line(Keys.ofRoom(other.id), bob, "something else", { to: "bob" }),
        line(Keys.keyBetween(alice, carol), alice, text, { to: "bob+#ops+#dev" }),
        line(Keys.ofRoom(other.id), alice, text, { to: "bob+carol+#ops" }),
        line(Keys.ofRoom(other.id), alice, text)
      ]
      const results = yield* store.append(each)
      assert.deepStrictEqual(seqs(results), [1, 1, 1, 1, 2, 3])
      const textsOf = (reader: AccountId) =>
        Effect.gen(function* () {
          const found: Array<string> = []
          for (const { conversation } of yield* store.conversations(reader, 10)) {
            const page = yield* store.page({ conversation, reader, after: 0, limit: 9 })
            found.push(...page.lines.map((one) => `${one.to}: ${one.text}`))
          }
          return found.toSorted()
        })
      assert.deepStrictEqual(yield* textsOf(alice), each.map((one) => `${one.to}: ${one.text}`).toSorted())
      assert.deepStrictEqual(yield* textsOf(bob), [`#ops+carol+#dev: ${text}`])
      const sizes = each.map((one) => Keys.sizeOf(one.text.length, one))
      assert.strictEqual(
        (yield* store.statistics).bytes,
        sizes.reduce((sum, size) => sum + size, 0)
      )
      assert.deepStrictEqual(yield* store.check, [])
      // Only the limited room loses lines.
      yield* store.rooms.end(room.id)
      while ((yield* store.retain([])).hasMore);
      assert.deepStrictEqual(yield* textsOf(bob), [`#ops+carol+#dev: ${text}`])
      yield* store.rooms.end(other.id)
      while ((yield* store.retain([])).hasMore);
      assert.deepStrictEqual(yield* textsOf(bob), [`#ops+carol+#dev: ${text}`])
      assert.deepStrictEqual(yield* store.check, [])
      yield* store.configure({ ...defaults, keep: 0 })
      yield* TestClock.adjust("1 minute")
      while ((yield* store.retain([])).hasMore);
      assert.deepInclude(yield* balanced(store), { lines: 0, bytes: 0, expired: 2 })
      assert.deepStrictEqual(yield* store.check, [])
    })
  )

  it.scoped("and accounts get a line that is sent to them again once, also if they share its text", () =>
    Effect.gen(function* () {
      const store = yield* open(defaults)
      const [alice, bob] = yield* three(store)
      const room = yield* create(store, "ops", alice)
      yield* device(store, alice)
      const keys = [Keys.ofRoom(room.id), Keys.keyBetween(alice, bob)]
      const once = { device: "main", label: "1" }
      const each = (text: string) => keys.map((key) => line(key, alice, text, { once, to: "others" }))
      assert.deepStrictEqual(seqs(yield* store.append(each("to both"))), [1, 1])
      const again = yield* store.append(each("to both"))
      assert.deepStrictEqual(
        again.map((result) => result._tag === "Stored" && [result.seq, result.again]),
        [
          [1, true],
          [1, true]
        ]
      )
      assert.deepStrictEqual(seqs(yield* store.append(each("another text"))), ["LabelUsed", "LabelUsed"])
      assert.strictEqual((yield* balanced(store)).lines, 2)
    })
  )
}
