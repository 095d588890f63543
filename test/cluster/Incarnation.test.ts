import { assert, describe, it } from "vitest"
import * as Incarnation from "../../src/cluster/Incarnation.js"

const half = () => 0.5

describe("Incarnation", () => {
  it("grows, whatever the clock says", () => {
    const first = Incarnation.after(undefined, 1_700_000_000_000, half)
    assert.strictEqual(first, "018bcfe568008000")
    const second = Incarnation.after(first, 5, () => 0)
    assert.strictEqual(second, "018bcfe568010000")
    assert.isTrue(second > first)
    assert.isTrue(Incarnation.after(second, 1_800_000_000_000, half) > second)
  })

  it("reads the lease that it writes, and nothing else", () => {
    for (const state of ["alive", "dead", "left"]) {
      const [isAlive, hasLeft] = [state === "alive", state === "left"]
      const lease = { incarnation: "018bcfe568008000", isAlive, hasLeft, termMillis: 6_000, version: 3 }
      assert.deepStrictEqual(Incarnation.parseLease(Incarnation.showLease(lease)), lease)
    }
    const first = Incarnation.parseLease("alive 018bcfe568008000 6000")
    assert.deepInclude(first, { isAlive: true, version: 0 })
    const later = Incarnation.parseLease("alive 018bcfe568008000 6000 7 and more")
    assert.deepInclude(later, { isAlive: true, version: 7 })
    for (const value of ["", "alive", "alive 1", "gone 018bcfe568008000"])
      assert.isUndefined(Incarnation.parseLease(value))
  })
})
