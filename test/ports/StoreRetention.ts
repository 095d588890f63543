import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationKey } from "../../src/ports/StoreLines.js"
import type { PendingReturn } from "../../src/ports/StoreUpkeep.js"
import {
  append,
  balanced,
  defaults,
  device,
  expire,
  line,
  numbered,
  type OpenStore,
  register,
  sized,
  stored
} from "./StoreFixtures.js"

/** What every layer of the port promises about lines that are kept no longer. */
export const retentionSuite = (open: OpenStore) => {
  describe("retention", () => {
    it.scoped("removes what is too old by running time, and returns what nobody was given", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        yield* device(store, bob)
        const key = Keys.keyBetween(alice, bob)
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
        yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 2))
        yield* TestClock.adjust("40 minutes")
        yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 3))
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

    it.scoped("keeps counting after everything is gone", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const key = Keys.keyBetween(alice, bob)
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
        yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 450))
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

    it.scoped("continues past lines that are in an outbox, however many they are", () =>
      Effect.gen(function* () {
        const store = yield* open({ ...defaults, keep: "1 hour" })
        const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
        const results = yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 990, { isLive: true }))
        yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 990, { isLive: true }))
        yield* store.append(numbered(Keys.keyBetween(alice, alice), alice, 5))
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
          ...numbered(Keys.keyBetween(alice, bob), alice, 5),
          ...numbered(Keys.keyBetween(alice, alice), alice, 2)
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
        const { conversation } = stored((yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 5)))[0])
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
        const large = stored((yield* store.append(lines(Keys.keyBetween(alice, bob), 10)))[0]).conversation
        const small = stored((yield* store.append(lines(Keys.keyBetween(alice, alice), 4)))[0]).conversation
        const unread = stored((yield* store.append(lines(Keys.keyBetween(alice, carol), 20)))[0]).conversation
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
        yield* append(store, line(Keys.keyBetween(alice, bob), alice, "hi"))
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
          ...numbered(Keys.keyBetween(alice, bob), alice, 2),
          line(Keys.keyBetween(bob, carol), carol, "hi")
        ])
        yield* expire(store)
        yield* store.returns.told(yield* store.returns.pending(carol))
        assert.strictEqual((yield* balanced(store)).dead, 0)
        yield* store.append(numbered(Keys.keyBetween(alice, bob), alice, 3))
        yield* store.accounts.remove(alice)
        assert.strictEqual((yield* balanced(store)).dead, 2, "those that had expired")
        yield* expire(store)
        assert.strictEqual((yield* balanced(store)).dead, 5, "and those of a sender that is gone")
        yield* store.returns.told([], 4)
        assert.strictEqual((yield* balanced(store)).dead, 9, "and those of guests that have left")
      })
    )
  })
}
