import { assert, describe, it } from "@effect/vitest"
import { NumberedConversations, type LineKind } from "../../src/terminal/NumberedConversations.js"

/** A line in a conversation, stored a millisecond after the one before it. */
const line = (
  conversations: NumberedConversations,
  conversation: string,
  seq: number,
  kind: LineKind = "counted",
  { at = seq, isWithGuest = false } = {}
) => conversations.arrived({ conversation, seq, at, isWithGuest }, kind)

/** Alice is in two rooms, and bob has written to her. */
const three = () => {
  const conversations = new NumberedConversations()
  conversations.join({ name: "#ops", last: 10 })
  conversations.join({ name: "#dev", last: 0 })
  line(conversations, "bob", 1)
  return conversations
}

/** The unread lines by conversation, in the order shown. */
const unread = (conversations: NumberedConversations, inSight: ReadonlyArray<string> = []) =>
  conversations.unread((name) => inSight.includes(name)).map(({ name, unread }) => `${name} ${unread}`)

describe("NumberedConversations", () => {
  it("counts unread lines from the read mark of the account, each once", () => {
    const conversations = new NumberedConversations()
    conversations.learn({ name: "#ops", last: 12, read: 9 })
    assert.deepStrictEqual(unread(conversations), ["#ops 3"])
    // The device is given them after the list.
    for (const seq of [8, 9, 10, 11, 12]) line(conversations, "#ops", seq)
    assert.deepStrictEqual(unread(conversations), ["#ops 3"])
    assert.isTrue(line(conversations, "#ops", 13))
    assert.deepStrictEqual(unread(conversations), ["#ops 4"])
    // It has missed two during a break.
    conversations.learn({ name: "#ops", last: 15, read: 9 })
    assert.deepStrictEqual(unread(conversations), ["#ops 6"])
  })

  it("counts nothing that was in a room before the user joined", () => {
    const conversations = three()
    assert.deepStrictEqual(unread(conversations), ["bob 1"])
    line(conversations, "#ops", 11)
    assert.deepStrictEqual(unread(conversations), ["bob 1", "#ops 1"])
    // A guest joins again after a break.
    assert.isFalse(conversations.join({ name: "#ops", last: 14 }))
    assert.deepStrictEqual(unread(conversations), ["bob 1", "#ops 4"])
  })

  it("follows a read mark that another device has moved, and never back", () => {
    const conversations = three()
    for (const seq of [11, 12, 13]) line(conversations, "#ops", seq, "mention")
    assert.isTrue(conversations.readUpTo("#ops", 12))
    assert.deepStrictEqual(unread(conversations), ["#ops 1", "bob 1"])
    assert.isFalse(conversations.readUpTo("#ops", 11))
    assert.isTrue(conversations.readUpTo("#ops", 13))
    assert.deepStrictEqual(unread(conversations), ["bob 1"])
    assert.strictEqual(conversations.find("#ops")?.mentions, 0)
    assert.isFalse(conversations.readUpTo("#nowhere", 1))
  })

  it("counts neither the user's own lines, nor what came before them, nor ignored ones", () => {
    const conversations = three()
    line(conversations, "#ops", 11)
    assert.isFalse(line(conversations, "#ops", 12, "own"))
    assert.isFalse(line(conversations, "#dev", 1, "uncounted"))
    assert.deepStrictEqual(unread(conversations), ["bob 1"])
    assert.isTrue(line(conversations, "#dev", 2))
    assert.deepStrictEqual(unread(conversations), ["bob 1", "#dev 1"])
  })

  it("lists mentions first, then users, then rooms, and nothing that is in sight", () => {
    const conversations = three()
    line(conversations, "#ops", 11)
    line(conversations, "#dev", 1, "mention")
    assert.deepStrictEqual(unread(conversations), ["#dev 1", "bob 1", "#ops 1"])
    assert.deepStrictEqual(unread(conversations, ["bob", "#dev"]), ["#ops 1"])
  })

  it("lists a muted room only if someone mentions the user there", () => {
    const conversations = three()
    assert.isTrue(conversations.toggleMuted("#dev"))
    line(conversations, "#dev", 1)
    assert.deepStrictEqual(unread(conversations), ["bob 1"])
    line(conversations, "#dev", 2, "mention")
    assert.deepStrictEqual(unread(conversations), ["#dev 2", "bob 1"])
    assert.isFalse(conversations.toggleMuted("#dev"))
    conversations.readUpTo("#dev", 1)
    assert.deepStrictEqual(unread(conversations), ["#dev 1", "bob 1"])
  })

  it("keeps the numbers in the list, and appends what is new", () => {
    const conversations = three()
    conversations.learn({ name: "carol", last: 5, read: 5 })
    conversations.learn({ name: "#all", last: 0 })
    const listed = () => conversations.listed.map(({ name }) => name)
    assert.deepStrictEqual(listed(), ["#ops", "#dev", "bob", "#all"])
    assert.deepStrictEqual(conversations.names, ["#ops", "#dev", "bob", "#all", "carol"])
    assert.deepStrictEqual(conversations.rooms, ["#ops", "#dev", "#all"])
    conversations.enter("carol")
    assert.isTrue(conversations.leave("#dev"))
    assert.isFalse(conversations.leave("#dev"))
    assert.deepStrictEqual(listed(), ["#ops", "bob", "#all", "carol"])
  })

  it("goes around the list", () => {
    const conversations = three()
    assert.strictEqual(conversations.neighbour("bob", 1)?.name, "#ops")
    assert.strictEqual(conversations.neighbour("#ops", -1)?.name, "bob")
    assert.strictEqual(conversations.neighbour(undefined, 1)?.name, "#ops")
    assert.strictEqual(conversations.neighbour("nobody", -1)?.name, "bob")
    const one = new NumberedConversations()
    assert.isUndefined(one.neighbour(undefined, 1))
    one.enter("bob")
    assert.isUndefined(one.neighbour("bob", 1))
  })

  it("finds what the user means: a name, a number, a room without its mark, or the start of a name", () => {
    const conversations = three()
    conversations.learn({ name: "Deborah", last: 1, read: 1 })
    conversations.enter("3d")
    const meant = (typed: string) => conversations.meant(typed)?.name
    assert.deepStrictEqual(["#ops", "ops", "bob", "3"].map(meant), ["#ops", "#ops", "bob", "bob"])
    assert.deepStrictEqual(["2", "4", "3d"].map(meant), ["#dev", "3d", "3d"])
    assert.deepStrictEqual(["o", "#D", "DEB", "5", "x", "0"].map(meant), [
      "#ops",
      "#dev",
      "Deborah",
      undefined,
      undefined,
      undefined
    ])
  })

  it("takes a name with new numbers for another user", () => {
    const conversations = new NumberedConversations()
    line(conversations, "carol", 7, "counted", { isWithGuest: true })
    conversations.show("carol", 7, 7)
    conversations.readUpTo("carol", 7)
    assert.isTrue(line(conversations, "carol", 1, "counted", { at: 20 }))
    assert.strictEqual(conversations.find("carol")?.shown, 0)
    conversations.show("carol", 1, 1)
    conversations.readUpTo("carol", 1)
    // The operator has freed the name, and another account has it.
    assert.isTrue(line(conversations, "carol", 1, "counted", { at: 30 }))
    assert.deepStrictEqual(unread(conversations), ["carol 1"])
    // The same line again is none.
    conversations.readUpTo("carol", 1)
    assert.isFalse(line(conversations, "carol", 1, "counted", { at: 30 }))
  })

  it("forgets the numbers of another log, and keeps the list", () => {
    const conversations = three()
    line(conversations, "#ops", 11, "mention")
    conversations.useLog("one")
    line(conversations, "#ops", 12)
    conversations.useLog("one")
    assert.deepStrictEqual(unread(conversations), ["#ops 1"])
    conversations.useLog("other")
    assert.deepStrictEqual(unread(conversations), [])
    assert.isTrue(line(conversations, "#ops", 1, "counted", { at: 1 }))
    assert.deepStrictEqual(unread(conversations), ["#ops 1"])
  })

  it("knows which lines are in the scrollback since the user went there", () => {
    const conversations = three()
    conversations.show("#ops", 5, 8)
    conversations.show("#ops", 2, 4)
    const { first, shown } = conversations.find("#ops") ?? {}
    assert.deepStrictEqual([first, shown], [2, 8])
    conversations.enter("#ops")
    conversations.show("#ops", 9, 9)
    assert.deepStrictEqual([conversations.find("#ops")?.first, conversations.find("#ops")?.shown], [9, 9])
  })

  it("stays bounded, and keeps rooms, and unread lines for longer than others", () => {
    const conversations = three()
    conversations.enter("old")
    for (let at = 0; at < 2_000; at++) line(conversations, `n${at}`, 1)
    assert.strictEqual(conversations.names.length, 2_000)
    assert.deepStrictEqual(
      ["old", "#ops", "bob", "n1999"].map((name) => conversations.find(name) !== undefined),
      [false, true, false, true]
    )
  })
})
