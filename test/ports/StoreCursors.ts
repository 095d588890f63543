import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import {
  append,
  balanced,
  defaults,
  device,
  line,
  numbered,
  type OpenStore,
  register,
  sized,
  stored
} from "./StoreFixtures.js"

/** What every layer of the port promises about cursors, and about what an account has not read. */
export const cursorSuite = (open: OpenStore) => {
  describe("cursors", () => {
    it.scoped("decide what waits for a device", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* device(store, bob)
        const key = Keys.keyBetween(alice, bob)
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
        const key = Keys.keyBetween(alice, bob)
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
        const key = Keys.keyBetween(alice, bob)
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
        const key = Keys.keyBetween(alice, bob)
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
        const key = Keys.keyBetween(alice, bob)
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
          append(store, sized(line(Keys.keyBetween(bob, account), account, ""), size))
        assert.strictEqual((yield* from(alice, 2000))._tag, "Stored")
        assert.strictEqual((yield* from(carol, 1001))._tag, "Full")
        assert.strictEqual((yield* from(carol, 1000))._tag, "Stored")
        assert.strictEqual((yield* append(store, line(Keys.keyBetween(bob, alice), alice, "")))._tag, "Full")
        yield* balanced(store)
      })
    )
  })

  describe("conversations", () => {
    it.scoped("are listed newest first, with the other's name and the read mark", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* TestClock.setTime(1000)
        const one = stored((yield* store.append(numbered(Keys.keyBetween(alice, bob), bob, 3)))[0]).conversation
        yield* TestClock.setTime(2000)
        const key = Keys.withGuest(alice, "GUEST")
        const two = stored(yield* append(store, line(key, undefined, "hi", { author: "Guest" }))).conversation
        assert.strictEqual(yield* store.markRead(alice, one, 2), 2)
        assert.strictEqual(yield* store.markRead(alice, one, 1), 2)
        assert.deepStrictEqual(yield* store.conversations(alice, 10), [
          { conversation: two, key, name: "Guest", first: 1, last: 1, read: 0, at: 2000 },
          { conversation: one, key: Keys.keyBetween(alice, bob), name: "bob", first: 1, last: 3, read: 2, at: 1000 }
        ])
        assert.strictEqual((yield* store.conversations(alice, 1)).length, 1)
        assert.strictEqual(yield* store.markRead(alice, one, 99), 3)
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "an answer moves it"))
        assert.strictEqual(
          (yield* store.conversations(alice, 10)).find(({ conversation }) => conversation === one)?.read,
          4
        )
        assert.strictEqual((yield* store.conversations(bob, 10))[0]?.name, "alice")
        assert.strictEqual((yield* store.conversations(bob, 10))[0]?.read, 3)
      })
    )
  })
}
