import { assert, describe, it } from "@effect/vitest"
import { AnswerLines } from "../../src/client/AnswerLines.js"

const say = (bytes: string | Buffer, maxBytes = 100) => {
  const answerLines = new AnswerLines(maxBytes)
  const lines = [...answerLines.push(Buffer.from(bytes)), ...answerLines.end()]
  return { lines, replaced: answerLines.replaced, tooLong: answerLines.tooLong }
}

describe("AnswerLines", () => {
  it("splits output into lines, including a last one without a terminator", () => {
    assert.deepStrictEqual(say("one\n\ntwo\r\nthree"), { lines: ["one", "", "two", "three"], replaced: 0, tooLong: 0 })
    assert.deepStrictEqual(say("").lines, [])
    assert.deepStrictEqual(say("\tgrüße 👨‍👩‍👧\n").lines, ["\tgrüße 👨‍👩‍👧"])
  })

  it("escapes control characters and bytes that are not UTF-8, and changes no other line", () => {
    const { lines, replaced } = say(Buffer.from("good\n\x1b[31mred\x7f\ra\nb\xffd\nc\xc2\x85\n", "latin1"))
    assert.deepStrictEqual(lines, ["good", "\\x1b[31mred\\x7f\\x0da", "b\ufffdd", "c\\x85"])
    assert.strictEqual(replaced, 3)
  })

  it("passes a line at the limit, and replaces a longer one with a notice", () => {
    assert.deepStrictEqual(say(`${"x".repeat(10)}\n`, 10).lines, ["x".repeat(10)])
    const { lines, tooLong } = say(`${"x".repeat(11)}\nnext\n`, 10)
    assert.deepStrictEqual(lines, ["(a line of more than 10 bytes was left out)", "next"])
    assert.strictEqual(tooLong, 1)
  })

  it("leaves out a line that is too long once it is escaped", () => {
    assert.deepStrictEqual(say(`${"\x01".repeat(10)}\n`, 39).tooLong, 1)
    assert.deepStrictEqual(say(`${"\x01".repeat(10)}\n`, 40).tooLong, 0)
  })

  it("gives the same lines however the input is split", () => {
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
