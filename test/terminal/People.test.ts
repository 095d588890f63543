import { assert, describe, it } from "@effect/vitest"
import { People } from "../../src/terminal/People.js"

describe("People", () => {
  it("lists present users first, the most recent contacts before others, without the user", () => {
    const people = new People("alice")
    people.listed(["alice", "zoe", "bob", "carol"])
    people.addressed(["bob", "dave"])
    people.wrote("carol")
    people.wrote("alice")
    assert.deepStrictEqual(people.names, ["carol", "bob", "zoe", "dave"])
    assert.strictEqual(people.lastSender, "carol")
    people.left("carol")
    assert.deepStrictEqual(people.names, ["bob", "zoe", "carol", "dave"])
  })

  it("remembers the other recipients of the last message from someone else, for a reply to all", () => {
    const people = new People("alice")
    people.wrote("bob", ["carol", "alice", "bob", "dave"])
    people.wrote("alice", ["erin"])
    assert.deepStrictEqual([people.lastSender, people.lastOthers], ["bob", ["carol", "dave"]])
    people.wrote("erin")
    assert.deepStrictEqual([people.lastSender, people.lastOthers], ["erin", []])
  })

  it("counts a sender as present, whatever notice comes later", () => {
    const people = new People("alice")
    people.wrote("bob")
    assert.isFalse(people.joined("bob"))
    assert.isTrue(people.left("bob"))
    assert.isTrue(people.isKnown("bob"))
    assert.isFalse(people.isKnown("carol"))
  })

  it("expects back those who were present when the connection ended, until each is seen", () => {
    const people = new People("alice")
    people.listed(["alice", "bob", "carol", "dave", "erin"])
    people.left("erin")
    people.ending()
    people.left("dave")
    people.ended()
    const expected = () => ["alice", "bob", "carol", "dave", "erin"].filter((name) => people.isExpected(name))
    assert.deepStrictEqual(expected(), ["bob", "carol", "dave"])
    people.listed(["alice", "bob"])
    assert.deepStrictEqual(expected(), ["carol", "dave"])
    people.joined("carol")
    people.wrote("dave")
    assert.deepStrictEqual(expected(), [])
    people.ended()
    people.expectNoOne()
    assert.deepStrictEqual(expected(), [])
  })

  it("forgets contacts of long ago", () => {
    const people = new People("alice")
    for (let index = 0; index < 1_001; index++) people.addressed([`n${index}`])
    assert.deepStrictEqual([people.isKnown("n0"), people.isKnown("n1")], [false, true])
  })

  it("ignores a name, and stops ignoring it", () => {
    const people = new People("alice")
    assert.isTrue(people.toggleIgnored("bob"))
    assert.isTrue(people.isIgnored("bob"))
    assert.deepStrictEqual(people.ignoredNames, ["bob"])
    assert.isFalse(people.toggleIgnored("bob"))
    assert.isFalse(people.isIgnored("bob"))
  })

  it("remembers who was here, and which names the server did not know", () => {
    const people = new People("alice")
    people.listed(["alice", "bob", "carol"])
    people.listed(["alice", "bob"])
    people.left("bob")
    people.addressed(["TODO", "zoe"])
    people.missed(["TODO"])
    const names = ["alice", "bob", "carol", "TODO", "zoe", "nobody"]
    assert.deepStrictEqual(
      names.filter((name) => people.mayExist(name)),
      ["alice", "bob", "carol", "zoe"]
    )
  })

  it("lists the members of a room before others, without the user", () => {
    const people = new People("alice")
    people.listed(["alice", "zoe", "bob", "carol"])
    people.speak("carol")
    assert.deepStrictEqual(people.namesWith(["zoe", "alice", "dave"]), ["zoe", "dave", "carol", "bob"])
    assert.deepStrictEqual(people.namesWith([]), people.names)
  })
})
