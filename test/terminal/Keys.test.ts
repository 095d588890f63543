import { assert, describe, it } from "@effect/vitest"
import { PassThrough } from "node:stream"
import * as Keys from "../../src/terminal/Keys.js"

/** What the bytes of a terminal mean. */
const keys = (...bytes: ReadonlyArray<string>) => {
  const input = new PassThrough()
  const taken: Array<string> = []
  const stop = Keys.listen(input, (key) => {
    if (key._tag === "Typed") taken.push(key.text)
    else if (key._tag === "Pasted") taken.push(`<${key.text}>`)
    else taken.push(key._tag === "Edit" ? key.edit : key.key)
  })
  for (const part of bytes) input.emit("data", Buffer.from(part, "utf8"))
  stop()
  return taken
}

const table: ReadonlyArray<readonly [what: string, bytes: string, meaning: ReadonlyArray<string>]> = [
  ["text", "aé👍", ["a", "é", "👍"]],
  ["arrows", "\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]],
  ["arrows of another kind", "\x1bOA\x1bOD", ["up", "left"]],
  ["words", "\x1b[1;5C\x1b[1;5D\x1bb\x1bf", ["wordRight", "wordLeft", "wordLeft", "wordRight"]],
  ["Home and End", "\x1b[H\x1b[F\x1b[1~\x1b[4~\x01\x05", ["home", "end", "home", "end", "home", "end"]],
  ["removing", "\x7f\b\x1b[3~", ["backspace", "backspace", "delete"]],
  [
    "killing",
    "\x17\x15\x0b\x19\x1bd\x1b\x7f",
    ["killWord", "killStart", "killEnd", "yank", "killWordRight", "killWordLeft"]
  ],
  ["Enter", "\r", ["enter"]],
  ["Tab", "\t\x1b[Z", ["complete", "completeBack"]],
  ["leaving", "\x03\x04", ["leave", "endOrDelete"]],
  ["what is asked of it", "\x12\x18\x0c\x1a", ["resend", "drop", "redraw", "suspend"]],
  ["a paste", "a\x1b[200~x\r\ny\x1b[201~b", ["a", "<x\ny>", "b"]],
  ["a paste with keys in it", "\x1b[200~\x03\x1b[A\x7f\x1b[201~", ["<\x03\x1b[A\x7f>"]],
  ["an empty paste", "\x1b[200~\x1b[201~", []],
  ["keys without a meaning", "\x1b[I\x1b[5~\x1f\x1bx\x00", []]
]

describe("Keys", () => {
  for (const [what, bytes, meaning] of table) {
    it(`reads ${what}`, () => assert.deepStrictEqual(keys(bytes), meaning))
  }

  it("reads keys that arrive in pieces", () => {
    assert.deepStrictEqual(keys("\x1b", "[A", "\x1b[200~x", "\ry\x1b[2", "01~z"), ["up", "<x\ny>", "z"])
  })
})
