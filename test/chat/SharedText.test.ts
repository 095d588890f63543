import { assert, describe, it } from "@effect/vitest"
import { SharedText } from "../../src/chat/SharedText.js"

describe("SharedText", () => {
  it("comes after whatever a recipient has before it", () => {
    const shared = new SharedText("two\n")
    for (const before of ["", "one\n", "one\n", "ein\n", "", "one\n"]) {
      assert.strictEqual(shared.after(before), `${before}two\n`)
    }
  })
})
