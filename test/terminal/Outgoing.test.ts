import { assert, describe, it } from "@effect/vitest"
import type { MessageFate } from "../../src/client/Client.js"
import { Outgoing } from "../../src/terminal/Outgoing.js"

const written = (...names: ReadonlyArray<string>): MessageFate => ({ _tag: "Written", names })
const unknown = (...names: ReadonlyArray<string>): MessageFate => ({ _tag: "Unknown", names })

/** Three messages to bob and carol, the first `taken` of which were sent. */
const three = (taken: number) => {
  const outgoing = new Outgoing()
  for (const text of ["one", "two", "three"]) outgoing.add(["bob", "carol"], text)
  const ids = Array.from({ length: taken }, () => outgoing.take()?.id ?? 0)
  return { outgoing, ids }
}

const texts = (outgoing: Outgoing) => {
  const taken: Array<string> = []
  for (let next = outgoing.take(); next !== undefined; next = outgoing.take())
    taken.push(`${next.to.join()}: ${next.text}`)
  return taken
}

describe("Outgoing", () => {
  it("sends in the order typed, including messages typed meanwhile", () => {
    const { outgoing } = three(1)
    outgoing.add(["bob"], "four")
    assert.deepStrictEqual(texts(outgoing), ["bob,carol: two", "bob,carol: three", "bob: four"])
    assert.deepStrictEqual(
      outgoing.all.map(({ phase }) => phase),
      ["sent", "sent", "sent", "sent"]
    )
  })

  it("sends a message that was put back before those typed after it", () => {
    const { ids, outgoing } = three(2)
    outgoing.add(["bob"], "four")
    for (const id of ids.toReversed()) outgoing.putBack(id)
    assert.deepStrictEqual(texts(outgoing), ["bob,carol: one", "bob,carol: two", "bob,carol: three", "bob: four"])
  })

  it("puts back in the order typed, after messages that are sent again and before those never sent", () => {
    const { ids, outgoing } = three(1)
    outgoing.lose()
    const next = outgoing.take()?.id ?? 0
    outgoing.resend()
    outgoing.putBack(next)
    outgoing.putBack(next)
    assert.strictEqual(outgoing.take()?.id, ids[0])
    assert.deepStrictEqual(texts(outgoing), ["bob,carol: two", "bob,carol: three"])
  })

  it("holds messages to those who are expected back, and all later messages to their recipients", () => {
    const expected = new Set(["bob", "carol"])
    const outgoing = new Outgoing((name) => expected.has(name))
    outgoing.add(["bob"], "one")
    outgoing.add(["dave", "carol"], "two")
    outgoing.add(["dave"], "three")
    outgoing.add(["erin"], "four")
    assert.deepStrictEqual(texts(outgoing), ["erin: four"])
    assert.isFalse(outgoing.release())
    assert.isTrue(outgoing.isHeld(["dave"]))
    expected.delete("bob")
    assert.isTrue(outgoing.release())
    outgoing.add(["bob"], "five")
    assert.deepStrictEqual(texts(outgoing), ["bob: one", "bob: five"])
    expected.delete("carol")
    assert.isTrue(outgoing.release())
    assert.isFalse(outgoing.isHeld(["dave"]))
    assert.deepStrictEqual(texts(outgoing), ["dave,carol: two", "dave: three"])
    assert.isFalse(outgoing.release())
  })

  it("sends held messages in the order typed among those that are sent again", () => {
    const expected = new Set<string>()
    const outgoing = new Outgoing((name) => expected.has(name))
    outgoing.add(["bob"], "one")
    outgoing.take()
    outgoing.lose()
    expected.add("bob")
    outgoing.add(["bob"], "two")
    assert.deepStrictEqual(texts(outgoing), [])
    outgoing.resend()
    assert.deepStrictEqual(texts(outgoing), [])
    expected.clear()
    assert.isTrue(outgoing.release())
    assert.deepStrictEqual(texts(outgoing), ["bob: one", "bob: two"])
  })

  it("puts back and settles in constant time, however many messages wait", () => {
    const outgoing = new Outgoing()
    const all = Array.from({ length: 40_000 }, (_, index) => `${index}`)
    for (const text of all) outgoing.add(["bob"], text)
    const ids = all.map(() => outgoing.take()?.id ?? 0)
    for (const id of ids) outgoing.putBack(id)
    assert.strictEqual(outgoing.count("waiting"), all.length)
    for (const text of all) {
      const next = outgoing.take()
      assert.strictEqual(next?.text, text)
      outgoing.settle(next?.id ?? 0, [written("bob")])
      assert.strictEqual(outgoing.count("waiting"), outgoing.size)
    }
    assert.strictEqual(outgoing.size, 0)
  })

  it("forgets a settled message, and returns its outcomes", () => {
    const { ids, outgoing } = three(3)
    const fates = [
      written("bob"),
      { _tag: "Returned", names: ["carol"], reason: "offline", retryMillis: undefined, text: "" } as const
    ]
    assert.deepStrictEqual(outgoing.settle(ids[1] ?? 0, fates), { to: ["bob", "carol"], text: "two", fates })
    assert.deepStrictEqual(
      outgoing.all.map(({ text }) => text),
      ["one", "three"]
    )
    assert.strictEqual(outgoing.settle(ids[1] ?? 0, fates), undefined)
  })

  it("keeps recipients with unknown outcomes, and sends again to them only", () => {
    const { ids, outgoing } = three(2)
    const settled = outgoing.settle(ids[0] ?? 0, [written("bob"), unknown("carol")])
    assert.deepStrictEqual(settled, { to: ["bob"], text: "one", fates: [written("bob")] })
    assert.strictEqual(outgoing.settle(ids[1] ?? 0, [unknown("bob", "carol")]), undefined)
    assert.strictEqual(outgoing.count("unknown"), 2)
    outgoing.resend()
    assert.deepStrictEqual(texts(outgoing), ["carol: one", "bob,carol: two", "bob,carol: three"])
  })

  it("drops messages with unknown outcomes, and no others", () => {
    const { outgoing } = three(2)
    outgoing.lose()
    assert.deepStrictEqual(
      outgoing.drop().map(({ text }) => text),
      ["one", "two"]
    )
    assert.deepStrictEqual(texts(outgoing), ["bob,carol: three"])
    assert.deepStrictEqual(outgoing.drop(), [])
  })

  it("returns the oldest first", () => {
    const { outgoing } = three(1)
    assert.deepStrictEqual(
      outgoing.first(2).map(({ phase, text }) => [phase, text]),
      [
        ["sent", "one"],
        ["waiting", "two"]
      ]
    )
    assert.strictEqual(outgoing.size, 3)
  })
})
