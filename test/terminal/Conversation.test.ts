import { assert, describe, it } from "@effect/vitest"
import type { MessageFate } from "../../src/client/Client.js"
import { Conversation } from "../../src/terminal/Conversation.js"

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
  const conversation = new Conversation()
  conversation.turn(["bob"])
  conversation.settle(["bob"], [written("bob")])
  conversation.turn(others)
  return conversation
}

describe("Conversation", () => {
  it("returns to the one before when no one is there", () => {
    const conversation = withBob("TODO")
    assert.isTrue(conversation.settle(["TODO"], [offline("TODO")]))
    conversation.back()
    assert.deepStrictEqual(conversation.to, ["bob"])
  })

  it("returns to the last one of which someone was there", () => {
    const conversation = withBob("TODO")
    conversation.turn(["FIXME", "XXX"])
    assert.isFalse(conversation.settle(["TODO"], [offline("TODO")]))
    assert.isTrue(conversation.settle(["XXX", "FIXME"], [offline("FIXME"), offline("XXX")]))
    conversation.back()
    assert.deepStrictEqual(conversation.to, ["bob"])
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
    const conversation = new Conversation()
    conversation.turn(["bob"])
    conversation.turn(["TODO"])
    conversation.settle(["bob"], [written("bob")])
    assert.isTrue(conversation.settle(["TODO"], [offline("TODO")]))
    conversation.back()
    assert.deepStrictEqual(conversation.to, ["bob"])
  })

  it("returns to no one if no one was there before", () => {
    const conversation = new Conversation()
    conversation.turn(["bob"])
    assert.isTrue(conversation.settle(["bob"], [offline("bob")]))
    conversation.back()
    conversation.back()
    assert.deepStrictEqual(conversation.to, [])
  })
})
