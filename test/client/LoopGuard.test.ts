import { assert, describe, it } from "@effect/vitest"
import { LoopGuard } from "../../src/client/LoopGuard.js"

const make = (perSecond = 5) => {
  const logged: Array<string> = []
  const guard = new LoopGuard({ perSecond, log: (line) => logged.push(line) })
  const judge = (from: string, now: number, auto = false) =>
    guard.judge({ _tag: "Message", from, text: "hi", ...(auto ? { auto } : {}) }, now)
  return { guard, judge, logged }
}

const repeat = <A>(count: number, run: (index: number) => A) => Array.from({ length: count }, (_, index) => run(index))

describe("LoopGuard.judge", () => {
  it("ignores programs, and logs each of them once", () => {
    const { judge, logged } = make()
    for (const now of [0, 1, 100_000]) {
      assert.strictEqual(judge("bot", now, true), "Ignore")
      assert.strictEqual(judge("other", now, true), "Ignore")
      assert.strictEqual(judge("alice", now), "Answer")
    }
    assert.deepStrictEqual(logged, [
      "bot is a program, too; its messages are not answered",
      "other is a program, too; its messages are not answered"
    ])
  })

  it("answers a person with the name of an earlier program", () => {
    const { judge } = make()
    judge("bot", 0, true)
    assert.strictEqual(judge("bot", 1), "Answer")
  })

  it("answers a burst of four seconds' worth, and then nothing until the whole burst is available again", () => {
    const { judge, logged } = make(5)
    assert.deepStrictEqual(
      repeat(20, () => judge("old", 0)),
      repeat(20, () => "Answer")
    )
    assert.strictEqual(judge("old", 0), "Pause")
    assert.deepStrictEqual(
      repeat(40, (index) => judge("old", index * 99)),
      repeat(40, () => "Ignore")
    )
    assert.strictEqual(judge("old", 3_999), "Ignore")
    assert.deepStrictEqual(
      repeat(20, () => judge("old", 4_000)),
      repeat(20, () => "Answer")
    )
    assert.strictEqual(judge("old", 4_000), "Pause")
    assert.deepStrictEqual(
      logged,
      repeat(2, () => "old: more than 5 messages per second; not answered for 4 s")
    )
  })

  it("answers everything that keeps to the rate, for each sender", () => {
    const { judge, logged } = make(5)
    const verdicts = repeat(1_000, (index) => [judge("alice", index * 200), judge("bob", index * 200)]).flat()
    assert.deepStrictEqual([...new Set(verdicts)], ["Answer"])
    assert.deepStrictEqual(logged, [])
  })

  it("answers everything but programs with a rate of 0", () => {
    const { judge } = make(0)
    assert.deepStrictEqual([...new Set(repeat(10_000, () => judge("alice", 0)))], ["Answer"])
    assert.strictEqual(judge("bot", 0, true), "Ignore")
  })

  it("remembers the 10,000 senders that wrote last", () => {
    const { judge, logged } = make()
    judge("first", 0, true)
    judge("second", 0, true)
    for (let index = 0; index < 9_999; index++) judge(`n${index}`, 0)
    judge("first", 0, true)
    assert.strictEqual(logged.length, 3, "the first was forgotten")
    for (let index = 0; index < 9_998; index++) judge(`n${index}`, 0)
    judge("first", 0, true)
    assert.strictEqual(logged.length, 3, "it wrote after the others")
  })

  it("remembers the start of a name without end", () => {
    const { judge } = make(5)
    const name = "x".repeat(1_000_000)
    for (let index = 0; index < 20; index++) judge(`${name}${index}`, 0)
    assert.strictEqual(judge(name, 0), "Pause")
  })
})

describe("LoopGuard.mayRemark", () => {
  it("allows one remark to each sender per minute", () => {
    const { guard } = make()
    assert.isTrue(guard.mayRemark("alice", 1_000))
    assert.isFalse(guard.mayRemark("alice", 1_000))
    assert.isTrue(guard.mayRemark("bob", 1_000))
    assert.isFalse(guard.mayRemark("alice", 60_999))
    assert.isTrue(guard.mayRemark("alice", 61_000))
  })
})
