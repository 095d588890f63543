import { describe, it } from "@effect/vitest"
import { assert } from "vitest"
import { Framing, type Piece } from "../../src/protocol/Framing.js"
import * as Line from "../../src/protocol/Line.js"
import * as Name from "../../src/protocol/Name.js"
import * as Wire from "../../src/protocol/Wire.js"
import { fuzz, same, hostile, hostileStream, inReads, malformed } from "../support/Fuzzing.js"
import * as ReferenceParser from "../support/ReferenceParser.js"

const maxRecipients = 3

const meaning = (parsed: Line.Line): ReferenceParser.Meaning => {
  switch (parsed._tag) {
    case "Message":
      return { to: parsed.recipients.map(Wire.decode), text: Wire.decode(parsed.text) }
    case "Command":
      return { command: Wire.decode(parsed.name), argument: Wire.decode(parsed.argument) }
    case "Mistake":
      return { mistake: parsed.reply(undefined).startsWith("! bad-line") ? "bad-line" : "too-many-recipients" }
  }
}

describe("the reference parser", () => {
  it("decodes and refuses the same bytes as TextDecoder", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const decoded = (wire: string) => {
      try {
        return strict.decode(Buffer.from(wire, "latin1"))
      } catch {
        return undefined
      }
    }
    const edges = [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0]
    for (let first = 0x7f; first < 0x100; first++) {
      for (const rest of edges.flatMap((one) => [
        [one],
        ...[0x7f, 0x80, 0xbf].flatMap((two) => [
          [one, two],
          [one, two, 0x80]
        ])
      ])) {
        const wire = String.fromCharCode(first, ...rest)
        assert.strictEqual(ReferenceParser.decode(wire), decoded(wire), JSON.stringify(wire))
      }
    }
  })
})

describe("Line.parse", () => {
  it("agrees with the reference parser, and parses a rendered message as the same message: 400,000 lines", () => {
    fuzz(400_000, hostile(14), (line) => {
      const parsed = Line.parse(line, { maxRecipients })
      same(meaning(parsed), ReferenceParser.meaning(line, maxRecipients))
      if (parsed._tag !== "Message" || parsed.recipients[0]?.startsWith("/") === true) return
      same(Line.parse(`${parsed.recipients.join(", ")}: ${parsed.text}`, { maxRecipients }), parsed)
    })
  })

  for (const [what, wire] of Object.entries(malformed)) {
    it(`refuses ${what} at any position`, () => {
      for (const line of [`${wire}: hi`, `bob, ${wire}: hi`, `bob: ${wire}`, `bob: a${wire}b`, `/${wire}`, wire]) {
        same(meaning(Line.parse(line, { maxRecipients })), { mistake: "bad-line" })
      }
    })
  }
})

describe("Name", () => {
  it("allows the names that the reference parser allows: 250,000 names", () => {
    fuzz(250_000, hostile(6), (wire) => {
      const found = Name.parse(wire)
      same(found === undefined ? undefined : Wire.decode(found), ReferenceParser.name(wire))
      const shown = Name.show(wire)
      // The result is one word without a blank, comma, colon, or a character with a meaning in parameters.
      if (/[\s,:=@]/u.test(Wire.decode(shown))) assert.fail(shown)
      if (found === undefined) return
      same([Name.parse(found), Name.normalise(found), Name.show(found)], [found, found, found])
      const likeness = Name.likeness(Wire.decode(found))
      same(Name.likeness(likeness), likeness)
    })
  })

  for (const [what, wire] of Object.entries(malformed)) {
    it(`refuses ${what}`, () => {
      for (const name of [wire, `a${wire}`, `a${wire}b`, `${wire}a`, `é${wire}`.normalize("NFC")]) {
        assert.isUndefined(Name.parse(name))
      }
    })
  }
})

const labelBytes = 34

const cut = (reads: ReadonlyArray<Buffer>, maxLineBytes: number) => {
  const framing = new Framing(maxLineBytes)
  const pieces: Array<Piece> = []
  for (const read of reads) pieces.push(...framing.push(read))
  pieces.push(...framing.end())
  return pieces
}

/** The lines of a stream without their terminators, and only the start of those that are too long. */
const expected = (stream: string, maxLineBytes: number) => {
  const lines = stream.split("\n")
  if (lines.at(-1) === "") lines.pop()
  return lines
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
    .map((line) => (line.length > maxLineBytes ? `too long: ${line.slice(0, labelBytes)}` : line))
}

const isClean = (line: string) => {
  const text = ReferenceParser.decode(line.endsWith("\r") ? line.slice(0, -1) : line)
  return text !== undefined && !ReferenceParser.hasControl(text)
}

const linesOf = (pieces: ReadonlyArray<Piece>) =>
  pieces.flatMap((piece) => {
    if (piece._tag === "TooLong") return [`too long: ${piece.start}`]
    const lines = piece.text.slice(0, -1).split("\n")
    same(piece.clean, lines.every(isClean))
    return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line))
  })

describe("Framing", () => {
  it("agrees with the reference, wherever the reads end: 150,000 streams", () => {
    fuzz(150_000, hostileStream(4, 10), (stream, random) => {
      const maxLineBytes = labelBytes + random.below(40)
      same(linesOf(cut(inReads(stream, random), maxLineBytes)), expected(stream, maxLineBytes))
    })
  })

  it("yields the same lines for every split: 2,000 streams", () => {
    fuzz(2_000, hostileStream(4, 8), (stream) => {
      const [bytes, lines] = [Buffer.from(stream, "latin1"), expected(stream, 40)]
      for (let at = 0; at <= bytes.length; at++) {
        same(linesOf(cut([bytes.subarray(0, at), bytes.subarray(at)], 40)), lines)
      }
    })
  })
})
