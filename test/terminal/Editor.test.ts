import { assert, describe, it } from "@effect/vitest"
import * as Editor from "../../src/terminal/Editor.js"
import { fastestOfThree } from "../support/FastestOfThree.js"

/** A line with `|` where the cursor is. */
const at = (line: string, killed = ""): Editor.Editor => ({
  text: line.replace("|", ""),
  cursor: line.indexOf("|"),
  killed
})

const shown = ({ cursor, text }: Editor.Editor) => `${text.slice(0, cursor)}|${text.slice(cursor)}`

const table: ReadonlyArray<readonly [Editor.Edit, before: string, after: string]> = [
  ["left", "ab|c", "a|bc"],
  ["left", "|abc", "|abc"],
  ["left", "a👍🏽|", "a|👍🏽"],
  ["right", "|e\u0301x", "e\u0301|x"],
  ["right", "x|", "x|"],
  ["wordLeft", "bob: grüße dich|", "bob: grüße |dich"],
  ["wordLeft", "bob: grüße |dich", "bob: |grüße dich"],
  ["wordLeft", "  |", "|  "],
  ["wordRight", "|bob: hi", "bob|: hi"],
  ["wordRight", "bob|: hi", "bob: hi|"],
  ["home", "ab|c", "|abc"],
  ["end", "ab|c", "abc|"],
  ["backspace", "ab|c", "a|c"],
  ["backspace", "|abc", "|abc"],
  ["backspace", "日本|", "日|"],
  ["backspace", "e\u0301|", "|"],
  ["delete", "a|bc", "a|c"],
  ["delete", "abc|", "abc|"],
  ["killWord", "bob: a-b c-d|", "bob: a-b |"],
  ["killWordLeft", "bob: a-b c-d|", "bob: a-b c-|"],
  ["killWordRight", "a| b c", "a| c"],
  ["killStart", "ab|c", "|c"],
  ["killEnd", "a|bc", "a|"]
]

describe("Editor", () => {
  for (const [edit, before, after] of table) {
    it(`${edit}: ${before} becomes ${after}`, () => {
      assert.strictEqual(shown(Editor.edit(at(before), edit)), after)
    })
  }

  // A paste may be one long word. Patterns that end in `$` took 10 s for each of these.
  const longLines = { "a long word": "x".repeat(50_000) + " y z", "long white space": " ".repeat(50_000) + "y. z" }
  for (const [what, text] of Object.entries(longLines)) {
    for (const edit of ["wordLeft", "wordRight", "killWord", "killWordLeft", "killWordRight"] as const) {
      it(`${edit}: takes no time in a line with ${what}`, () => {
        const line = { text, cursor: edit.endsWith("Right") ? 0 : text.length, killed: "" }
        assert.isBelow(
          fastestOfThree(() => Editor.edit(line, edit)),
          200
        )
      })
    }
  }

  it("inserts at the cursor", () => {
    assert.strictEqual(shown(Editor.insert(at("a|c"), "bb")), "abb|c")
    assert.strictEqual(shown(Editor.set(at("a|c"), "new")), "new|")
  })

  it("yanks the text killed last, even into another line", () => {
    const killed = Editor.edit(at("bob: hi|"), "killWord")
    assert.strictEqual(shown(Editor.edit(Editor.set(killed, ""), "yank")), "hi|")
    assert.strictEqual(Editor.edit(at("ab|", "kept"), "backspace").killed, "kept")
    assert.strictEqual(Editor.edit(at("|ab", "kept"), "killStart").killed, "kept")
  })
})
