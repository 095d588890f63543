import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Arguments from "../../src/cli/help/Arguments.js"

const first = (line: string) => Either.getOrThrow(Arguments.builtInsFirst(line === "" ? [] : line.split(" "))).join(" ")

const requested = (line: string) => Arguments.helpRequest(line === "" ? [] : line.split(" "))

describe("Arguments.builtInsFirst", () => {
  const table: ReadonlyArray<readonly [given: string, expected: string]> = [
    ["", ""],
    ["serve", "serve"],
    ["serve --port 0", "serve --port 0"],
    ["serve --port 0 --help", "serve --help --port 0"],
    ["connect --login bob -h --unix s", "connect -h --login bob --unix s"],
    ["serve --port=0 --log-level debug --rate 1", "serve --log-level debug --port=0 --rate 1"],
    ["serve --port 0 --log-level=none", "serve --log-level none --port 0"],
    ["--version", "--version"],
    ["--log-level debug serve", "--log-level debug serve"],
    ["exec --login bob --help -- prog --help", "exec --help --login bob -- prog --help"],
    ["exec --login bob -- prog --version -h -- --wizard", "exec --login bob -- prog --version -h -- --wizard"],
    ["exec --log-level debug -- prog --log-level bad", "exec -- prog --log-level bad"],
    ["-- --help", "-- --help"]
  ]
  for (const [given, expected] of table) {
    it(`turns "${given}" into "${expected}"`, () => assert.strictEqual(first(given), expected))
  }

  it("returns the command whose help is requested", () => {
    assert.deepStrictEqual(requested("listen --help"), { command: "listen" })
    assert.deepStrictEqual(requested("listen --log-level debug -h"), { command: "listen" })
    for (const line of ["", "--help", "-h", "--log-level debug --help", "--help who"])
      assert.deepStrictEqual(requested(line), { command: undefined })
    for (const line of ["listen", "exec --login bob -- prog --help", "--version"]) assert.isUndefined(requested(line))
  })

  it("refuses an unknown log level", () => {
    for (const line of ["serve --log-level bad", "serve --log-level=", "serve --log-level"]) {
      assert.isTrue(Either.isLeft(Arguments.builtInsFirst(line.split(" "))))
    }
  })

  it("refuses completions for an unknown shell", () => {
    for (const line of ["--completions csh", "send --completions=csh"]) {
      const refused = Arguments.builtInsFirst(line.split(" "))
      assert.deepStrictEqual(refused, Either.left('--completions: "csh" is not one of sh, bash, fish, zsh'))
    }
  })
})
