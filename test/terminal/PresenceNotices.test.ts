import { assert, describe, it } from "@effect/vitest"
import { PresenceNotices } from "../../src/terminal/PresenceNotices.js"

describe("PresenceNotices", () => {
  it("summarises who joined and left, without users who soon left again or returned", () => {
    const presence = new PresenceNotices(4_000)
    presence.joined("bob", 0)
    presence.left("carol", 100)
    presence.joined("dave", 200)
    presence.left("dave", 4_199)
    presence.left("erin", 300)
    presence.joined("erin", 400)
    assert.strictEqual(presence.takeSettled(4_100), "bob joined; carol left")
    assert.isTrue(presence.isEmpty)
    assert.strictEqual(presence.takeSettled(9_000), "")
  })

  it("shows a user only after a while", () => {
    const presence = new PresenceNotices(4_000)
    presence.joined("bob", 0)
    presence.joined("carol", 2_000)
    presence.joined("dave", 2_001)
    assert.strictEqual(presence.takeSettled(3_999), "")
    assert.strictEqual(presence.takeSettled(4_000), "bob, carol joined")
    assert.strictEqual(presence.takeSettled(6_000), "")
    assert.strictEqual(presence.takeSettled(6_001), "dave joined")
  })

  it("does not show a user who writes at once, as scripts do, but one who leaves later", () => {
    const presence = new PresenceNotices(4_000)
    presence.joined("script", 0)
    presence.wrote("script")
    presence.left("script", 500)
    presence.joined("bob", 0)
    presence.wrote("bob")
    assert.strictEqual(presence.takeAll(), "")
    presence.left("bob", 5_000)
    presence.wrote("bob")
    assert.strictEqual(presence.takeSettled(9_000), "bob left")
  })

  it("shows all at once", () => {
    const presence = new PresenceNotices(4_000)
    for (const name of ["bob", "carol"]) presence.joined(name, 0)
    presence.left("dave", 0)
    assert.strictEqual(presence.takeAll(), "bob, carol joined; dave left")
  })

  it("shows a user who leaves after a longer stay, even if the arrival has not been shown", () => {
    const presence = new PresenceNotices(4_000)
    presence.joined("bob", 0)
    presence.left("bob", 5_000)
    assert.strictEqual(presence.takeSettled(9_000), "bob left")
  })

  it("names only the first few of many", () => {
    const presence = new PresenceNotices(0)
    for (let index = 0; index < 100; index++) presence.joined(`n${index}`, 0)
    assert.strictEqual(presence.takeAll(), "n0, n1, n2, n3, n4, n5, n6, n7 and 92 more joined")
  })
})
