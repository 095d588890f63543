import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import type { StoreService } from "../../src/ports/Store.js"
import { startConversations } from "../support/Conversations.js"
import { settle } from "../support/Turns.js"

/** A store on a disk that carries out transactions when the test lets it. */
const held = () => {
  const sizes: Array<number> = []
  const isOpen = Effect.unsafeMakeLatch(false)
  const store = (plain: StoreService): StoreService => ({
    ...plain,
    kind: "disk",
    append: (lines, cursors) =>
      Effect.suspend(() => {
        sizes.push(lines.length)
        return Effect.zipRight(isOpen.await, plain.append(lines, cursors))
      })
  })
  return { sizes, isOpen, store }
}

const lines = (count: number, to = "bob") => Array.from({ length: count }, (_, index) => `${to}: ${index}`)

describe("the next transaction", () => {
  it.scoped("begins two milliseconds after a large one, if lines have come meanwhile", () =>
    Effect.gen(function* () {
      const { isOpen, sizes, store } = held()
      const { join } = yield* startConversations({}, store)
      const carol = yield* join("carol")
      carol.say(...lines(20))
      yield* settle
      carol.say(...lines(5))
      yield* settle
      yield* isOpen.open
      yield* settle
      assert.deepStrictEqual(sizes, [20])
      carol.say(...lines(3, "alice")) // they come in time
      yield* settle
      yield* TestClock.adjust(2)
      yield* settle
      assert.deepStrictEqual(sizes, [20, 8])
    })
  )

  it.scoped("begins with the next line, if none has come meanwhile", () =>
    Effect.gen(function* () {
      const { isOpen, sizes, store } = held()
      const { join } = yield* startConversations({}, store)
      const carol = yield* join("carol")
      carol.say(...lines(20))
      yield* settle
      yield* isOpen.open
      yield* settle
      carol.say(...lines(20))
      yield* settle
      assert.deepStrictEqual(sizes, [20, 20])
    })
  )

  it.scoped("begins at once after a small one", () =>
    Effect.gen(function* () {
      const { isOpen, sizes, store } = held()
      const { join } = yield* startConversations({}, store)
      const carol = yield* join("carol")
      carol.say(...lines(10))
      yield* settle
      carol.say(...lines(20))
      yield* settle
      yield* isOpen.open
      yield* settle
      assert.deepStrictEqual(sizes, [10, 20])
    })
  )

  it.scoped("begins at once after one that took longer", () =>
    Effect.gen(function* () {
      const { isOpen, sizes, store } = held()
      const { join } = yield* startConversations({}, store)
      const carol = yield* join("carol")
      carol.say(...lines(20))
      yield* settle
      carol.say(...lines(5))
      yield* settle
      yield* TestClock.adjust(2)
      yield* isOpen.open
      yield* settle
      assert.deepStrictEqual(sizes, [20, 5])
    })
  )
})
