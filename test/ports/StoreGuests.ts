import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationKey } from "../../src/ports/StoreLines.js"
import { append, balanced, defaults, device, expire, line, type OpenStore, register, stored } from "./StoreFixtures.js"

const hello = (guest: ConversationKey) => line(guest, undefined, "hello")

/** What every layer of the port promises about conversations with guests. */
export const guestSuite = (open: OpenStore) => {
  describe("a conversation with a guest", () => {
    it.scoped("ends when its lines are gone, and a later one continues with higher numbers", () =>
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
        const named = { ...hello(key), author: "Carol" }
        const { conversation } = stored((yield* store.append([hello(key), named]))[0])
        const reads = (name: string, seq: number) =>
          store.saveCursors([{ account: bob, device: name, conversation, seq }])
        yield* reads("main", 2)
        yield* reads("phone", 1)
        yield* expire(store)
        assert.deepInclude((yield* store.waiting(bob, "phone"))[0], { cursor: 1, first: 3, last: 2, guest: "Carol" })
        assert.deepInclude((yield* store.conversations(bob, 9))[0], { name: "Carol", last: 2, at: 0 })
        const records = Chunk.toReadonlyArray(yield* Stream.runCollect(store.exported))
        const other = yield* open({ ...defaults, keep: "1 hour" })
        yield* other.imported(Stream.fromIterable(records))
        assert.deepStrictEqual(yield* other.waiting(bob, "phone"), yield* store.waiting(bob, "phone"))
        assert.deepStrictEqual(yield* other.conversations(bob, 9), yield* store.conversations(bob, 9))
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

    it.scoped("continues while it has lines, and so does one between accounts that has none", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.withGuest(bob, "CAROL")
        const { conversation } = stored(yield* append(store, hello(key)))
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi"))
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
        assert.strictEqual((yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi")))._tag, "Stored")
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
}
