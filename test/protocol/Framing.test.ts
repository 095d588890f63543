import { describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { isUtf8 } from "node:buffer"
import { assert } from "vitest"
import { Framing, type Piece } from "../../src/protocol/Framing.js"
import { anyBytes, anyCut } from "../support/Arbitraries.js"
import { cpuMillis } from "../support/CpuTime.js"

const bytesOf = (text: string) => Buffer.from(text, "utf8")

/** The result of framing, whatever the reads: each line in its wire form without its terminator, or a mark. */
const linesOf = (pieces: ReadonlyArray<Piece>) =>
  pieces.flatMap((piece): ReadonlyArray<string | { readonly tooLong: true }> => {
    if (piece._tag === "TooLong") return [{ tooLong: true }]
    assert.isTrue(piece.text.endsWith("\n"), "a block ends with a whole line")
    return piece.text
      .slice(0, -1)
      .split("\n")
      .map((line) => line.replace(/\r$/, ""))
  })

const cut = (reads: ReadonlyArray<Uint8Array>, maxLineBytes: number) => {
  const framing = new Framing(maxLineBytes)
  return linesOf([...reads.flatMap((read) => framing.push(read)), ...framing.end()])
}

/** The same, directly from the definition. */
const reference = (bytes: Uint8Array, maxLineBytes: number) => {
  const lines = Buffer.from(bytes).toString("latin1").split("\n")
  if (lines.at(-1) === "") lines.pop()
  return lines
    .map((line) => line.replace(/\r$/, ""))
    .map((line) => (line.length > maxLineBytes ? { tooLong: true } : line))
}

/** The definition, line by line: UTF-8, and no control characters but TAB. */
const isClean = (block: Buffer) =>
  block
    .toString("latin1")
    .slice(0, -1)
    .split("\n")
    .map((line) => Buffer.from(line.replace(/\r$/, ""), "latin1"))
    // oxlint-disable-next-line no-control-regex
    .every((line) => isUtf8(line) && !/[\0-\x08\x0a-\x1f\x7f-\x9f]/.test(line.toString("utf8")))

/** `clean` of a block at some alignment in memory. */
const flagAt = (block: Buffer, offset: number) => {
  const memory = new Uint8Array(block.length + 8)
  memory.set(block, offset)
  const [piece, ...more] = new Framing(1_000_000).push(memory.subarray(offset, offset + block.length))
  assert.strictEqual(more.length, 0)
  return piece?._tag === "Lines" && piece.clean
}

const agrees = (block: Buffer) => {
  const expected = isClean(block)
  for (let offset = 0; offset < 5; offset++) {
    if (flagAt(block, offset) !== expected) assert.fail(`${block.toString("hex")} at ${offset}`)
  }
}

describe("Framing", () => {
  const inputs = {
    "plain lines": "alice\nbob: hi\n\n/who\n",
    "CRLF, and a CR that belongs to the line": "alice\r\nbob: a\rb\r\n\r\n\r\r\n",
    "characters of two, three and four bytes": "zoë\nbob: grüße €5 語 😀\n語: 😀\n",
    "a last line without its LF": "alice\nbob: hi",
    "a last line that ends in CR": "alice\nbob: hi\r",
    "lines one under, at, and over the limit of 16": `${"a".repeat(15)}\n${"b".repeat(16)}\n${"c".repeat(17)}\nd\n`,
    "the same with CRLF": `${"a".repeat(15)}\r\n${"b".repeat(16)}\r\n${"c".repeat(17)}\r\nd\r\n`,
    "a line over the limit between two others": `a\n${"語".repeat(20)}\nb\n`,
    "a line over the limit at the end": `a\n${"b".repeat(40)}`,
    "two in a row over the limit": `${"a".repeat(40)}\n${"b".repeat(40)}\nc\n`,
    "nothing but LF": "\n\n\n",
    nothing: ""
  }

  for (const [what, input] of Object.entries(inputs)) {
    it(`yields the same lines for every split: ${what}`, () => {
      const bytes = bytesOf(input)
      const expected = reference(bytes, 16)
      for (let first = 0; first <= bytes.length; first++) {
        for (let second = first; second <= bytes.length; second++) {
          const reads = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]
          const found = cut(
            reads.filter((read) => read.length > 0),
            16
          )
          assert.deepStrictEqual(found, expected, `cut at ${first} and ${second}`)
        }
      }
      const single = [...bytes].map((byte) => Uint8Array.of(byte))
      assert.deepStrictEqual(cut(single, 16), expected, "byte by byte")
    })
  }

  it("yields the same lines for any split of any bytes", () => {
    FastCheck.assert(
      FastCheck.property(
        anyBytes(300).chain((bytes) => FastCheck.tuple(FastCheck.constant(bytes), anyCut(bytes))),
        FastCheck.integer({ min: 1, max: 40 }),
        ([bytes, reads], maxLineBytes) => {
          const found = cut(
            reads.filter((read) => read.length > 0),
            maxLineBytes
          )
          assert.deepStrictEqual(found, reference(bytes, maxLineBytes))
        }
      ),
      { numRuns: 500 }
    )
  })

  it("ignores an empty read", () => {
    const framing = new Framing(100)
    assert.deepStrictEqual(framing.push(Buffer.alloc(0)), [])
    framing.push(bytesOf("bob: h"))
    assert.deepStrictEqual(framing.push(Buffer.alloc(0)), [])
    assert.deepStrictEqual(linesOf(framing.push(bytesOf("i\n"))), ["bob: hi"])
  })

  it("reports a line that is too long once, as soon as it exceeds the limit", () => {
    const framing = new Framing(16)
    assert.deepStrictEqual(framing.push(bytesOf("a".repeat(16))), [])
    assert.deepStrictEqual(framing.push(bytesOf("\r")), [], "it may be the CR of a CRLF")
    assert.deepStrictEqual(linesOf(framing.push(bytesOf("a"))), [{ tooLong: true }])
    assert.deepStrictEqual(framing.push(bytesOf("a".repeat(1000))), [])
    assert.deepStrictEqual(linesOf(framing.push(bytesOf("a\nb\n"))), ["b"])
    assert.deepStrictEqual(framing.end(), [])
  })

  it("reports the start of a line that is too long, wherever the reads end", () => {
    const line = bytesOf(`@${"k".repeat(32)} bob: ${"a".repeat(200)}\n`)
    for (let first = 1; first < line.length; first++) {
      for (const second of [first + 1, first + 20, line.length]) {
        const framing = new Framing(100)
        const reads = [line.subarray(0, first), line.subarray(first, second), line.subarray(second)]
        const pieces = reads.filter((read) => read.length > 0).flatMap((read) => framing.push(read))
        assert.deepStrictEqual(
          pieces,
          [{ _tag: "TooLong", start: `@${"k".repeat(32)} ` }],
          `cut at ${first} and ${second}`
        )
      }
    }
    assert.deepStrictEqual(new Framing(3).push(bytesOf("a: b\n")), [{ _tag: "TooLong", start: "a: b" }])
  })

  it("discards a line that is too long if the stream ends in it", () => {
    const framing = new Framing(16)
    assert.deepStrictEqual(linesOf(framing.push(bytesOf("a".repeat(17)))), [{ tooLong: true }])
    assert.deepStrictEqual(framing.end(), [])
  })

  it("keeps at most one line in memory, however long a line is and however it arrives", () => {
    const framing = new Framing(4_096)
    const kept = () => (Reflect.get(framing, "rest") as Buffer).length // its only state
    for (const size of [1, 7, 1_000, 4_095, 65_536]) {
      const read = Buffer.alloc(size, "a")
      let marks = 0
      for (let sent = 0; sent < 1_000_000; sent += Math.max(size, 100)) {
        marks += framing.push(read).length
        assert.isAtMost(kept(), 2 * 4_096)
      }
      assert.isAtMost(marks, 1)
      framing.push(bytesOf("\n"))
      assert.strictEqual(kept(), 0)
    }
  })

  it("splits a read into any number of pieces", () => {
    const framing = new Framing(1)
    framing.push(bytesOf("a"))
    assert.lengthOf(framing.push(bytesOf(`\n${"long\nb\n".repeat(200_000)}`)), 400_001)
  })

  it("processes a line that arrives byte by byte in linear time", () => {
    const framing = new Framing(1_000_000)
    const a = bytesOf("a")
    const millis = cpuMillis(() => {
      for (let i = 0; i < 1_000_000; i++) framing.push(a)
      assert.strictEqual(framing.push(bytesOf("\n"))[0]?._tag, "Lines")
    })
    assert.isBelow(millis, 3_000) // 100 ms; a quadratic copy takes minutes
  })

  describe("clean", () => {
    it("agrees with the definition for any bytes, at any alignment", () => {
      FastCheck.assert(
        FastCheck.property(anyBytes(12), (bytes) => agrees(Buffer.concat([bytes, bytesOf("\n")]))),
        { numRuns: 500 }
      )
    })

    it("agrees with the definition for each byte at each position of long blocks", () => {
      for (const length of [1, 3, 4, 62, 63, 64, 65, 66, 67, 68, 127, 128, 131]) {
        for (const what of [
          "\0",
          "\x08",
          "\t",
          "\x1f",
          " ",
          "~",
          "\x7f",
          "\r",
          "\u0080",
          "\u0085",
          "\u009f",
          "\u00a0",
          "ÿ",
          "€"
        ]) {
          const bytes = bytesOf(what)
          for (let at = 0; at + bytes.length <= length; at++) {
            const block = Buffer.alloc(length + 1, "a")
            bytes.copy(block, at)
            block[length] = 0x0a
            agrees(block)
          }
        }
      }
    })

    it("agrees with the definition for any three adjacent bytes", () => {
      const bytes = [0x00, 0x1f, 0x20, 0x09, 0x7e, 0x7f, 0x80, 0xc2, 0xa0, 0x0d, 0x0a]
      const block = Buffer.alloc(65, "a")
      block[64] = 0x0a
      for (const first of bytes)
        for (const second of bytes)
          for (const third of bytes) {
            block.set([first, second, third], 30)
            agrees(block)
          }
    })

    it("is the same for a line that arrives in two reads", () => {
      FastCheck.assert(
        FastCheck.property(anyBytes(100), FastCheck.nat(100), (bytes, at) => {
          const line = Buffer.from(bytes.filter((byte) => byte !== 0x0a))
          const framing = new Framing(1_000)
          const first = line.subarray(0, at)
          if (first.length > 0) framing.push(first)
          const pieces = framing.push(Buffer.concat([line.subarray(at), bytesOf("\n")]))
          assert.deepStrictEqual(
            pieces.map((piece) => piece._tag === "Lines" && piece.clean),
            [isClean(Buffer.concat([line, bytesOf("\n")]))]
          )
        })
      )
    })
  })
})
