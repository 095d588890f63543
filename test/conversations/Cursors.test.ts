import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { Cursors, type MovedCursor } from "../../src/conversations/Cursors.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import { StoreError } from "../../src/ports/StoreError.js"
import { keyBetween, ofRoom, type ConversationId } from "../../src/ports/StoreLines.js"

const account = (index: number) => index as AccountId
const talk = 1 as ConversationId
const room = 2 as ConversationId

/** Members of the room, each of which was given this line. */
const given = (cursors: Cursors, members: number, seq: number) => {
  for (let index = 1; index <= members; index++) {
    cursors.moved({ account: account(index), device: "main" }, room, ofRoom(room), seq)
  }
}

const numbers = (moved: ReadonlyArray<MovedCursor>) => moved.map(({ account }) => account)

const failing = Effect.fail(new StoreError({ reason: "unavailable", description: "as the test wants it" }))

/** The accounts from one to another. */
const accounts = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => account(first + index))

const isOpen = (cursors: Cursors) =>
  Effect.as(cursors.some, true).pipe(Effect.timeoutTo({ duration: 1, onSuccess: () => true, onTimeout: () => false }))

describe("Cursors", () => {
  it("of direct conversations are saved with each transaction", () => {
    const cursors = new Cursors()
    for (let index = 1; index <= 5_000; index++) {
      const one = account(index)
      cursors.moved({ account: one, device: "main" }, talk, keyBetween(one, one), 7)
    }
    cursors.take(0)
    cursors.moved({ account: account(1), device: "main" }, talk, keyBetween(account(1), account(1)), 8)
    assert.deepStrictEqual(numbers(cursors.take(0)), [account(1)])
  })

  it.effect("that a transaction has taken, which may fail, are saved with an account's device as well", () =>
    Effect.gen(function* () {
      const cursors = new Cursors()
      const saved: Array<ReadonlyArray<number>> = []
      const store: Parameters<Cursors["save"]>[0] = {
        saveCursors: (moved) => Effect.sync(() => void saved.push(moved.map(({ account }) => account)))
      }
      const moved = (index: number) =>
        cursors.moved({ account: account(index), device: "main" }, talk, keyBetween(account(index), account(index)), 7)
      moved(1)
      moved(2)
      const taken = cursors.take(0)
      moved(3)
      yield* cursors.save(store, account(2), account(3))
      assert.deepStrictEqual(saved, [[2, 3]])
      cursors.saved()
      yield* cursors.save(store, account(2))
      assert.lengthOf(saved, 1)
      cursors.putBack(taken)
      yield* cursors.save(store)
      assert.deepStrictEqual(saved[1], [1, 2])
    })
  )

  it("of rooms are saved ten for each millisecond since the last transaction, in the order in which they moved", () => {
    const cursors = new Cursors()
    cursors.take(1_000)
    given(cursors, 100, 1)
    assert.deepStrictEqual(numbers(cursors.take(1_003)), accounts(1, 30))
    given(cursors, 30, 2)
    assert.deepStrictEqual(numbers(cursors.take(1_003.05)), [])
    assert.deepStrictEqual(numbers(cursors.take(1_010.05)), accounts(31, 100))
    assert.deepStrictEqual(
      cursors.take(1_013.05).map(({ seq }) => seq),
      accounts(1, 30).map(() => 2)
    )
  })

  it("of rooms are at most a thousand in a transaction", () => {
    const cursors = new Cursors()
    given(cursors, 1_500, 1)
    assert.lengthOf(cursors.take(60_000), 1_000)
    assert.lengthOf(cursors.take(120_000), 500)
  })

  it("of rooms that are due are saved by the transactions that follow, whatever time has passed", () => {
    const cursors = new Cursors()
    cursors.take(0)
    given(cursors, 2_500, 1)
    cursors.setDue()
    assert.deepStrictEqual(numbers(cursors.take(0)), accounts(1, 1_000))
    assert.isTrue(cursors.hasDue)
    given(cursors, 1_000, 2)
    assert.deepStrictEqual(numbers(cursors.take(0)), accounts(1_001, 2_000))
    assert.deepStrictEqual(numbers(cursors.take(0)), accounts(2_001, 2_500))
    assert.isFalse(cursors.hasDue, "the rest has moved later")
    assert.deepStrictEqual(cursors.take(0), [])
  })

  it.effect("that are due and saved for a login are due no longer", () =>
    Effect.gen(function* () {
      const cursors = new Cursors()
      cursors.take(0)
      given(cursors, 2, 1)
      cursors.setDue()
      yield* cursors.save({ saveCursors: () => Effect.void }, account(1))
      assert.isTrue(cursors.hasDue)
      yield* cursors.save({ saveCursors: () => Effect.void }, account(2))
      assert.isFalse(cursors.hasDue)
      assert.deepStrictEqual(cursors.take(0), [])
    })
  )

  it("do not move back, and only the last value is kept", () => {
    const cursors = new Cursors()
    given(cursors, 1, 3)
    given(cursors, 1, 2)
    given(cursors, 1, 5)
    assert.deepStrictEqual(
      cursors.take(0).map(({ seq }) => seq),
      [5]
    )
  })

  it.effect("of an account are saved without those of others, and stay here if they could not be saved", () =>
    Effect.gen(function* () {
      const cursors = new Cursors()
      const saved: Array<ReadonlyArray<AccountId>> = []
      given(cursors, 3, 1)
      cursors.moved({ account: account(2), device: "phone" }, room, ofRoom(room), 1)
      const failure = yield* Effect.either(cursors.save({ saveCursors: () => failing }, account(2)))
      assert.isTrue(Either.isLeft(failure))
      const saveCursors = (moved: ReadonlyArray<{ readonly account: AccountId }>) =>
        Effect.sync(() => void saved.push(moved.map((one) => one.account)))
      yield* cursors.save({ saveCursors }, account(2))
      yield* cursors.save({ saveCursors }, account(2))
      yield* cursors.save({ saveCursors })
      assert.deepStrictEqual(saved, [
        [account(2), account(2)],
        [account(1), account(3)]
      ])
    })
  )

  it.live("are waited for until none is left", () =>
    Effect.gen(function* () {
      const cursors = new Cursors()
      cursors.take(0)
      assert.isFalse(yield* isOpen(cursors))
      given(cursors, 20, 1)
      cursors.take(1)
      assert.isTrue(yield* isOpen(cursors))
      cursors.take(2)
      assert.isFalse(yield* isOpen(cursors))
    })
  )
})
