import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, PageRequest } from "../../src/ports/StoreLines.js"
import type { StoreRecord } from "../../src/ports/StoreUpkeep.js"
import { append, balanced, defaults, device, line, type OpenStore, register, stored, texts } from "./StoreFixtures.js"
import { searched } from "./StoreSearching.js"

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
    const key = Keys.keyBetween(alice, bob)
    let conversation = 0 as ConversationId
    for (let seq = 1; seq <= 10; seq++) {
      yield* TestClock.adjust("1 second")
      conversation = stored(yield* append(store, line(key, alice, `${seq}`))).conversation
    }
    return { alice, bob, conversation }
  })

/** What every layer of the port promises about lines, labels and pages. */
export const lineSuite = (open: OpenStore) => {
  describe("lines", () => {
    it.scoped("have numbers without holes and times that never decrease, for each conversation", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const direct = Keys.keyBetween(alice, bob)
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
          line(Keys.keyBetween(alice, bob), alice, every, { author: "\xc3\xa9", to: "carol+#ops", isAuto: true }),
          line(Keys.keyBetween(alice, bob), bob, ""),
          line(Keys.keyBetween(alice, bob), bob, "x".repeat(100_000), { author: "a".repeat(128) })
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

    it.scoped("come back in order, whether one was stored at a time or many", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
        const texts: Array<string> = []
        for (const count of [1, 15, 16, 17, 50]) {
          // Among them are some with the same text and several recipients.
          const lines = Array.from({ length: count }, (_, index) =>
            index % 7 === 3 ? line(key, bob, "to several", { to: "carol" }) : line(key, alice, `${index} of ${count}`)
          )
          const results = yield* store.append(lines)
          assert.deepStrictEqual(
            results.map((result) => stored(result).seq),
            lines.map((_, index) => texts.length + index + 1)
          )
          texts.push(...lines.map(({ text }) => text))
        }
        const { conversation } = stored((yield* store.append([line(key, alice, "the end")]))[0])
        const page = yield* store.page({ conversation, reader: bob, limit: 100 })
        assert.deepStrictEqual(
          page.lines.map(({ text }) => text),
          [...texts, "the end"]
        )
        yield* balanced(store)
      })
    )

    it.scoped("to oneself are one conversation with one member", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const alice = yield* register(store, "alice")
        const { conversation } = stored(yield* append(store, line(Keys.keyBetween(alice, alice), alice, "note")))
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
        assert.isUndefined(yield* store.find(Keys.keyBetween(alice, bob)))
        const { conversation } = stored(yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi")))
        assert.strictEqual(yield* store.find(Keys.keyBetween(bob, alice)), conversation)
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
        const key = Keys.keyBetween(alice, bob)
        const once = { device: "main", label: "1" }
        const [first, same] = yield* store.append([line(key, alice, "hi", { once }), line(key, alice, "hi", { once })])
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
          stored(yield* append(store, line(Keys.keyBetween(alice, alice), alice, "ho", { once }))).seq,
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
        const key = Keys.keyBetween(alice, bob)
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
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi", { once }))
        assert.isTrue(yield* store.accounts.forget(alice, "phone"))
        yield* device(store, alice, "phone")
        const again = stored(yield* append(store, line(Keys.keyBetween(alice, bob), alice, "other", { once })))
        assert.deepStrictEqual([again.seq, again.again], [2, false])
      })
    )

    it.scoped("is free again after its line is gone", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* device(store, alice, "phone")
        const once = { device: "phone", label: "1" }
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi", { once }))
        yield* TestClock.adjust("2 hours")
        yield* store.retain([])
        const again = stored(yield* append(store, line(Keys.keyBetween(alice, bob), alice, "other", { once })))
        assert.deepStrictEqual([again.seq, again.again], [2, false])
      })
    )

    it.scoped("stores nothing for a device that has been forgotten: the line may have been stored before", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* device(store, alice, "phone")
        const hi = line(Keys.keyBetween(alice, bob), alice, "hi", { once: { device: "phone", label: "1" } })
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

    it.scoped("is that of a conversation's id or of its key, and empty for a key without lines", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const { alice, bob, conversation } = yield* ten(store)
        const carol = yield* register(store, "carol")
        const by = (one: PageRequest["conversation"], reader: AccountId) =>
          store.page({ conversation: one, reader, before: 5, limit: 3 })
        const key = Keys.keyBetween(alice, bob)
        assert.deepStrictEqual(yield* by(key, bob), yield* by(conversation, bob))
        assert.deepStrictEqual(
          (yield* by(key, bob)).lines.map(({ text }) => text),
          ["2", "3", "4"]
        )
        const nothing = { lines: [], first: 1, last: 0, hasMore: false }
        assert.deepStrictEqual(yield* by(key, carol), nothing)
        assert.deepStrictEqual(yield* by(Keys.keyBetween(alice, carol), alice), nothing)
        assert.deepStrictEqual(yield* by(Keys.withGuest(alice, "GUEST"), alice), nothing)
        assert.deepStrictEqual(yield* by(Keys.ofRoom((conversation + 1) as ConversationId), alice), nothing)
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

    it.scoped("has at most its limit of bytes of text, but at least one line", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
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
          { type: "totals", stored: 5, given: 0, expired: 0, dead: 0, ended: 0, lastConversation: 1 }
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
}
