import { assert, describe, it } from "vitest"
import { Recipients } from "../../src/client/Outcomes.js"
import { RetryQueue } from "../../src/client/RetryQueue.js"

describe("the lines to be sent again", () => {
  it("are in the order of the input, whatever the order of their refusals", () => {
    const queue = new RetryQueue(0, () => {})
    for (const number of [2, 3, 1, 5, 4]) {
      const line = { number, text: `bob: ${number}`, recipients: new Recipients(["bob"]), tries: 0 }
      const outcome = { line: number, outcome: { _tag: "Unknown" }, names: ["bob"] } as const
      queue.add(line, outcome, { at: 0, label: undefined, tries: 1 })
    }
    const numbers: Array<number> = []
    for (let { first } = queue; first !== undefined; first = queue.first) {
      numbers.push(first.number)
      queue.shift()
    }
    assert.deepStrictEqual(numbers, [1, 2, 3, 4, 5])
  })
})
