import { assert, describe, it } from "@effect/vitest"
import { Splitter } from "../../src/client/Splitter.js"

const split = (chunks: ReadonlyArray<string>) => {
  const splitter = new Splitter()
  const sides = { output: "", refusals: "" }
  for (const chunk of chunks) {
    for (const { bytes, refused } of splitter.push(Buffer.from(chunk))) {
      sides[refused ? "refusals" : "output"] += bytes.toString()
    }
  }
  return { ...sides, refused: splitter.refused, lastLine: splitter.lastLine }
}

const text = "from a: 1\n! no b: x\n\n! no c: y\n* pong: !\n from !\nfrom a: ! z\n! last"

describe("Splitter", () => {
  it("parts refusals from the rest wherever the stream is cut", () => {
    const expected = {
      output: "from a: 1\n\n* pong: !\n from !\nfrom a: ! z\n",
      refusals: "! no b: x\n! no c: y\n! last",
      refused: true,
      lastLine: "! last"
    }
    for (let cut = 0; cut <= text.length; cut++) {
      for (let next = cut; next <= text.length; next++) {
        const chunks = [text.slice(0, cut), text.slice(cut, next), text.slice(next)]
        assert.deepStrictEqual(split(chunks), expected, JSON.stringify(chunks))
      }
    }
  })

  it("hands a chunk without a refusal on as it is", () => {
    const chunk = Buffer.from("from a: hi!\nfrom a: !\n")
    const [part] = new Splitter().push(chunk)
    assert.strictEqual(part?.bytes.buffer, chunk.buffer)
    assert.isFalse(part?.refused)
  })

  it("tells the last line, unless it is long", () => {
    const long = `* ${"x".repeat(510)}`
    assert.strictEqual(split(["from a: 1\r\n* bye: x\r\n"]).lastLine, "* bye: x")
    assert.strictEqual(split([""]).lastLine, "")
    assert.strictEqual(split([long]).lastLine, long)
    assert.strictEqual(split([`${long}x`]).lastLine, "")
  })
})
