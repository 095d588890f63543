import { assert, describe, it } from "@effect/vitest"
import { Answers, type AnswersOptions } from "../../src/client/Answers.js"

const make = (options: Partial<AnswersOptions> = {}) =>
  new Answers({ recipients: ["bob", "carol"], lines: 1, quietMillis: Infinity, any: false, ...options })

describe("Answers", () => {
  it("are complete when every recipient has answered", () => {
    const answers = make()
    assert.deepStrictEqual([answers.take("bob", 0), answers.isComplete, answers.missing], [true, false, ["carol"]])
    assert.isFalse(answers.take("dave", 1))
    assert.deepStrictEqual([answers.take("carol", 2), answers.isComplete, answers.isEnough], [true, true, true])
  })

  it("do not contain what follows a complete answer", () => {
    const answers = make({ lines: 2 })
    assert.deepStrictEqual(
      [1, 2, 3].map((now) => answers.take("bob", now)),
      [true, true, false]
    )
    assert.isFalse(answers.isComplete)
  })

  it("need one recipient only, if any is enough, and then nothing else belongs to them", () => {
    const answers = make({ any: true, lines: 2 })
    answers.take("bob", 0)
    assert.isFalse(answers.isEnough)
    answers.take("bob", 1)
    assert.isTrue(answers.isEnough)
    assert.isFalse(answers.take("carol", 2))
  })

  it("are complete without those that the question did not reach, but not enough", () => {
    const answers = make()
    answers.take("bob", 0)
    answers.fail(["carol"])
    assert.deepStrictEqual([answers.isComplete, answers.isEnough, answers.hasFailed], [true, false, true])
    const none = make({ any: true })
    none.fail(["bob"])
    assert.isFalse(none.isComplete)
    none.fail(["carol"])
    assert.deepStrictEqual([none.isComplete, none.isEnough], [true, false])
  })

  it("prove that the question arrived, whatever its outcome", () => {
    const answers = make({ recipients: ["bob"], lines: 2 })
    answers.take("bob", 0)
    answers.fail(["bob"])
    assert.deepStrictEqual([answers.hasFailed, answers.missing, answers.hasBegun("bob")], [false, ["bob"], true])
  })

  it("end when no line has come for the quiet time, each on its own", () => {
    const answers = make({ lines: Infinity, quietMillis: 100 })
    assert.isUndefined(answers.quietLeft(0))
    answers.take("bob", 0)
    answers.take("carol", 60)
    assert.strictEqual(answers.quietLeft(60), 40)
    answers.endQuiet(99)
    assert.deepStrictEqual(answers.missing, ["bob", "carol"])
    answers.endQuiet(100)
    assert.deepStrictEqual([answers.missing, answers.quietLeft(100)], [["carol"], 60])
    assert.isFalse(answers.take("bob", 110))
    answers.endQuiet(160)
    assert.isTrue(answers.isEnough)
  })

  it("keep waiting for a recipient that has said nothing, however quiet it is", () => {
    const answers = make({ lines: Infinity, quietMillis: 100 })
    answers.endQuiet(10_000)
    assert.deepStrictEqual(answers.missing, ["bob", "carol"])
  })
})
