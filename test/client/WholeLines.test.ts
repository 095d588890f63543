import { assert, describe, it } from "@effect/vitest"
import { WholeLines } from "../../src/client/WholeLines.js"
import { cpuMillis } from "../support/CpuTime.js"

const pass = (chunks: ReadonlyArray<string>) => {
  const lines = new WholeLines()
  const passed = chunks.map((chunk) => Buffer.concat(lines.push(Buffer.from(chunk, "latin1"))).toString("latin1"))
  return { passed, text: passed.join(""), isCut: lines.isCut }
}

describe("WholeLines", () => {
  it("passes on whole lines as soon as they have arrived, wherever the stream is cut", () => {
    const text = "one\n\ntwo\nthr"
    for (let cut = 0; cut <= text.length; cut++) {
      for (let next = cut; next <= text.length; next++) {
        const chunks = [text.slice(0, cut), text.slice(cut, next), text.slice(next)]
        const { isCut, passed, text: all } = pass(chunks)
        assert.strictEqual(all, "one\n\ntwo\n", JSON.stringify(chunks))
        assert.isTrue(isCut)
        assert.strictEqual(passed[0], text.slice(0, text.lastIndexOf("\n", cut - 1) + 1).slice(0, cut))
      }
    }
  })

  it("knows that a stream of whole lines is not cut", () => {
    for (const chunks of [[], [""], ["one\n"], ["o", "ne", "\n"], ["one\ntw", "o\n"]]) {
      assert.isFalse(pass(chunks).isCut, JSON.stringify(chunks))
    }
  })

  it("hands on a read of whole lines as it is", () => {
    const read = Buffer.from("one\ntwo\n")
    assert.strictEqual(new WholeLines().push(read)[0], read)
  })

  const chunk = "x".repeat(65_536)
  const chunks = (count: number) => Array.from({ length: count }, () => chunk)

  it("holds a line of 2 MiB back", () => {
    const { passed } = pass([...chunks(32), "\n"])
    assert.deepStrictEqual(passed.slice(0, -1).join(""), "")
    assert.strictEqual(passed.at(-1)?.length, 32 * 65_536 + 1)
  })

  it("passes a longer line on before its end, and holds the next one back again", () => {
    const { isCut, passed } = pass([...chunks(33), "y", "\nab", "c", "\n"])
    assert.deepStrictEqual(
      passed.map(({ length }) => length),
      [...Array.from({ length: 32 }, () => 0), 33 * 65_536, 1, 1, 0, 4]
    )
    assert.isFalse(isCut)
    assert.isTrue(pass([...chunks(33), "y"]).isCut)
  })

  it("takes linear time for a line that arrives byte by byte", () => {
    const lines = new WholeLines()
    const byte = Buffer.from("x")
    const millis = cpuMillis(() => {
      for (let at = 0; at < 1_000_000; at++) lines.push(byte)
    })
    assert.isBelow(millis, 5_000)
  })
})
