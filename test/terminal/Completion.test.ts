import { assert, describe, it } from "@effect/vitest"
import * as Completion from "../../src/terminal/Completion.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

const names = ["bob", "Bella", "carol", "élan"]

/** The lines that Tab, Tab, Tab make of a line with `|` at its cursor. */
const tabs = (line: string, count = 1) => {
  const found = Completion.find(line.replace("|", ""), line.indexOf("|"), names)
  const lines: Array<string> = []
  for (let [at, completion] = [0, found]; at < count && completion !== undefined; at++) {
    const { cursor, text } = Completion.apply(completion)
    lines.push(`${text.slice(0, cursor)}|${text.slice(cursor)}`)
    completion = Completion.turn(completion, 1)
  }
  return lines
}

const table: ReadonlyArray<readonly [line: string, completed: ReadonlyArray<string>]> = [
  ["|", ["bob: |", "Bella: |", "carol: |", "élan: |", "|", "bob: |"]],
  ["b|", ["bob: |", "Bella: |", "b|", "bob: |"]],
  ["BE|", ["Bella: |", "BE|"]],
  ["é|", ["élan: |", "é|"]],
  ["bob, c|", ["bob, carol: |", "bob, c|"]],
  ["bob, |", ["bob, Bella: |", "bob, carol: |", "bob, élan: |", "bob, |"]],
  ["b|: hi", ["bob|: hi", "Bella|: hi", "b|: hi"]],
  ["bob: ask ca|", ["bob: ask carol |", "bob: ask ca|"]],
  ["well, c|", ["well, carol |", "well, c|"]],
  ["/w|", ["/who |", "/w|"]],
  ["/|", ["/who |", "/reply |"]],
  ["/ignore c|", ["/ignore carol|", "/ignore c|"]],
  ["/ignore bob, c|", ["/ignore bob, carol|", "/ignore bob, c|"]],
  ["/time |", ["/time on|", "/time off|", "/time |"]],
  ["/notify m|", ["/notify mentions|", "/notify m|"]],
  ["x|", []],
  ["bob: |", []],
  ["/nothing |", []]
]

describe("Completion", () => {
  for (const line of ["x".repeat(50_000) + " y z", "/ignore" + " ".repeat(50_000) + ", b c"]) {
    it(`takes no time in a line that starts with ${JSON.stringify(line.slice(0, 10))}`, () => {
      assert.isBelow(
        fastestOfThree(() => Completion.find(line, line.length, names)),
        200
      )
    })
  }

  for (const [line, completed] of table) {
    it(`${line} becomes ${completed.join(", ") || "nothing else"}`, () => {
      assert.deepStrictEqual(tabs(line, Math.max(1, completed.length)), completed)
    })
  }

  it("goes backwards as well", () => {
    const found = Completion.find("b", 1, names)
    assert.strictEqual(
      found === undefined ? "" : Completion.apply(Completion.turn(Completion.turn(found, -1), -1)).text,
      "Bella: "
    )
  })

  it("is fast for a long line of commas", () => {
    const start = performance.now()
    assert.deepStrictEqual(tabs(`${"a, ".repeat(10_000)}b c x|`), [])
    assert.isBelow(performance.now() - start, 500)
  })
})
