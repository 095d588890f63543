import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { Appended, ConversationId, ConversationKey, NewLine, PageRequest } from "../../src/ports/StoreLines.js"
import type { PendingReturn, StoreLimits, StoreRecord } from "../../src/ports/StoreUpkeep.js"
import { readingSuite } from "./StoreReading.js"
import { roomSuite } from "./StoreRooms.js"
import { searched, searchSuite } from "./StoreSearching.js"

/** Opens a new, empty store, until the scope closes. */
export type OpenStore = (limits: StoreLimits) => Effect.Effect<StoreService, unknown, Scope.Scope>

export const defaults: StoreLimits = {
  keep: "30 days",
  keepBytes: 1024 ** 3,
  keepLines: 10_000,
  unreadLines: 1000,
  unreadBytes: 16 * 1024 ** 2
}

/** Creates an account with this name. */
export const register = (store: StoreService, name: string) =>
  Effect.map(
    store.accounts.create({ name, likeness: name.toUpperCase(), credential: `hash of ${name}` }),
    (account) => {
      assert.isDefined(account, `the name ${name} is free`)
      return account.id
    }
  )

export const device = (store: StoreService, account: AccountId, name = "main") =>
  store.accounts.openDevice(account, name, { maxDevices: 20, present: [] })

/** A line of an account, or of the guest "guest". */
export const line = (
  conversation: ConversationKey,
  account: AccountId | undefined,
  text: string,
  more: Partial<NewLine> = {}
): NewLine => ({
  conversation,
  account,
  author: account === undefined ? "guest" : `author${account}`,
  text,
  isAuto: false,
  to: "",
  isLive: false,
  ...more
})

/** The same line with a text so long that it counts this many bytes. */
const sized = (one: NewLine, size: number): NewLine => ({
  ...one,
  text: "x".repeat(size - Keys.sizeOf(0, one))
})

const stored = (result: Appended | undefined) => {
  assert.isDefined(result)
  assert(result._tag === "Stored")
  return result
}

/** Appends one line, and returns what became of it. */
export const append = (store: StoreService, one: NewLine) =>
  Effect.map(store.append([one]), ([result]) => result as Appended)

const texts = (store: StoreService, request: PageRequest) =>
  Effect.map(store.page(request), ({ lines }) => lines.map(({ text }) => text))

const numbered = (key: ConversationKey, account: AccountId | undefined, count: number, more: Partial<NewLine> = {}) =>
  Array.from({ length: count }, (_, index) => line(key, account, `line ${index + 1}`, more))

/** Every direct line is given, waiting or expired. */
export const balanced = (store: StoreService) =>
  Effect.map(store.statistics, (statistics) => {
    const { expired, given, stored, waiting } = statistics
    assert.strictEqual(stored, given + waiting + expired, JSON.stringify(statistics))
    return statistics
  })

const exportedAccount = (id: AccountId, name: string): StoreRecord => ({
  type: "account",
  id,
  name,
  likeness: name.toUpperCase(),
  credential: "hash",
  created: 0,
  state: "active"
})

/** A conversation whose ten lines were stored one a second, the first at 1000 ms. */
const ten = (store: StoreService) =>
  Effect.gen(function* () {
    const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
    const key = Keys.between(alice, bob)
    let conversation = 0 as ConversationId
    for (let seq = 1; seq <= 10; seq++) {
      yield* TestClock.adjust("1 second")
      conversation = stored(yield* append(store, line(key, alice, `${seq}`))).conversation
    }
    return { alice, bob, conversation }
  })

const hello = (guest: ConversationKey) => line(guest, undefined, "hello")

/** Everything that was stored with a `keep` of an hour expires. */
const expire = (store: StoreService) => Effect.zipRight(TestClock.adjust("2 hours"), store.retain([]))

const hash = (byte: number) => new Uint8Array(32).fill(byte)

/** What every layer of the port promises. */
export const storeSuite = (name: string, open: OpenStore) => {
  describe(name, () => {
    describe("rooms", () => roomSuite(open))

    describe("lines", () => {
      it.scoped("have numbers without holes and times that never decrease, for each conversation", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const direct = Keys.between(alice, bob)
          const guest = Keys.withGuest(alice, "GUEST")
          yield* TestClock.adjust("1 hour")
          const first = (yield* store.append([
            line(direct, alice, "one"),
            line(guest, undefined, "uno"),
            line(direct, bob, "two")
          ])).map(stored)
          assert.deepStrictEqual(
            first.map(({ seq }) => seq),
            [1, 1, 2]
          )
          assert.strictEqual(first[0]?.conversation, first[2]?.conversation)
          assert.notStrictEqual(first[0]?.conversation, first[1]?.conversation)
          yield* TestClock.setTime(0) // somebody sets the wall clock back
          const later = stored(yield* append(store, line(direct, alice, "three")))
          assert.strictEqual(later.seq, 3)
          assert.strictEqual(later.at, first[0]?.at)
          yield* balanced(store)
        })
      )

      it.scoped("come back as they were stored", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const every = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))
            .join("")
            .replace("\n", "")
          const lines = [
            line(Keys.between(alice, bob), alice, every, { author: "\xc3\xa9", to: "carol+#ops", isAuto: true }),
            line(Keys.between(alice, bob), bob, ""),
            line(Keys.between(alice, bob), bob, "x".repeat(100_000), { author: "a".repeat(128) })
          ]
          const { conversation } = stored((yield* store.append(lines))[0])
          const page = yield* store.page({ conversation, reader: alice, limit: 10 })
          assert.deepStrictEqual(
            page.lines,
            lines.map(({ account, author, isAuto, text, to }, index) => ({
              seq: index + 1,
              at: 0,
              account,
              author,
              text,
              isAuto,
              to
            }))
          )
        })
      )

      it.scoped("to oneself are one conversation with one member", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const alice = yield* register(store, "alice")
          const { conversation } = stored(yield* append(store, line(Keys.between(alice, alice), alice, "note")))
          yield* device(store, alice)
          assert.strictEqual((yield* balanced(store)).waiting, 1)
          yield* store.saveCursors([{ account: alice, device: "main", conversation, seq: 1 }])
          const { given, waiting } = yield* balanced(store)
          assert.deepStrictEqual([given, waiting], [1, 0])
        })
      )

      it.scoped("are found by their conversation's key", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          assert.isUndefined(yield* store.find(Keys.between(alice, bob)))
          const { conversation } = stored(yield* append(store, line(Keys.between(alice, bob), alice, "hi")))
          assert.strictEqual(yield* store.find(Keys.between(bob, alice)), conversation)
          assert.isUndefined(yield* store.find(Keys.withGuest(alice, "BOB")))
        })
      )
    })

    describe("a label", () => {
      it.scoped("stores a line once for each device and conversation", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          for (const name of ["main", "phone"]) yield* device(store, alice, name)
          const key = Keys.between(alice, bob)
          const once = { device: "main", label: "1" }
          const [first, same] = yield* store.append([
            line(key, alice, "hi", { once }),
            line(key, alice, "hi", { once })
          ])
          const again = yield* append(store, line(key, alice, "hi", { once }))
          assert.isFalse(stored(first).again)
          assert.deepStrictEqual(stored(same), { ...stored(first), again: true, given: 0 })
          assert.deepStrictEqual(again, same)
          yield* device(store, bob)
          const { conversation } = stored(first)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1 }])
          assert.strictEqual(stored(yield* append(store, line(key, alice, "hi", { once }))).given, 1)
          assert.strictEqual((yield* append(store, line(key, alice, "ho", { once })))._tag, "LabelUsed")
          const other = { device: "phone", label: "1" }
          assert.strictEqual(stored(yield* append(store, line(key, alice, "ho", { once: other }))).seq, 2)
          assert.strictEqual(
            stored(yield* append(store, line(Keys.between(alice, alice), alice, "ho", { once }))).seq,
            1
          )
          assert.strictEqual((yield* balanced(store)).stored, 3)
        })
      )

      it.scoped("shows a device its own lines in a page", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          for (const name of ["main", "phone"]) yield* device(store, alice, name)
          const key = Keys.between(alice, bob)
          const { conversation } = stored(
            yield* append(store, line(key, alice, "one", { once: { device: "main", label: "1" } }))
          )
          yield* append(store, line(key, alice, "two", { once: { device: "phone", label: "1" } }))
          yield* append(store, line(key, alice, "three"))
          const own = (reader: AccountId, name?: string) =>
            Effect.map(store.page({ conversation, reader, device: name, limit: 9 }), ({ lines }) =>
              lines.filter(({ isOwn }) => isOwn === true).map(({ text }) => text)
            )
          assert.deepStrictEqual(
            [yield* own(alice, "main"), yield* own(alice, "phone"), yield* own(alice), yield* own(bob, "main")],
            [["one"], ["two"], [], []]
          )
        })
      )

      it.scoped("is free again after its device was forgotten", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, alice, "phone")
          const once = { device: "phone", label: "1" }
          yield* append(store, line(Keys.between(alice, bob), alice, "hi", { once }))
          assert.isTrue(yield* store.accounts.forget(alice, "phone"))
          yield* device(store, alice, "phone")
          const again = stored(yield* append(store, line(Keys.between(alice, bob), alice, "other", { once })))
          assert.deepStrictEqual([again.seq, again.again], [2, false])
        })
      )

      it.scoped("is free again after its line is gone", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, alice, "phone")
          const once = { device: "phone", label: "1" }
          yield* append(store, line(Keys.between(alice, bob), alice, "hi", { once }))
          yield* TestClock.adjust("2 hours")
          yield* store.retain([])
          const again = stored(yield* append(store, line(Keys.between(alice, bob), alice, "other", { once })))
          assert.deepStrictEqual([again.seq, again.again], [2, false])
        })
      )

      it.scoped("stores nothing for a device that has been forgotten: the line may have been stored before", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, alice, "phone")
          const hi = line(Keys.between(alice, bob), alice, "hi", { once: { device: "phone", label: "1" } })
          assert.strictEqual((yield* append(store, hi))._tag, "Stored")
          yield* store.accounts.forget(alice, "phone")
          assert.strictEqual((yield* append(store, hi))._tag, "Removed")
          assert.strictEqual((yield* balanced(store)).stored, 1)
        })
      )
    })

    describe("a page", () => {
      it.scoped("has the first lines after a number or time, otherwise the last before one", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const { bob: reader, conversation } = yield* ten(store)
          const read = (request: Partial<PageRequest>) => texts(store, { conversation, reader, limit: 3, ...request })
          assert.deepStrictEqual(yield* read({}), ["8", "9", "10"])
          assert.deepStrictEqual(yield* read({ after: 0 }), ["1", "2", "3"])
          assert.deepStrictEqual(yield* read({ after: 9 }), ["10"])
          assert.deepStrictEqual(yield* read({ after: 10 }), [])
          assert.deepStrictEqual(yield* read({ before: 1 }), [])
          assert.deepStrictEqual(yield* read({ before: 5 }), ["2", "3", "4"])
          assert.deepStrictEqual(yield* read({ after: 2, before: 5 }), ["3", "4"])
          assert.deepStrictEqual(yield* read({ since: 4000 }), ["4", "5", "6"])
          assert.deepStrictEqual(yield* read({ since: 4001 }), ["5", "6", "7"])
          assert.deepStrictEqual(yield* read({ until: 4000 }), ["2", "3", "4"])
          assert.deepStrictEqual(yield* read({ until: 3999 }), ["1", "2", "3"])
          assert.deepStrictEqual(yield* read({ since: 9000, until: 9000 }), ["9"])
          assert.deepStrictEqual(yield* read({ since: 10_001 }), [])
          assert.deepStrictEqual(yield* read({ until: 999 }), [])
          assert.deepStrictEqual(yield* read({ after: 4, since: 2000, until: 6000 }), ["5", "6"])
        })
      )

      it.scoped("reports whether there is more, and what is there in all", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const { bob: reader, conversation } = yield* ten(store)
          const whole = yield* store.page({ conversation, reader, limit: 10, after: 0 })
          assert.deepStrictEqual([whole.first, whole.last, whole.hasMore], [1, 10, false])
          assert.isTrue((yield* store.page({ conversation, reader, limit: 9, after: 0 })).hasMore)
          assert.isTrue((yield* store.page({ conversation, reader, limit: 9 })).hasMore)
          assert.isFalse((yield* store.page({ conversation, reader, limit: 10 })).hasMore)
        })
      )

      it.scoped("has at most so many bytes of text, but at least one line", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.between(alice, bob)
          const results = yield* store.append(["aaaa", "bbbbbb", "c", "d"].map((text) => line(key, alice, text)))
          const { conversation } = stored(results[0])
          const read = (maxBytes: number) => store.page({ conversation, reader: bob, limit: 10, after: 0, maxBytes })
          const lengths = yield* Effect.forEach([1, 9, 10, 11, 12], (bytes) => read(bytes))
          assert.deepStrictEqual(
            lengths.map(({ lines }) => lines.length),
            [1, 1, 2, 3, 4]
          )
          assert.deepStrictEqual(
            lengths.map(({ hasMore }) => hasMore),
            [true, true, true, true, false]
          )
        })
      )

      it.scoped("has no line from before its reader's time", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [one, other] = [1 as AccountId, 2 as AccountId]
          const conversation = 1 as ConversationId
          const members = [1, 3].map((since, index) => ({
            account: index === 0 ? one : other,
            since,
            read: 0,
            given: 0
          }))
          const lines = [1, 2, 3, 4, 5].map((seq): StoreRecord => {
            const author = { account: one, author: "alice", text: `${seq}`, auto: false, to: "" }
            return {
              type: "line",
              conversation,
              seq,
              at: seq,
              ageMillis: 5 - seq,
              ...author,
              device: null,
              label: null
            }
          })
          const records: ReadonlyArray<StoreRecord> = [
            exportedAccount(one, "alice"),
            exportedAccount(other, "bob"),
            {
              type: "conversation",
              id: conversation,
              accounts: [one, other],
              guest: null,
              room: null,
              first: 1,
              at: 5,
              members
            },
            ...lines,
            { type: "totals", stored: 5, given: 0, expired: 0, dead: 0, ended: 0 }
          ]
          yield* store.imported(Stream.fromIterable(records))
          const read = (reader: AccountId, request: Partial<PageRequest>) =>
            Effect.map(store.page({ conversation, reader, limit: 10, ...request }), ({ first, lines }) => [
              first,
              ...lines.map(({ seq }) => seq)
            ])
          for (const request of [{}, { after: 0 }, { since: 0 }]) {
            assert.deepStrictEqual(yield* read(one, request), [1, 1, 2, 3, 4, 5])
            assert.deepStrictEqual(yield* read(other, request), [3, 3, 4, 5])
          }
          assert.deepStrictEqual(yield* read(other, { before: 3 }), [3])
          // Nor does a search find one.
          const find = (reader: AccountId) =>
            Effect.map(searched(store, { reader, text: "2" }), (found) => found.map(({ line }) => line.seq))
          assert.deepStrictEqual([yield* find(one), yield* find(other)], [[2], []])
        })
      )

      it.scoped("is empty for everybody but the members", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const { conversation } = yield* ten(store)
          const carol = yield* register(store, "carol")
          const nothing = { lines: [], first: 1, last: 0, hasMore: false }
          assert.deepStrictEqual(yield* store.page({ conversation, reader: carol, limit: 10 }), nothing)
          const unknown = (Number(conversation) + 1000) as ConversationId
          assert.deepStrictEqual(yield* store.page({ conversation: unknown, reader: carol, limit: 10 }), nothing)
          assert.isUndefined(yield* store.markRead(carol, conversation, 3))
          assert.deepStrictEqual(yield* store.conversations(carol, 10), [])
          yield* device(store, carol)
          assert.deepStrictEqual(yield* store.waiting(carol, "main"), [])
        })
      )
    })

    describe("reading", () => readingSuite(open))

    describe("searching", () => searchSuite(open))

    describe("cursors", () => {
      it.scoped("decide what waits for a device", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const key = Keys.between(alice, bob)
          const { conversation } = stored((yield* store.append(numbered(key, alice, 5)))[0])
          const common = { conversation, key, first: 1, last: 5 }
          assert.deepStrictEqual(yield* store.waiting(bob, "main"), [{ ...common, cursor: 0 }])
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 3 }])
          assert.deepStrictEqual(yield* store.waiting(bob, "main"), [{ ...common, cursor: 3 }])
          const moved = yield* balanced(store)
          assert.deepStrictEqual([moved.given, moved.waiting], [3, 2])
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 2 }])
          assert.deepStrictEqual(yield* store.waiting(bob, "main"), [{ ...common, cursor: 3 }])
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 4 }])
          const further = yield* balanced(store)
          assert.deepStrictEqual([further.given, further.waiting], [4, 1])
          assert.deepStrictEqual(yield* store.check, [])
          yield* store.append([], [{ account: bob, device: "main", conversation, seq: 5 }])
          assert.deepStrictEqual(yield* store.waiting(bob, "main"), [])
          assert.strictEqual((yield* balanced(store)).waiting, 0)
        })
      )

      it.scoped("are those of each device, and a line counts as given once", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob, "main")
          yield* device(store, bob, "phone")
          const key = Keys.between(alice, bob)
          const { conversation } = stored((yield* store.append(numbered(key, alice, 4)))[0])
          yield* store.saveCursors([
            { account: bob, device: "main", conversation, seq: 3 },
            { account: bob, device: "phone", conversation, seq: 2 }
          ])
          assert.strictEqual((yield* balanced(store)).given, 3)
          assert.strictEqual((yield* store.waiting(bob, "phone"))[0]?.cursor, 2)
          yield* store.saveCursors([{ account: bob, device: "phone", conversation, seq: 4 }])
          assert.strictEqual((yield* balanced(store)).given, 4)
          assert.strictEqual((yield* store.waiting(bob, "main"))[0]?.cursor, 3)
        })
      )

      it.scoped("of unknown devices, of strangers, and beyond the last line change nothing that they should not", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const carol = yield* register(store, "carol")
          yield* device(store, bob)
          yield* device(store, carol)
          const key = Keys.between(alice, bob)
          const { conversation } = stored((yield* store.append(numbered(key, alice, 2)))[0])
          yield* store.saveCursors([
            { account: bob, device: "unknown", conversation, seq: 2 },
            { account: carol, device: "main", conversation, seq: 2 },
            { account: bob, device: "main", conversation: (Number(conversation) + 9) as ConversationId, seq: 2 }
          ])
          assert.strictEqual((yield* balanced(store)).given, 0)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1000 }])
          assert.strictEqual((yield* balanced(store)).given, 2)
          yield* append(store, line(key, alice, "more"))
          assert.strictEqual((yield* store.waiting(bob, "main"))[0]?.cursor, 2)
        })
      )

      it.scoped("count no lines of the account itself", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const key = Keys.between(alice, bob)
          const authors = [alice, bob, bob, alice, bob]
          const { conversation } = stored((yield* store.append(authors.map((author) => line(key, author, "hi"))))[0])
          assert.strictEqual((yield* balanced(store)).waiting, 5)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 5 }])
          const { given, waiting } = yield* balanced(store)
          assert.deepStrictEqual([given, waiting], [2, 3])
        })
      )
    })

    describe("unread lines", () => {
      it.scoped("are limited in each conversation, and a live recipient is not", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, unreadLines: 3 })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const key = Keys.between(alice, bob)
          const results = yield* store.append(numbered(key, alice, 4))
          assert.deepStrictEqual(
            results.map(({ _tag }) => _tag),
            ["Stored", "Stored", "Stored", "Full"]
          )
          const { conversation } = stored(results[0])
          assert.strictEqual((yield* append(store, line(key, bob, "the other direction")))._tag, "Stored")
          assert.strictEqual((yield* append(store, line(key, alice, "live", { isLive: true })))._tag, "Stored")
          assert.strictEqual((yield* append(store, line(key, alice, "not live")))._tag, "Full")
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 3 }])
          assert.strictEqual((yield* append(store, line(key, alice, "room again")))._tag, "Stored")
          assert.strictEqual((yield* balanced(store)).stored, 6)
        })
      )

      it.scoped("are limited in bytes for each account, and to a quarter of it for guests", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, unreadBytes: 4000 })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const carol = yield* register(store, "carol")
          const to = (guest: string, size: number) =>
            append(store, sized(line(Keys.withGuest(bob, guest), undefined, ""), size))
          assert.strictEqual((yield* to("ONE", 600))._tag, "Stored")
          assert.strictEqual((yield* to("TWO", 401))._tag, "Full")
          assert.strictEqual((yield* to("TWO", 400))._tag, "Stored")
          assert.strictEqual((yield* append(store, line(Keys.withGuest(bob, "ONE"), undefined, "")))._tag, "Full")
          const from = (account: AccountId, size: number) =>
            append(store, sized(line(Keys.between(bob, account), account, ""), size))
          assert.strictEqual((yield* from(alice, 2000))._tag, "Stored")
          assert.strictEqual((yield* from(carol, 1001))._tag, "Full")
          assert.strictEqual((yield* from(carol, 1000))._tag, "Stored")
          assert.strictEqual((yield* append(store, line(Keys.between(bob, alice), alice, "")))._tag, "Full")
          yield* balanced(store)
        })
      )
    })

    describe("accounts", () => {
      it.scoped("have names that nobody else can take", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          yield* TestClock.setTime(5000)
          const alice = yield* store.accounts.create({ name: "alice", likeness: "ALICE", credential: "hash" })
          assert.deepStrictEqual(alice, {
            id: alice?.id as AccountId,
            name: "alice",
            likeness: "ALICE",
            created: 5000,
            isRemoved: false
          })
          assert.isUndefined(yield* store.accounts.create({ name: "Alice", likeness: "ALICE", credential: "hash" }))
          const bob = yield* store.accounts.create({ name: "bob", likeness: "BOB", credential: "hash" })
          assert.deepEqual(yield* store.accounts.all, [alice, bob] as ReadonlyArray<unknown>)
        })
      )

      it.scoped("have credentials that can be replaced", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const alice = yield* register(store, "alice")
          assert.strictEqual(yield* store.accounts.credential(alice), "hash of alice")
          assert.isTrue(yield* store.accounts.setCredential(alice, "new"))
          assert.strictEqual(yield* store.accounts.credential(alice), "new")
          assert.isUndefined(yield* store.accounts.credential((Number(alice) + 1) as AccountId))
          assert.isFalse(yield* store.accounts.setCredential((Number(alice) + 1) as AccountId, "new"))
        })
      )

      it.scoped("have devices with tokens of their own", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const alice = yield* register(store, "alice")
          yield* TestClock.setTime(1000)
          yield* device(store, alice, "main")
          yield* TestClock.setTime(2000)
          yield* device(store, alice, "phone")
          assert.isTrue(yield* store.accounts.setToken(alice, "phone", hash(1)))
          assert.isFalse(yield* store.accounts.setToken(alice, "unknown", hash(1)))
          assert.strictEqual(yield* store.accounts.deviceOfToken(alice, hash(1)), "phone")
          assert.isUndefined(yield* store.accounts.deviceOfToken(alice, hash(2)))
          assert.deepStrictEqual(yield* store.accounts.devices(alice), [
            { name: "main", hasToken: false, seen: 1000 },
            { name: "phone", hasToken: true, seen: 2000 }
          ])
          assert.isTrue(yield* store.accounts.setToken(alice, "phone", hash(2)))
          assert.isUndefined(yield* store.accounts.deviceOfToken(alice, hash(1)))
          assert.isTrue(yield* store.accounts.forget(alice, "phone"))
          assert.isFalse(yield* store.accounts.forget(alice, "phone"))
          assert.isUndefined(yield* store.accounts.deviceOfToken(alice, hash(2)))
        })
      )

      it.scoped("start a further device where the furthest one is, and the first at the beginning", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.between(alice, bob)
          const { conversation } = stored((yield* store.append(numbered(key, alice, 5)))[0])
          assert.deepStrictEqual(yield* device(store, bob), { _tag: "Opened", isNew: true, forgotten: undefined })
          assert.strictEqual((yield* store.waiting(bob, "main"))[0]?.cursor, 0)
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 4 }])
          yield* device(store, bob, "phone")
          assert.strictEqual((yield* store.waiting(bob, "phone"))[0]?.cursor, 4)
          assert.deepStrictEqual(yield* device(store, bob), { _tag: "Opened", isNew: false, forgotten: undefined })
          assert.strictEqual((yield* store.waiting(bob, "main"))[0]?.cursor, 4)
        })
      )

      it.scoped("forget the device that was away longest when there are too many, but none that is present", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const alice = yield* register(store, "alice")
          const openDevice = (name: string, ...present: ReadonlyArray<string>) =>
            Effect.zipRight(
              TestClock.adjust("1 minute"),
              store.accounts.openDevice(alice, name, { maxDevices: 2, present })
            )
          yield* openDevice("one")
          yield* openDevice("two")
          assert.deepStrictEqual(yield* openDevice("three", "one"), { _tag: "Opened", isNew: true, forgotten: "two" })
          assert.deepStrictEqual(yield* openDevice("four"), { _tag: "Opened", isNew: true, forgotten: "one" })
          assert.deepStrictEqual(yield* openDevice("five", "three", "four"), { _tag: "TooMany" })
        })
      )

      it.scoped("forget devices that stay away, by running time", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const alice = yield* register(store, "alice")
          yield* device(store, alice, "main")
          yield* device(store, alice, "phone")
          yield* TestClock.adjust("50 minutes")
          assert.deepStrictEqual(yield* store.accounts.seen([{ account: alice, device: "main" }]), [])
          yield* TestClock.adjust("11 minutes")
          assert.deepStrictEqual(yield* store.accounts.seen([]), [{ account: alice, device: "phone" }])
          assert.deepStrictEqual(
            (yield* store.accounts.devices(alice)).map(({ name }) => name),
            ["main"]
          )
        })
      )

      it.scoped("that are removed keep their name, and return what waited for them", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const key = Keys.between(alice, bob)
          const guest = Keys.withGuest(bob, "GUEST")
          const results = yield* store.append([...numbered(key, alice, 3), ...numbered(guest, undefined, 2)])
          const { conversation } = stored(results[0])
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1 }])
          const toGuests = yield* store.accounts.remove(bob)
          const common = { reason: "removed", recipient: "bob" } as const
          const guests = stored(results[3]).conversation
          assert.deepStrictEqual(toGuests, [
            { ...common, conversation: guests, key: guest, account: undefined, first: 1, last: 2, count: 2 }
          ])
          const returns = yield* store.returns.pending(alice)
          assert.deepInclude(returns[0], { ...common, conversation, key, account: alice, first: 2, last: 3, count: 2 })
          const { expired, given, waiting } = yield* balanced(store)
          assert.deepStrictEqual([given, waiting, expired], [1, 0, 4])
          assert.strictEqual((yield* append(store, line(key, alice, "more")))._tag, "Removed")
          assert.strictEqual((yield* append(store, line(key, bob, "from a removed account")))._tag, "Removed")
          assert.isUndefined(yield* store.accounts.credential(bob))
          assert.deepStrictEqual(yield* store.accounts.devices(bob), [])
          assert.isUndefined(yield* store.accounts.remove(bob))
          assert.isUndefined(yield* store.accounts.create({ name: "bob", likeness: "BOB", credential: "hash" }))
          assert.deepStrictEqual(
            (yield* store.accounts.all).map(({ isRemoved, name }) => [name, isRemoved]),
            [
              ["alice", false],
              ["bob", true]
            ]
          )
          assert.deepStrictEqual(yield* texts(store, { conversation, reader: alice, limit: 10 }), [
            "line 1",
            "line 2",
            "line 3"
          ])
        })
      )

      it.scoped("keep their names for those who have their lines, also when these were freed", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "\xc3\xa4lice"), yield* register(store, "bob")]
          assert.deepStrictEqual(yield* store.accounts.freed, [])
          yield* store.accounts.remove(alice)
          assert.deepStrictEqual(yield* store.accounts.freed, [])
          yield* store.accounts.free(alice)
          assert.deepStrictEqual(yield* store.accounts.freed, [{ id: alice, name: "\xc3\xa4lice" }])
          assert.deepStrictEqual(
            (yield* store.accounts.all).map(({ id }) => id),
            [bob]
          )
        })
      )

      it.scoped("find a device that must exist, and make none", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const alice = yield* register(store, "alice")
          yield* device(store, alice, "main")
          const find = (name: string) =>
            store.accounts.openDevice(alice, name, { maxDevices: 1, present: [], isKnown: true })
          assert.deepStrictEqual(yield* find("main"), { _tag: "Opened", isNew: false, forgotten: undefined })
          assert.deepStrictEqual(yield* find("phone"), { _tag: "Unknown" })
          assert.deepStrictEqual(
            (yield* store.accounts.devices(alice)).map(({ name }) => name),
            ["main"]
          )
        })
      )

      it.scoped("forget no device when others leave, which are seen then", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const alice = yield* register(store, "alice")
          yield* device(store, alice, "main")
          yield* device(store, alice, "phone")
          yield* TestClock.adjust("90 minutes")
          yield* store.accounts.left([{ account: alice, device: "phone" }])
          assert.sameDeepMembers(
            [...(yield* store.accounts.devices(alice))],
            [
              { name: "main", hasToken: false, seen: 0 },
              { name: "phone", hasToken: false, seen: 5_400_000 }
            ]
          )
          assert.deepStrictEqual(yield* store.accounts.seen([]), [{ account: alice, device: "main" }])
        })
      )

      it.scoped("whose name was freed and taken again are somebody else", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const { conversation } = stored(yield* append(store, line(Keys.between(alice, bob), alice, "secret")))
          assert.isFalse(yield* store.accounts.free(bob))
          yield* store.accounts.remove(bob)
          assert.isTrue(yield* store.accounts.free(bob))
          assert.isFalse(yield* store.accounts.free(bob))
          const again = yield* register(store, "bob")
          assert.notStrictEqual(again, bob)
          yield* device(store, again)
          assert.deepStrictEqual(yield* store.waiting(again, "main"), [])
          assert.deepStrictEqual((yield* store.page({ conversation, reader: again, limit: 10 })).lines, [])
          assert.deepStrictEqual(yield* store.conversations(again, 10), [])
        })
      )
    })

    describe("conversations", () => {
      it.scoped("are listed newest first, with the other's name and the read mark", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* TestClock.setTime(1000)
          const one = stored((yield* store.append(numbered(Keys.between(alice, bob), bob, 3)))[0]).conversation
          yield* TestClock.setTime(2000)
          const key = Keys.withGuest(alice, "GUEST")
          const two = stored(yield* append(store, line(key, undefined, "hi", { author: "Guest" }))).conversation
          assert.strictEqual(yield* store.markRead(alice, one, 2), 2)
          assert.strictEqual(yield* store.markRead(alice, one, 1), 2)
          assert.deepStrictEqual(yield* store.conversations(alice, 10), [
            { conversation: two, key, name: "Guest", first: 1, last: 1, read: 0, at: 2000 },
            { conversation: one, key: Keys.between(alice, bob), name: "bob", first: 1, last: 3, read: 2, at: 1000 }
          ])
          assert.strictEqual((yield* store.conversations(alice, 1)).length, 1)
          assert.strictEqual(yield* store.markRead(alice, one, 99), 3)
          yield* append(store, line(Keys.between(alice, bob), alice, "an answer moves it"))
          assert.strictEqual(
            (yield* store.conversations(alice, 10)).find(({ conversation }) => conversation === one)?.read,
            4
          )
          assert.strictEqual((yield* store.conversations(bob, 10))[0]?.name, "alice")
          assert.strictEqual((yield* store.conversations(bob, 10))[0]?.read, 3)
        })
      )
    })

    describe("retention", () => {
      it.scoped("removes what is too old by running time, and returns what nobody was given", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const key = Keys.between(alice, bob)
          const guest = Keys.withGuest(bob, "GUEST")
          const results = yield* store.append([...numbered(key, alice, 3), ...numbered(guest, undefined, 2)])
          const { conversation } = stored(results[0])
          yield* store.saveCursors([{ account: bob, device: "main", conversation, seq: 1 }])
          yield* TestClock.adjust("40 minutes")
          yield* append(store, line(key, alice, "young"))
          assert.deepStrictEqual(yield* store.retain([]), { removed: 0, undelivered: [], senders: [], hasMore: false })
          yield* TestClock.adjust("30 minutes")
          const retained = yield* store.retain([])
          const common = { reason: "expired", recipient: "bob" } as const
          const guests = stored(results[3]).conversation
          assert.deepStrictEqual(retained, {
            removed: 5,
            undelivered: [
              { ...common, conversation: guests, key: guest, account: undefined, first: 1, last: 2, count: 2 }
            ],
            senders: [alice],
            hasMore: false
          })
          const [returned] = yield* store.returns.pending(alice)
          assert.deepInclude(returned, { ...common, conversation, key, account: alice, first: 2, last: 3, count: 2 })
          yield* store.returns.told([returned as PendingReturn])
          assert.deepStrictEqual(yield* store.returns.pending(alice), [])
          const { expired, given, waiting } = yield* balanced(store)
          assert.deepStrictEqual([given, waiting, expired], [1, 1, 4])
          const page = yield* store.page({ conversation, reader: bob, limit: 10, after: 0 })
          assert.deepStrictEqual([page.first, page.last, page.lines.map(({ seq }) => seq)], [4, 4, [4]])
          const [waits] = yield* store.waiting(bob, "main")
          assert.deepInclude(waits, { cursor: 1, first: 4, last: 4 })
        })
      )

      it.scoped("keeps what was added to a return after its sender was notified", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* store.append(numbered(Keys.between(alice, bob), alice, 2))
          yield* TestClock.adjust("40 minutes")
          yield* store.append(numbered(Keys.between(alice, bob), alice, 3))
          yield* TestClock.adjust("30 minutes")
          yield* store.retain([])
          const notified = yield* store.returns.pending(alice)
          assert.deepInclude(notified[0], { first: 1, last: 2, count: 2 })
          yield* TestClock.adjust("40 minutes")
          yield* store.retain([])
          yield* store.returns.told(notified)
          const [rest, ...others] = yield* store.returns.pending(alice)
          assert.deepInclude(rest, { first: 3, last: 5, count: 3 })
          assert.deepStrictEqual(others, [])
        })
      )

      it.scoped("goes on counting after everything is gone", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.between(alice, bob)
          yield* TestClock.setTime(5000)
          const { conversation } = stored((yield* store.append(numbered(key, alice, 3)))[0])
          yield* TestClock.adjust("2 hours")
          yield* store.retain([])
          const page = yield* store.page({ conversation, reader: bob, limit: 10 })
          assert.deepStrictEqual([page.first, page.last], [4, 3])
          yield* TestClock.setTime(0)
          const next = stored(yield* append(store, line(key, alice, "next")))
          assert.deepStrictEqual([next.seq, next.at], [4, 5000])
        })
      )

      it.scoped("removes a limited number of lines in a step", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* store.append(numbered(Keys.between(alice, bob), alice, 450))
          yield* TestClock.adjust("2 hours")
          const steps = yield* Effect.replicateEffect(store.retain([]), 4)
          assert.deepStrictEqual(
            steps.map(({ hasMore, removed }) => [removed, hasMore]),
            [
              [200, true],
              [200, true],
              [50, false],
              [0, false]
            ]
          )
          const returns = yield* store.returns.pending(alice)
          assert.strictEqual(returns.length, 1)
          assert.deepInclude(returns[0], { first: 1, last: 450, count: 450 })
          yield* balanced(store)
        })
      )

      it.scoped("goes on past lines that are in an outbox, however many they are", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const results = yield* store.append(numbered(Keys.between(alice, bob), alice, 990, { isLive: true }))
          yield* store.append(numbered(Keys.between(alice, bob), alice, 990, { isLive: true }))
          yield* store.append(numbered(Keys.between(alice, alice), alice, 5))
          const { conversation } = stored(results[0])
          yield* TestClock.adjust("2 hours")
          const held = [{ conversation, after: 0 }]
          let removed = 0
          for (let hasMore = true; hasMore;) {
            const retained = yield* store.retain(held)
            removed += retained.removed
            hasMore = retained.hasMore
          }
          assert.strictEqual(removed, 5)
          assert.strictEqual((yield* store.retain([])).removed, 200, "and begins anew after that")
        })
      )

      it.scoped("leaves lines that are in an outbox", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const results = yield* store.append([
            ...numbered(Keys.between(alice, bob), alice, 5),
            ...numbered(Keys.between(alice, alice), alice, 2)
          ])
          const { conversation } = stored(results[0])
          yield* TestClock.adjust("2 hours")
          assert.strictEqual((yield* store.retain([{ conversation, after: 3 }])).removed, 5)
          assert.strictEqual((yield* store.page({ conversation, reader: bob, limit: 9 })).first, 4)
          assert.strictEqual((yield* store.retain([])).removed, 2)
        })
      )

      it.scoped("limits the lines of a conversation", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keepLines: 3 })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const { conversation } = stored((yield* store.append(numbered(Keys.between(alice, bob), alice, 5)))[0])
          assert.strictEqual((yield* store.retain([])).removed, 2)
          assert.strictEqual((yield* store.page({ conversation, reader: bob, limit: 9 })).first, 3)
          assert.strictEqual((yield* balanced(store)).expired, 2)
        })
      )

      it.scoped("limits the bytes: the largest conversation gives first, and unread lines last", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const carol = yield* register(store, "carol")
          yield* device(store, bob)
          const lines = (key: ConversationKey, count: number) =>
            Array.from({ length: count }, () => sized(line(key, alice, ""), 200))
          const large = stored((yield* store.append(lines(Keys.between(alice, bob), 10)))[0]).conversation
          const small = stored((yield* store.append(lines(Keys.between(alice, alice), 4)))[0]).conversation
          const unread = stored((yield* store.append(lines(Keys.between(alice, carol), 20)))[0]).conversation
          yield* device(store, alice)
          yield* store.saveCursors([
            { account: bob, device: "main", conversation: large, seq: 10 },
            { account: alice, device: "main", conversation: small, seq: 4 }
          ])
          const left = Effect.gen(function* () {
            const sizes: Array<number> = []
            for (const conversation of [large, small, unread]) {
              sizes.push((yield* store.page({ conversation, reader: alice, limit: 100 })).lines.length)
            }
            return sizes
          })
          yield* store.configure({ ...defaults, keepBytes: 6000 })
          yield* store.retain([])
          assert.deepStrictEqual(yield* left, [6, 4, 20])
          yield* store.configure({ ...defaults, keepBytes: 4400 })
          yield* store.retain([])
          assert.strictEqual((yield* left)[2], 20)
          assert.strictEqual((yield* store.statistics).bytes, 4400)
          yield* store.configure({ ...defaults, keepBytes: 3000 })
          yield* store.retain([])
          assert.deepStrictEqual(yield* left, [0, 0, 15])
          assert.strictEqual((yield* balanced(store)).expired, 5)
        })
      )

      it.scoped("drops returns whose sender stays away", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* append(store, line(Keys.between(alice, bob), alice, "hi"))
          yield* TestClock.adjust("2 hours")
          yield* store.retain([])
          assert.strictEqual((yield* store.returns.pending(alice)).length, 1)
          yield* TestClock.adjust("2 hours")
          yield* store.retain([])
          assert.deepStrictEqual(yield* store.returns.pending(alice), [])
          const { dead, expired } = yield* balanced(store)
          assert.deepStrictEqual([expired, dead], [1, 1])
        })
      )

      it.scoped("counts as dead what no sender is notified of, and nothing else", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const carol = yield* register(store, "carol")
          yield* store.append([
            ...numbered(Keys.between(alice, bob), alice, 2),
            line(Keys.between(bob, carol), carol, "hi")
          ])
          yield* expire(store)
          yield* store.returns.told(yield* store.returns.pending(carol))
          assert.strictEqual((yield* balanced(store)).dead, 0)
          yield* store.append(numbered(Keys.between(alice, bob), alice, 3))
          yield* store.accounts.remove(alice)
          assert.strictEqual((yield* balanced(store)).dead, 2, "those that had expired")
          yield* expire(store)
          assert.strictEqual((yield* balanced(store)).dead, 5, "and those of a sender that is gone")
          yield* store.returns.told([], 4)
          assert.strictEqual((yield* balanced(store)).dead, 9, "and those of guests that have left")
        })
      )
    })

    describe("a conversation with a guest", () => {
      it.scoped("ends when its lines are gone, and a later one goes on with higher numbers", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const bob = yield* register(store, "bob")
          const [carol, dave] = [Keys.withGuest(bob, "CAROL"), Keys.withGuest(bob, "DAVE")]
          const results = yield* store.append([hello(carol), hello(carol), hello(dave)])
          const { conversation } = stored(results[0])
          yield* expire(store)
          assert.strictEqual((yield* balanced(store)).conversations, 0)
          assert.isUndefined(yield* store.find(carol))
          assert.deepStrictEqual(yield* store.conversations(bob, 10), [])
          assert.deepStrictEqual(yield* store.check, [])
          const next = stored(yield* append(store, hello(dave)))
          assert.strictEqual(next.seq, 3)
          assert.isAbove(next.conversation, stored(results[2]).conversation)
          yield* device(store, bob)
          const waits = { conversation: next.conversation, key: dave, cursor: 2, first: 3, last: 3 }
          assert.deepStrictEqual(yield* store.waiting(bob, "main"), [waits], "nothing before it is missing")
          const page = yield* store.page({ conversation: next.conversation, reader: bob, limit: 9, after: 0 })
          assert.deepStrictEqual([page.first, page.last, page.lines.map(({ seq }) => seq)], [3, 3, [3]])
          const ended = yield* store.page({ conversation, reader: bob, limit: 9, after: 0 })
          assert.deepStrictEqual(ended, { lines: [], first: 1, last: 0, hasMore: false })
        })
      )

      it.scoped("does not end while a device has to learn that lines are gone", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const bob = yield* register(store, "bob")
          yield* device(store, bob, "main")
          yield* device(store, bob, "phone")
          const key = Keys.withGuest(bob, "CAROL")
          const { conversation } = stored((yield* store.append([hello(key), hello(key)]))[0])
          const reads = (name: string, seq: number) =>
            store.saveCursors([{ account: bob, device: name, conversation, seq }])
          yield* reads("main", 2)
          yield* reads("phone", 1)
          yield* expire(store)
          assert.deepInclude((yield* store.waiting(bob, "phone"))[0], { cursor: 1, first: 3, last: 2 })
          yield* reads("phone", 2)
          yield* store.retain([])
          assert.strictEqual((yield* balanced(store)).conversations, 0)
          const next = stored(yield* append(store, hello(key)))
          assert.strictEqual(next.seq, 3)
          assert.deepInclude((yield* store.waiting(bob, "main"))[0], { conversation: next.conversation, cursor: 2 })
        })
      )

      it.scoped("ends when the device that was behind has been forgotten", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const bob = yield* register(store, "bob")
          yield* device(store, bob)
          yield* append(store, hello(Keys.withGuest(bob, "CAROL")))
          yield* expire(store)
          assert.strictEqual((yield* balanced(store)).conversations, 1)
          yield* store.accounts.seen([])
          yield* store.retain([])
          assert.strictEqual((yield* balanced(store)).conversations, 0)
        })
      )

      it.scoped("goes on while it has lines, and so does one between accounts that has none", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.withGuest(bob, "CAROL")
          const { conversation } = stored(yield* append(store, hello(key)))
          yield* append(store, line(Keys.between(alice, bob), alice, "hi"))
          yield* TestClock.adjust("50 minutes")
          yield* append(store, hello(key))
          yield* TestClock.adjust("20 minutes")
          assert.strictEqual((yield* store.retain([])).removed, 2)
          assert.strictEqual((yield* balanced(store)).conversations, 2)
          const next = stored(yield* append(store, hello(key)))
          assert.deepStrictEqual([next.conversation, next.seq], [conversation, 3])
        })
      )

      it.scoped("does not begin with a line that is not stored", () =>
        Effect.gen(function* () {
          const store = yield* open({ ...defaults, unreadBytes: 440, keep: "1 hour" })
          const bob = yield* register(store, "bob")
          yield* device(store, bob)
          const [carol, dave] = [Keys.withGuest(bob, "CAROL"), Keys.withGuest(bob, "DAVE")]
          assert.deepStrictEqual(
            (yield* store.append([hello(carol), hello(dave)])).map(({ _tag }) => _tag),
            ["Stored", "Full"]
          )
          assert.strictEqual((yield* balanced(store)).conversations, 1)
          assert.isUndefined(yield* store.find(dave))
        })
      )

      it.scoped("takes no line while an eighth more is kept than may be, and one between accounts does", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          const key = Keys.withGuest(bob, "CAROL")
          const kept = 8 * (Keys.sizeOf(5, hello(key)) + Keys.guestConversationOverhead)
          yield* store.configure({ ...defaults, keepBytes: kept })
          const guests = Array.from({ length: 11 }, (_, number) => ({
            ...hello(Keys.withGuest(bob, `GUEST${number}`)),
            isLive: true
          }))
          const tags = (yield* store.append(guests)).map(({ _tag }) => _tag)
          assert.deepStrictEqual(tags, [...Array.from({ length: 10 }, () => "Stored"), "Full"])
          assert.strictEqual((yield* append(store, line(Keys.between(alice, bob), alice, "hi")))._tag, "Stored")
          while ((yield* store.retain([])).hasMore);
          assert.strictEqual((yield* append(store, { ...hello(key), isLive: true }))._tag, "Stored")
          yield* balanced(store)
        })
      )

      it.scoped("counts for what is kept, and above that ends although a device is behind", () =>
        Effect.gen(function* () {
          const guests = 300
          const store = yield* open(defaults)
          const bob = yield* register(store, "bob")
          yield* device(store, bob)
          const lines = Array.from({ length: guests }, (_, number) => hello(Keys.withGuest(bob, `GUEST${number}`)))
          const size = Keys.sizeOf(5, hello(Keys.withGuest(bob, ""))) + Keys.guestConversationOverhead
          yield* store.append(lines)
          const retainAll = Effect.iterate(true, {
            while: (hasMore) => hasMore,
            body: () => Effect.map(store.retain([]), ({ hasMore }) => hasMore)
          })
          yield* store.configure({ ...defaults, keepBytes: guests * size })
          yield* retainAll
          assert.strictEqual((yield* balanced(store)).conversations, guests)
          yield* store.configure({ ...defaults, keepBytes: 10 * size })
          yield* retainAll
          const { conversations, lines: left } = yield* balanced(store)
          assert.deepStrictEqual([conversations, left], [10, 10])
          assert.lengthOf(yield* store.waiting(bob, "main"), 10)
        })
      )
    })

    describe("operators", () => {
      it.scoped("see what is stored", () =>
        Effect.gen(function* () {
          const store = yield* open(defaults)
          const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
          yield* device(store, bob)
          const abc = line(Keys.between(alice, bob), alice, "abc", { to: "carol" })
          const de = line(Keys.between(bob, bob), bob, "de", { once: { device: "main", label: "k1" } })
          yield* store.append([abc, de])
          yield* TestClock.adjust("3 seconds")
          const { diskBytes, ...statistics } = yield* store.statistics
          assert.deepStrictEqual(statistics, {
            stored: 2,
            given: 0,
            waiting: 2,
            expired: 0,
            dead: 0,
            accounts: 2,
            conversations: 2,
            rooms: 0,
            lines: 2,
            bytes: "abcde".length + "carol".length + "maink1".length + 2 * (Keys.lineOverhead + "author1".length),
            oldestMillis: 3000
          })
          if (store.kind === "disk") assert.isAbove(diskBytes, 0)
          assert.deepStrictEqual(yield* store.check, [])
          assert.strictEqual(store.state(), "ok")
        })
      )

      it.scoped("export everything, and import it into an empty store", () =>
        Effect.gen(function* () {
          const from = yield* open({ ...defaults, keep: "1 hour" })
          const [alice, bob] = [yield* register(from, "alice"), yield* register(from, "bob")]
          yield* device(from, bob, "phone")
          yield* from.accounts.setToken(bob, "phone", new Uint8Array(32).fill(7))
          const key = Keys.between(alice, bob)
          yield* append(from, line(key, alice, "expires"))
          yield* TestClock.adjust("2 hours")
          yield* append(from, line(Keys.withGuest(alice, "GUEST"), undefined, "expires"))
          yield* TestClock.adjust("2 hours")
          yield* from.retain([])
          yield* device(from, alice)
          yield* device(from, bob, "phone")
          const once = { device: "main", label: "1" }
          const results = yield* from.append([
            line(key, alice, "\xc3\xa9", { once, to: "carol", isAuto: true }),
            line(Keys.withGuest(bob, "GUEST"), undefined, "hi"),
            line(key, bob, "answer")
          ])
          const { conversation } = stored(results[0])
          yield* from.saveCursors([{ account: bob, device: "phone", conversation, seq: 2 }])
          yield* from.markRead(bob, conversation, 2)
          const carol = yield* register(from, "carol")
          yield* from.accounts.remove(carol)
          yield* from.accounts.free(carol)
          const records = Chunk.toReadonlyArray(yield* Stream.runCollect(from.exported))
          const to = yield* open({ ...defaults, keep: "1 hour" })
          yield* to.imported(Stream.fromIterable(records))
          assert.deepStrictEqual(Chunk.toReadonlyArray(yield* Stream.runCollect(to.exported)), records)
          assert.notStrictEqual(to.log, from.log)
          const { diskBytes: _, ...statistics } = yield* balanced(to)
          const { diskBytes: __, ...original } = yield* balanced(from)
          assert.deepStrictEqual(statistics, original)
          assert.deepStrictEqual(yield* to.returns.pending(alice), yield* from.returns.pending(alice))
          assert.deepStrictEqual(yield* to.waiting(bob, "phone"), yield* from.waiting(bob, "phone"))
          assert.strictEqual(yield* to.accounts.deviceOfToken(bob, new Uint8Array(32).fill(7)), "phone")
          assert.strictEqual(stored(yield* append(to, line(key, alice, "\xc3\xa9", { once }))).seq, 2)
          assert.strictEqual(stored(yield* append(to, line(key, alice, "next"))).seq, 4)
          assert.strictEqual(stored(yield* append(to, line(Keys.withGuest(bob, "OTHER"), undefined, "hi"))).seq, 2)
          assert.notStrictEqual(yield* register(to, "carol"), carol)
          const error = yield* Effect.flip(to.imported(Stream.fromIterable(records)))
          assert.strictEqual(error.reason, "unavailable")
        })
      )
    })
  })
}
