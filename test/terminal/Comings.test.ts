import { assert, describe, it } from "@effect/vitest"
import { Comings } from "../../src/terminal/Comings.js"

describe("Comings", () => {
  it("says of each what it comes to", () => {
    const comings = new Comings()
    comings.joined("bob")
    comings.left("carol")
    comings.joined("dave")
    comings.left("dave")
    comings.left("erin")
    comings.joined("erin")
    assert.isTrue(comings.has("dave"))
    assert.strictEqual(comings.tell(), "bob joined; erin came back; dave came and went; carol left")
    assert.isTrue(comings.isEmpty)
    assert.strictEqual(comings.tell(), "")
  })

  it("names a few of a crowd", () => {
    const comings = new Comings()
    for (let index = 0; index < 100; index++) comings.joined(`n${index}`)
    assert.strictEqual(comings.tell(), "n0, n1, n2, n3, n4, n5, n6, n7 and 92 more joined")
  })
})
