import { assert, describe, it } from "@effect/vitest"
import { PresenceNotices } from "../../src/terminal/PresenceNotices.js"

describe("PresenceNotices", () => {
  it("says of each what it comes to", () => {
    const presence = new PresenceNotices()
    presence.joined("bob")
    presence.left("carol")
    presence.joined("dave")
    presence.left("dave")
    presence.left("erin")
    presence.joined("erin")
    assert.isTrue(presence.has("dave"))
    assert.strictEqual(presence.tell(), "bob joined; erin came back; dave came and went; carol left")
    assert.isTrue(presence.isEmpty)
    assert.strictEqual(presence.tell(), "")
  })

  it("names a few of a crowd", () => {
    const presence = new PresenceNotices()
    for (let index = 0; index < 100; index++) presence.joined(`n${index}`)
    assert.strictEqual(presence.tell(), "n0, n1, n2, n3, n4, n5, n6, n7 and 92 more joined")
  })
})
