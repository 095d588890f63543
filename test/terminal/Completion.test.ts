import { assert, describe, it } from "@effect/vitest"
import * as Completion from "../../src/terminal/Completion.js"
import { fastestOfThree } from "../support/FastestOfThree.js"
import { cpuMillis } from "../support/CpuTime.js"

const names = ["bob", "Bella", "carol", "élan"]

/** The choices of a user who is in a room. */
const inRoom: Completion.CompletionChoices = {
  names,
  rooms: ["#ops", "#dev"],
  conversations: ["#ops", "#dev", "bob", "dora"],
  isInRoom: true
}

/** The lines that Tab, Tab, Tab make of a line with `|` at its cursor. */
const tabs = (line: string, count = 1, choices: Completion.CompletionChoices = { names }) => {
  const found = Completion.find(line.replace("|", ""), line.indexOf("|"), choices)
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

const roomTable: ReadonlyArray<readonly [line: string, completed: ReadonlyArray<string>]> = [
  ["b|", ["bob |", "Bella |", "b|"]],
  ["#|", ["#ops: |", "#dev: |", "#|"]],
  ["bob, #o|", ["bob, #ops: |", "bob, #o|"]],
  ["see #d|", ["see #dev |", "see #d|"]],
  ["ask b|", ["ask bob |", "ask Bella |", "ask b|"]],
  ["/go d|", ["/go dora|", "/go d|"]],
  ["/go #|", ["/go #ops|", "/go #dev|", "/go #|"]],
  ["/mute b|", ["/mute bob|", "/mute b|"]],
  ["/leave |", ["/leave #ops|", "/leave #dev|", "/leave |"]],
  ["/topic #d|", ["/topic #dev|", "/topic #d|"]],
  ["/invite c|", ["/invite carol|", "/invite c|"]],
  ["/invite #o|", ["/invite #ops|", "/invite #o|"]],
  ["/invite #ops c|", ["/invite #ops carol|", "/invite #ops c|"]],
  ["/par|", ["/part |", "/par|"]],
  ["/bell o|", ["/bell on|", "/bell off|", "/bell o|"]],
  ["/go bob |", []]
]

describe("Completion", () => {
  for (const [line, completed] of roomTable) {
    it(`${line} in a room becomes ${completed.join(", ") || "nothing else"}`, () => {
      assert.deepStrictEqual(tabs(line, Math.max(1, completed.length), inRoom), completed)
    })
  }

  it("completes a recipient where the next line goes to no room", () => {
    assert.deepStrictEqual(tabs("b|", 1, { ...inRoom, isInRoom: false }), ["bob: |"])
  })

  it("takes no time in a room with 10,000 members", () => {
    const many = Array.from({ length: 10_000 }, (_, at) => `member-${at}`)
    assert.isBelow(
      fastestOfThree(() => Completion.find("member-9999", 11, { ...inRoom, names: many })),
      100
    )
  })

  for (const line of ["x".repeat(50_000) + " y z", "/ignore" + " ".repeat(50_000) + ", b c"]) {
    it(`takes no time in a line that starts with ${JSON.stringify(line.slice(0, 10))}`, () => {
      assert.isBelow(
        fastestOfThree(() => Completion.find(line, line.length, { names })),
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
    const found = Completion.find("b", 1, { names })
    assert.strictEqual(
      found === undefined ? "" : Completion.apply(Completion.turn(Completion.turn(found, -1), -1)).text,
      "Bella: "
    )
  })

  it("is fast for a long line of commas", () => {
    const millis = cpuMillis(() => assert.deepStrictEqual(tabs(`${"a, ".repeat(10_000)}b c x|`), []))
    assert.isBelow(millis, 500)
  })
})
