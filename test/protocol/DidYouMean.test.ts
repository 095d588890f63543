import { assert, describe, it } from "@effect/vitest"
import { nearest } from "../../src/protocol/DidYouMean.js"

const words = ["rate", "port", "max-line", "max-recipients", "rate-per-address", "admin", "retry"]

describe("DidYouMean.nearest", () => {
  const table: ReadonlyArray<readonly [written: string, meant: string | undefined]> = [
    ["max_line", "max-line"],
    ["maxline", "max-line"],
    ["Max-Line", "max-line"],
    ["max-lnie", "max-line"],
    ["rates", "rate"],
    ["prot", "port"],
    ["retires", "retry"],
    ["retrys", "retry"],
    ["rtae", "rate"],
    ["tare", undefined],
    ["ratio", undefined],
    ["rate-per-adress", "rate-per-address"],
    ["speed", undefined],
    ["", undefined],
    ["max-recipients".repeat(1_000), undefined]
  ]
  for (const [written, meant] of table) {
    it(`returns ${meant ?? "nothing"} for ${written.slice(0, 20)}`, () =>
      assert.strictEqual(nearest(written, words), meant))
  }
})
