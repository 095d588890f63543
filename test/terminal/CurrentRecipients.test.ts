import { assert, describe, it } from "@effect/vitest"
import type { MessageFate } from "../../src/client/Client.js"
import { CurrentRecipients } from "../../src/terminal/CurrentRecipients.js"

const offline = (...names: ReadonlyArray<string>): MessageFate => ({
  _tag: "Returned",
  names,
  reason: "offline",
  retryMillis: undefined,
  text: ""
})

const written = (...names: ReadonlyArray<string>): MessageFate => ({ _tag: "Written", names })

/** Talks to bob, and then names others. */
const withBob = (...others: ReadonlyArray<string>) => {
  const recipients = new CurrentRecipients()
  recipients.turn(["bob"])
  recipients.settle(["bob"], [written("bob")])
  recipients.turn(others)
  return recipients
}

describe("CurrentRecipients", () => {
  it("returns to the previous conversation when no one is there", () => {
    const recipients = withBob("TODO")
    assert.isTrue(recipients.settle(["TODO"], [offline("TODO")]))
    recipients.back()
    assert.deepStrictEqual(recipients.to, ["bob"])
  })

  it("returns to the last one of which someone was there", () => {
    const recipients = withBob("TODO")
    recipients.turn(["FIXME", "XXX"])
    assert.isFalse(recipients.settle(["TODO"], [offline("TODO")]))
    assert.isTrue(recipients.settle(["XXX", "FIXME"], [offline("FIXME"), offline("XXX")]))
    recipients.back()
    assert.deepStrictEqual(recipients.to, ["bob"])
  })

  it("stays if one of several is there, or none is reported as absent", () => {
    assert.isFalse(withBob("carol", "dave").settle(["carol", "dave"], [written("carol"), offline("dave")]))
    assert.isFalse(withBob("carol").settle(["carol"], [{ _tag: "Unknown", names: ["carol"] }]))
    assert.isFalse(withBob("carol").settle(["carol"], [{ ...offline("carol"), reason: "busy" } as MessageFate]))
  })

  it("stays with someone who was there and has left", () => {
    assert.isFalse(withBob("bob").settle(["bob"], [offline("bob")]))
  })

  it("returns to one whose outcome came later", () => {
    const recipients = new CurrentRecipients()
    recipients.turn(["bob"])
    recipients.turn(["TODO"])
    recipients.settle(["bob"], [written("bob")])
    assert.isTrue(recipients.settle(["TODO"], [offline("TODO")]))
    recipients.back()
    assert.deepStrictEqual(recipients.to, ["bob"])
  })

  it("returns to no one if no one was there before", () => {
    const recipients = new CurrentRecipients()
    recipients.turn(["bob"])
    assert.isTrue(recipients.settle(["bob"], [offline("bob")]))
    recipients.back()
    recipients.back()
    assert.deepStrictEqual(recipients.to, [])
  })

  it("returns from a room that is not there, or that the user is not in", () => {
    for (const reason of ["no-room", "not-member"]) {
      const recipients = withBob("#typo")
      assert.isTrue(recipients.settle(["#typo"], [{ ...offline("#typo"), reason } as MessageFate]))
    }
  })

  it("leaves a room for good, for the conversation before or for none", () => {
    const recipients = withBob("#ops")
    recipients.turn(["carol", "#ops"])
    recipients.turn(["#dev"])
    recipients.leave("#ops")
    assert.deepStrictEqual(recipients.to, ["#dev"])
    recipients.leave("#dev")
    assert.deepStrictEqual(recipients.to, ["bob"])
    const other = new CurrentRecipients()
    other.turn(["#ops"])
    other.leave("#ops")
    assert.deepStrictEqual(other.to, [])
  })
})
