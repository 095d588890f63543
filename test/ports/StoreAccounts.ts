import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import * as Keys from "../../src/ports/StoreLines.js"
import {
  append,
  balanced,
  defaults,
  device,
  line,
  numbered,
  type OpenStore,
  register,
  stored,
  texts
} from "./StoreFixtures.js"

const hash = (byte: number) => new Uint8Array(32).fill(byte)

/** What every layer of the port promises about accounts, devices and tokens. */
export const accountSuite = (open: OpenStore) => {
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
        const key = Keys.keyBetween(alice, bob)
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

    it.scoped("start a further device where the furthest one was, although it is forgotten", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const { conversation } = stored((yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 5)))[0])
        yield* device(store, bob)
        yield* device(store, bob, "web")
        yield* store.saveCursors([{ account: bob, device: "web", conversation, seq: 3 }])
        assert.isTrue(yield* store.accounts.forget(bob, "web"))
        yield* device(store, bob, "web")
        assert.strictEqual((yield* store.waiting(bob, "web"))[0]?.cursor, 3)
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
        const key = Keys.keyBetween(alice, bob)
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
        const { conversation } = stored(yield* append(store, line(Keys.keyBetween(alice, bob), alice, "secret")))
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
}
