import { assert, describe, it } from "@effect/vitest"
import { PresenceNotices } from "../../src/terminal/PresenceNotices.js"

describe("PresenceNotices", () => {
  it("sums up what each user did", () => {
    const presence = new PresenceNotices()
    presence.joined("bob")
    presence.left("carol")
    presence.joined("dave")
    presence.left("dave")
    presence.left("erin")
    presence.joined("erin")
    assert.isTrue(presence.has("dave"))
    assert.strictEqual(presence.take(), "bob joined; erin came back; dave came and went; carol left")
    assert.isTrue(presence.isEmpty)
    assert.strictEqual(presence.take(), "")
  })

  it("names only the first few of many", () => {
    const presence = new PresenceNotices()
    for (let index = 0; index < 100; index++) presence.joined(`n${index}`)
    assert.strictEqual(presence.take(), "n0, n1, n2, n3, n4, n5, n6, n7 and 92 more joined")
  })
})
