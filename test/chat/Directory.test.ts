import { assert, describe, it } from "@effect/vitest"
import { Budget } from "../../src/chat/Budget.js"
import { Directory } from "../../src/chat/Directory.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

/**
 * Clients come and go, the oldest first, each with a route of its own, next to a number of others. Returns a function
 * that measures in how many milliseconds.
 */
const comingAndGoing = (present: number) => {
  const directory = new Directory(new Budget(2 ** 40), [])
  let [next, oldest] = [0, 0]
  const come = () => {
    const name = `name${next++}`
    directory.resolve(`${name}:`, [name])
  }
  for (let client = 0; client < present; client++) come()
  return () =>
    fastestOfThree(() => {
      for (let client = 0; client < 20_000; client++) {
        directory.changed(`name${oldest++}`)
        come()
      }
    })
}

describe("The directory of routes", () => {
  it("takes as long for a client that comes and goes next to ten thousand others as next to ten", () => {
    // By turns, because other processes may use the processor's cache, which ten thousand routes need, for a while.
    const next = { few: comingAndGoing(10), many: comingAndGoing(10_000) }
    let [few, many] = [Infinity, Infinity]
    for (let round = 0; round < 5; round++) {
      few = Math.min(few, next.few())
      many = Math.min(many, next.many())
    }
    assert.isBelow(many, 4 * few, `${few} ms next to ten, ${many} ms next to ten thousand`)
  })

  it("forgets old routes where it would exceed its memory", () => {
    const budget = new Budget(8 * 2 ** 20)
    const directory = new Directory(budget, [])
    const names = Array.from({ length: 10_000 }, (_, index) => `name${index}`)
    for (const name of names) {
      directory.resolve(`${name}:`, [name])
      assert.isAtMost(directory.cost, 2 ** 20)
    }
    assert.strictEqual(budget.used, directory.cost)
    assert.isAbove(directory.cost, 2 ** 19)
    assert.isUndefined(directory.remembered("name0:"))
    assert.isDefined(directory.remembered("name9999:"))
  })
})
