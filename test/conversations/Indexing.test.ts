import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { Indexing } from "../../src/conversations/Indexing.js"
import { StoreError } from "../../src/ports/StoreError.js"

/** A store whose index has this many steps to do, each of 10 ms. Asked for more than once a change, it fails. */
const start = (steps: number) =>
  Effect.gen(function* () {
    const store = { left: steps, asked: 0, isBroken: false, failures: 0 }
    const indexing = new Indexing({
      store: {
        index: Effect.suspend(() => {
          store.asked += 1
          if (store.isBroken) return Effect.fail(new StoreError({ reason: "unavailable", description: "broken" }))
          if (store.left === 0) return Effect.succeed(false)
          store.left -= 1
          return Effect.delay(Effect.succeed(true), "10 millis")
        })
      },
      failed: () =>
        Effect.delay(
          Effect.sync(() => void (store.failures += 1)),
          "1 second"
        )
    })
    yield* Effect.forkScoped(indexing.run)
    return { store, indexing }
  })

describe("indexing", () => {
  it.scoped("begins with what the server before has left, and rests after each step", () =>
    Effect.gen(function* () {
      const { store } = yield* start(3)
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("10 millis")
      assert.strictEqual(store.asked, 1)
      yield* TestClock.adjust("39 millis")
      assert.strictEqual(store.asked, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(store.asked, 2)
      yield* TestClock.adjust("100 millis")
      assert.deepStrictEqual([store.asked, store.left], [4, 0])
    })
  )

  it.scoped("leaves the store alone until something has changed", () =>
    Effect.gen(function* () {
      const { indexing, store } = yield* start(0)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(store.asked, 1)
      indexing.changed()
      indexing.changed()
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(store.asked, 2)
    })
  )

  it.scoped("continues after a failure", () =>
    Effect.gen(function* () {
      const { store } = yield* start(1)
      store.isBroken = true
      yield* TestClock.adjust("10 seconds")
      assert.isAbove(store.failures, 1)
      store.isBroken = false
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(store.left, 0)
    })
  )
})
