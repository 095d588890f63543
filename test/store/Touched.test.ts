import { assert, describe, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import * as Touched from "../../src/store/Touched.js"

const touched = (conversations: ReadonlyArray<number>, accounts: ReadonlyArray<number>, guests = 0) => ({
  conversations: new Set(conversations as ReadonlyArray<ConversationId>), // any numbers will do
  accounts: new Set(accounts as ReadonlyArray<AccountId>),
  guests
})

describe("what transactions have touched", () => {
  it("is known of each, and of those after one", () => {
    const one = Touched.after("", 7, touched([1], [2]))
    const both = Touched.after(one, 8, touched([3, 1], [], 1))
    assert.deepStrictEqual(Touched.between(both, 6, 8), touched([3, 1], [2], 1))
    assert.deepStrictEqual(Touched.between(both, 7, 8), touched([3, 1], [], 1))
    assert.deepStrictEqual(Touched.between(both, 8, 8), touched([], []))
    assert.isUndefined(Touched.between(both, 5, 8), "of the sixth nothing is known")
    assert.isUndefined(Touched.between("", 7, 8))
    assert.isUndefined(Touched.between(one, 7, 8), "the last one is missing")
  })

  it("is unknown after one that may have changed anything", () => {
    const anything = Touched.after(Touched.after("", 7, touched([1], [])), 8, undefined)
    const after = Touched.after(anything, 9, touched([2], []))
    assert.isUndefined(Touched.between(after, 7, 9))
    assert.deepStrictEqual(Touched.between(after, 8, 9), touched([2], []))
    const many = Array.from({ length: 1000 }, (_, index) => index + 1000)
    assert.isUndefined(Touched.between(Touched.after("", 1, touched(many, [])), 0, 1), "too much of it")
  })

  it("is forgotten of the oldest first, before the text is too long", () => {
    let text = ""
    for (let commits = 1; commits <= 500; commits++) {
      text = Touched.after(text, commits, touched([commits], [commits]))
      assert.isAtMost(text.length, 1_500)
    }
    assert.deepStrictEqual(Touched.between(text, 490, 500)?.accounts.size, 10)
    assert.isUndefined(Touched.between(text, 0, 500))
  })

  it("is known exactly or not at all, and its text stays short", () => {
    const transaction = fc.option(fc.tuple(fc.array(fc.nat(99_999)), fc.array(fc.nat(99_999)), fc.nat(1)), {
      nil: undefined
    })
    fc.assert(
      fc.property(fc.array(transaction, { maxLength: 60 }), fc.nat(60), (transactions, before) => {
        let text = ""
        const all = transactions.map((one) => one && touched(...one))
        for (const [index, one] of all.entries()) {
          text = Touched.after(text, index + 1, one)
          assert.isAtMost(text.length, 1_500)
        }
        const found = Touched.between(text, before, all.length)
        if (found === undefined || before > all.length) return
        const since = all.slice(before)
        assert.notInclude(since, undefined)
        assert.deepStrictEqual(
          found,
          touched(
            since.toReversed().flatMap((one) => [...(one?.conversations ?? [])]),
            since.toReversed().flatMap((one) => [...(one?.accounts ?? [])]),
            since.reduce((sum, one) => sum + (one?.guests ?? 0), 0)
          )
        )
      })
    )
  })
})
