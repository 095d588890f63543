import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Keys from "../../src/ports/StoreLines.js"
import { balanced, defaults, line, numbered, register, stored } from "./StoreFixtures.js"
import { logged, type MakeShared, openDevice, type Shared, two } from "./StoreSharingFixtures.js"

/** Whose a device is, of the servers that share a store. */
export const sharedDevices = (make: MakeShared) => {
  it.scoped("lets only the server move the cursors of a device that has opened it last", () =>
    Effect.gen(function* () {
      const [one, other] = yield* two(make)
      const [alice, bob] = [yield* register(one.store, "alice"), yield* register(one.store, "bob")]
      const cursor = ({ store }: Shared) => Effect.map(store.waiting(bob, "web"), ([first]) => first?.cursor)
      assert.strictEqual((yield* openDevice(one, bob, "web"))._tag, "Opened")
      const [first] = yield* one.store.append(numbered(Keys.keyBetween(alice, bob), alice, 9))
      const { conversation } = stored(first)
      const move = ({ store }: Shared, seq: number) =>
        store.saveCursors([{ account: bob, device: "web", conversation, seq }])
      yield* move(other, 1)
      assert.strictEqual(yield* cursor(one), 0)
      yield* move(one, 2)
      assert.strictEqual(yield* cursor(other), 2)
      const from = yield* one.sharing.latest
      assert.deepStrictEqual(yield* openDevice(other, bob, "web"), {
        _tag: "Opened",
        isNew: false,
        forgotten: undefined,
        wasTaken: true
      })
      assert.deepStrictEqual(yield* logged(one.sharing, from), [
        { by: other.sharing.server, change: { _tag: "DeviceTaken", account: bob, device: "web" } }
      ])
      yield* one.store.append(
        [line(Keys.keyBetween(alice, bob), alice, "more")],
        [{ account: bob, device: "web", conversation, seq: 8 }]
      )
      yield* move(other, 3)
      assert.strictEqual(yield* cursor(one), 3)
      const pairs = [alice, bob, alice].map((account, index) => ({
        account,
        conversation: (Number(conversation) + (index === 2 ? 7 : 0)) as typeof conversation
      }))
      assert.deepStrictEqual(yield* one.sharing.given(pairs), [0, 3, 0])
      assert.deepInclude(yield* balanced(one.store), { given: 3, waiting: 7 })
    })
  )

  it.scoped("leaves a device to another server that still runs, until that one has given it up", () =>
    Effect.gen(function* () {
      const [one, other] = yield* two(make)
      const bob = yield* register(one.store, "bob")
      const others = [one.sharing.server]
      yield* openDevice(one, bob, "web", { others: [other.sharing.server] })
      const from = yield* one.sharing.latest
      const elsewhere = { _tag: "Elsewhere", owner: one.sharing.server } as const
      assert.deepStrictEqual(yield* openDevice(other, bob, "web", { others }), elsewhere)
      assert.deepStrictEqual(yield* openDevice(other, bob, "web", { others, takeFrom: "another" }), elsewhere)
      // A device for later is nobody's.
      assert.strictEqual((yield* openDevice(other, bob, "web", { others, isAway: true }))._tag, "Opened")
      assert.strictEqual((yield* openDevice(other, bob, "phone", { others, isAway: true }))._tag, "Opened")
      assert.strictEqual((yield* openDevice(one, bob, "phone", { others: [other.sharing.server] }))._tag, "Opened")
      assert.deepStrictEqual(yield* logged(one.sharing, from), [])
      const taken = yield* openDevice(other, bob, "web", { others, takeFrom: one.sharing.server })
      assert.deepStrictEqual(taken, { _tag: "Opened", isNew: false, forgotten: undefined, wasTaken: true })
      // It is no longer the first server's, which may still report that it has left.
      yield* one.store.accounts.left([{ account: bob, device: "web" }])
      assert.deepStrictEqual(yield* openDevice(one, bob, "web", { others: [other.sharing.server] }), {
        _tag: "Elsewhere",
        owner: other.sharing.server
      })
      yield* other.store.accounts.left([{ account: bob, device: "web" }])
      yield* openDevice(one, bob, "web", { others: [other.sharing.server] })
      const changes = (yield* logged(one.sharing, from)).map(({ change }) => change)
      assert.deepStrictEqual(changes, [{ _tag: "DeviceTaken", account: bob, device: "web" }])
    })
  )

  it.scoped("forgets no device of a server that runs, to make room or because it is away", () =>
    Effect.gen(function* () {
      const [one, other] = yield* two(make, { ...defaults, keep: "1 hour" })
      const bob = yield* register(one.store, "bob")
      const others = [one.sharing.server]
      yield* openDevice(one, bob, "web")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* openDevice(other, bob, "new", { others, maxDevices: 1 }))._tag, "TooMany")
      yield* TestClock.adjust("2 hours")
      assert.deepStrictEqual(yield* other.store.accounts.seen([], others), [])
      assert.deepStrictEqual(yield* other.store.accounts.seen([]), [])
      const from = yield* one.sharing.latest
      assert.deepStrictEqual(yield* other.store.accounts.seen([], []), [{ account: bob, device: "web" }])
      yield* openDevice(one, bob, "web")
      const opened = yield* openDevice(other, bob, "new", { maxDevices: 1 })
      assert.deepStrictEqual(opened, { _tag: "Opened", isNew: true, forgotten: "web" })
      assert.deepStrictEqual(
        (yield* logged(one.sharing, from)).map(({ change }) => change._tag),
        ["DeviceForgotten", "DeviceForgotten"]
      )
    })
  )

  it.scoped("gives up a device that a server has opened, and that nobody is connected as after a while", () =>
    Effect.gen(function* () {
      const [one, other] = yield* two(make)
      const bob = yield* register(one.store, "bob")
      const others = [one.sharing.server]
      yield* openDevice(one, bob, "web")
      yield* openDevice(one, bob, "phone")
      yield* TestClock.adjust("59 seconds")
      yield* one.store.accounts.seen([{ account: bob, device: "web" }])
      assert.strictEqual((yield* openDevice(other, bob, "phone", { others }))._tag, "Elsewhere")
      yield* TestClock.adjust("59 seconds")
      yield* one.store.accounts.seen([{ account: bob, device: "web" }])
      assert.strictEqual((yield* openDevice(other, bob, "web", { others }))._tag, "Elsewhere")
      assert.strictEqual((yield* openDevice(other, bob, "phone", { others }))._tag, "Opened")
    })
  )
}
