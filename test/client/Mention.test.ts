import { assert, describe, it } from "@effect/vitest"
import * as Mention from "../../src/client/Mention.js"
import { cpuMillis } from "../support/CpuTime.js"

/** The text with each mention in brackets. */
const marked = (text: string, name: string) => {
  let [shown, at] = ["", 0]
  for (const { end, start } of Mention.find(text, name)) {
    shown += `${text.slice(at, start)}[${text.slice(start, end)}]`
    at = end
  }
  return shown + text.slice(at)
}

const table: ReadonlyArray<readonly [name: string, marked: string]> = [
  ["alice", "[alice]"],
  ["alice", "hi [alice]!"],
  ["alice", "@[alice] and [Alice], [ALICE]: [alice]'s, ([alice])"],
  ["alice", "alices malice alice2 alice_ 2alice alic"],
  ["alice", "thanks, [alice]. So [alice]... and ...[alice]-- or --[alice]"],
  ["alice", "alice.b alice-b b.alice b-alice"],
  ["alice", "wait...[alice]...wait"],
  ["alice", "alicealice"],
  ["alice.", "alice [alice.]"],
  ["b-", "[b-] b-x"],
  // Look-alikes: case, width, ligatures, normal forms, invisible characters.
  ["alice", "[\uff41\uff4c\uff49\uff43\uff45]"],
  ["alice", "[al\u00adice] and [a\u200dlice]"],
  ["alice", "alice\u0301 \u00e1lice"],
  ["\u00e9lan", "[e\u0301lan] [\u00c9LAN] elan"],
  ["e\u0301lan", "[\u00e9lan]"],
  ["ofi", "[o\ufb01] ofit o\ufb01t"],
  ["stra\u00dfe", "[STRASSE] [stra\u00dfe]"],
  ["\u039f\u0394\u039f\u03a3", "[\u03bf\u03b4\u03bf\u03c2]"],
  // Scripts without spaces, and particles and titles that follow a name.
  ["alice", "[alice]さん、[alice]님 안녕"],
  ["小明", "你好[小明]你好 [小明]ok"],
  ["小明", "小明2 小明_"],
  ["สมชาย", "คุณ[สมชาย]ครับ"],
  ["민수", "민수씨"],
  ["민수", "[민수], [민수]ok"],
  ["アリス", "アリストテレス [アリス]さん"],
  // Only an emoji that belongs to the name.
  ["bob", "👩‍💻[bob]👩‍💻"]
]

describe("Mention.find", () => {
  for (const [name, expected] of table) {
    it(`finds ${name} in ${JSON.stringify(expected)}`, () =>
      assert.strictEqual(marked(expected.replace(/[[\]]/gu, ""), name), expected))
  }

  it("finds nothing for an invisible name, and before the login", () => {
    assert.deepStrictEqual(Mention.find("a \u200d b", "\u200d"), [])
    assert.deepStrictEqual(Mention.find("a b", ""), [])
  })

  for (const [count, expected] of [
    [32, 32],
    [33, 32]
  ] as const) {
    it(`marks ${expected} of ${count} mentions`, () =>
      assert.lengthOf(Mention.find("bob ".repeat(count), "bob"), expected))
  }

  it("takes time that is proportional to a text of marks and emoji", () => {
    const text = `${"e\u0301".repeat(20_000)}${"\u0301".repeat(60_000)} ${"👩‍💻".repeat(5_000)} bob`
    const found = [{ start: text.length - 3, end: text.length }]
    const millis = cpuMillis(() => assert.deepStrictEqual(Mention.find(text, "bob"), found))
    assert.isBelow(millis, 1_000)
  })
})
