import { assert, describe, it } from "@effect/vitest"
import { RecentNumbers } from "../../src/conversations/RecentNumbers.js"

describe("RecentNumbers", () => {
  it("remembers what was set lately, and no more than it may", () => {
    const numbers = new RecentNumbers<string>(100)
    for (let number = 1; number <= 10_000; number++) {
      numbers.set(`${number}`, number)
      assert.strictEqual(numbers.get(`${Math.max(1, number - 49)}`), Math.max(1, number - 49))
    }
    const known = Array.from({ length: 10_000 }, (_, index) => numbers.get(`${index + 1}`)).filter(
      (number) => number !== undefined
    )
    assert.isAtMost(known.length, 100)
    assert.deepStrictEqual(known.at(-1), 10_000)
  })

  it("forgets one that was renewed later than those set before", () => {
    const numbers = new RecentNumbers<string>(4)
    for (const key of ["a", "b", "c", "d"]) numbers.set(key, 1)
    numbers.renew("a", 2)
    numbers.set("e", 1)
    assert.strictEqual(numbers.get("a"), 2)
    assert.isUndefined(numbers.get("b"))
  })
})
