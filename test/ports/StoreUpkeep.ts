import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Keys from "../../src/ports/StoreLines.js"
import { append, balanced, defaults, device, line, type OpenStore, register, stored } from "./StoreFixtures.js"

/** What every layer of the port promises to operators. */
export const upkeepSuite = (open: OpenStore) => {
  describe("operators", () => {
    it.scoped("see what is stored", () =>
      Effect.gen(function* () {
        const store = yield* open(defaults)
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* device(store, bob)
        const abc = line(Keys.keyBetween(alice, bob), alice, "abc", { to: "carol" })
        const de = line(Keys.keyBetween(bob, bob), bob, "de", { once: { device: "main", label: "k1" } })
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
        const key = Keys.keyBetween(alice, bob)
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
}
