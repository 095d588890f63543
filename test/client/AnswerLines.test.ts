import { assert, describe, it } from "@effect/vitest"
import { AnswerLines } from "../../src/client/AnswerLines.js"

const say = (bytes: string | Buffer, maxBytes = 100) => {
  const answerLines = new AnswerLines(maxBytes)
  const lines = [...answerLines.push(Buffer.from(bytes)), ...answerLines.end()]
  return { lines, replaced: answerLines.replaced, tooLong: answerLines.tooLong }
}

describe("AnswerLines", () => {
  it("cuts lines, the last one without its end among them", () => {
    assert.deepStrictEqual(say("one\n\ntwo\r\nthree"), { lines: ["one", "", "two", "three"], replaced: 0, tooLong: 0 })
    assert.deepStrictEqual(say("").lines, [])
    assert.deepStrictEqual(say("\tgrüße 👨‍👩‍👧\n").lines, ["\tgrüße 👨‍👩‍👧"])
  })

  it("shows control characters and bytes that are not UTF-8, in their lines alone", () => {
    const { lines, replaced } = say(Buffer.from("good\n\x1b[31mred\x7f\ra\nb\xffd\nc\xc2\x85\n", "latin1"))
    assert.deepStrictEqual(lines, ["good", "\\x1b[31mred\\x7f\\x0da", "b\ufffdd", "c\\x85"])
    assert.strictEqual(replaced, 3)
  })

  it("takes a line at the limit, and says that a longer one was left out", () => {
    assert.deepStrictEqual(say(`${"x".repeat(10)}\n`, 10).lines, ["x".repeat(10)])
    const { lines, tooLong } = say(`${"x".repeat(11)}\nnext\n`, 10)
    assert.deepStrictEqual(lines, ["(a line of more than 10 bytes was left out)", "next"])
    assert.strictEqual(tooLong, 1)
  })

  it("leaves out a line that is too long as it is shown", () => {
    assert.deepStrictEqual(say(`${"\x01".repeat(10)}\n`, 39).tooLong, 1)
    assert.deepStrictEqual(say(`${"\x01".repeat(10)}\n`, 40).tooLong, 0)
  })

  it("gives the same for every way to cut the input", () => {
    const bytes = Buffer.from("one\ngrüße\r\n\x1b[0m\xff\n", "utf8")
    const whole = say(bytes).lines
    for (let at = 0; at <= bytes.length; at++) {
      const answerLines = new AnswerLines(100)
      const lines = [
        ...answerLines.push(bytes.subarray(0, at)),
        ...answerLines.push(bytes.subarray(at)),
        ...answerLines.end()
      ]
      assert.deepStrictEqual(lines, whole)
    }
  })
})
