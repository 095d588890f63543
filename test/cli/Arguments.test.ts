import { assert, describe, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as Arguments from "../../src/cli/Arguments.js"

const first = (line: string) => Either.getOrThrow(Arguments.builtInsFirst(line === "" ? [] : line.split(" "))).join(" ")

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
    ["--log-level debug serve", "--log-level debug serve"]
  ]
  for (const [given, expected] of table) {
    it(`makes "${expected}" of "${given}"`, () => assert.strictEqual(first(given), expected))
  }

  it("refuses a log level that is none", () => {
    for (const line of ["serve --log-level bad", "serve --log-level=", "serve --log-level"]) {
      assert.isTrue(Either.isLeft(Arguments.builtInsFirst(line.split(" "))))
    }
  })
})
