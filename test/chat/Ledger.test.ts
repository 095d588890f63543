import { describe, it } from "@effect/vitest"
import { assert } from "vitest"
import { Ledger } from "../../src/chat/Ledger.js"

describe("Ledger", () => {
  it("starts empty", () => {
    assert.deepStrictEqual(new Ledger().snapshot(), {
      accepted: 0,
      written: 0,
      received: 0,
      stored: 0,
      returned: 0,
      dead: 0,
      inFlight: 0
    })
  })

  it("counts pairs as in flight that are neither written nor returned nor dead", () => {
    const ledger = new Ledger()
    ledger.accepted += 10
    ledger.settled.written += 4
    ledger.settled.returned += 3
    ledger.settled.dead += 1
    const before = ledger.snapshot()
    ledger.settled.written += 2
    assert.deepStrictEqual(
      before,
      { accepted: 10, written: 4, received: 0, stored: 0, returned: 3, dead: 1, inFlight: 2 },
      "a copy"
    )
    assert.strictEqual(ledger.snapshot().inFlight, 0)
  })
})
