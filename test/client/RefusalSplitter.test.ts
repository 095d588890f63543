import { assert, describe, it } from "@effect/vitest"
import { RefusalSplitter, type Part } from "../../src/client/RefusalSplitter.js"

const split = (chunks: ReadonlyArray<string>, replace?: (line: string) => string | undefined) => {
  const splitter = new RefusalSplitter(replace)
  const sides = { output: "", refusals: "" }
  const take = ({ bytes, refused }: Part) => {
    sides[refused ? "refusals" : "output"] += bytes.toString()
  }
  for (const chunk of chunks) splitter.push(Buffer.from(chunk)).forEach(take)
  splitter.end().forEach(take)
  return { ...sides, refused: splitter.refused, lastOwnLine: splitter.lastOwnLine }
}

/** A text as one chunk, as two and as three, cut everywhere. */
const cuts = function* (text: string) {
  for (let cut = 0; cut <= text.length; cut++) {
    for (let next = cut; next <= text.length; next++) {
      yield [text.slice(0, cut), text.slice(cut, next), text.slice(next)]
    }
  }
}

const text = "from a: 1\n! no b: x\n\n! no c: y\n* pong: !\n from !\nfrom a: ! z\n! last"

describe("RefusalSplitter", () => {
  it("separates refusals from the rest wherever the stream is cut", () => {
    const expected = {
      output: "from a: 1\n\n* pong: !\n from !\nfrom a: ! z\n",
      refusals: "! no b: x\n! no c: y\n! last",
      refused: true,
      lastOwnLine: ""
    }
    for (const chunks of cuts(text)) assert.deepStrictEqual(split(chunks), expected, JSON.stringify(chunks))
  })

  it("replaces lines of the server's own wherever the stream is cut", () => {
    const replacements = new Map([
      ["* pong: !", ""],
      ["! no c: y", "! no d: z\n"]
    ])
    const expected = {
      output: "from a: 1\n\n from !\nfrom a: ! z\n",
      refusals: "! no b: x\n! no d: z\n! last",
      refused: true,
      lastOwnLine: ""
    }
    for (const chunks of cuts(text))
      assert.deepStrictEqual(
        split(chunks, (line) => replacements.get(line)),
        expected,
        JSON.stringify(chunks)
      )
  })

  it("counts no refusal that was replaced by nothing", () => {
    assert.deepStrictEqual(
      split(["! no: x\n"], () => ""),
      { output: "", refusals: "", refused: false, lastOwnLine: "" }
    )
  })

  it("hands a chunk without a refusal on as it is", () => {
    const chunk = Buffer.from("from a: hi!\nfrom a: !\n")
    const [part] = new RefusalSplitter().push(chunk)
    assert.strictEqual(part?.bytes.buffer, chunk.buffer)
    assert.isFalse(part?.refused)
  })

  it("keeps the last line if it is the server's own, whole, and not long", () => {
    const long = `* ${"x".repeat(509)}\n`
    assert.strictEqual(split(["from a: 1\r\n* bye: x\r\n"]).lastOwnLine, "* bye: x")
    assert.strictEqual(split(["* bye: x\nfrom a: 1\n"]).lastOwnLine, "")
    assert.strictEqual(split(["* bye: x"]).lastOwnLine, "")
    assert.strictEqual(split([""]).lastOwnLine, "")
    assert.strictEqual(split([long]).lastOwnLine, long.trim())
    assert.strictEqual(split([`x${long}`]).lastOwnLine, "")
    assert.strictEqual(split([long.replace("\n", "x\n")]).lastOwnLine, "")
  })

  it("passes a long line of the server's own on before its end, without offering it for replacement", () => {
    const seen: Array<string> = []
    const line = `! ${"x".repeat(600)}`
    const splitter = new RefusalSplitter((one) => void seen.push(one))
    assert.deepStrictEqual(splitter.push(Buffer.from(line.slice(0, 512))), [])
    const [part] = splitter.push(Buffer.from(line.slice(512)))
    assert.deepStrictEqual(part, { refused: true, bytes: Buffer.from(line), messages: 0 })
    assert.deepStrictEqual(splitter.push(Buffer.from("x\n")), [
      { refused: true, bytes: Buffer.from("x\n"), messages: 0 }
    ])
    assert.deepStrictEqual(seen, [])
  })
})
