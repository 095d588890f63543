import { assert, describe, it } from "@effect/vitest"
import * as Block from "../../src/protocol/Block.js"
import * as Wire from "../../src/protocol/Wire.js"
import { seededRandom } from "../../scripts/random.mjs"

const filled = (length: number, ...bytes: ReadonlyArray<readonly [at: number, byte: number]>) => {
  const text = Buffer.alloc(length, "x")
  text[length - 1] = 0x0a
  for (const [at, byte] of bytes) text[at] = byte
  return text
}

describe("Block.hasControl", () => {
  it("knows every byte", () => {
    for (let byte = 0; byte < 0x100; byte++) {
      const control = (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f
      // C2 stands before an `x` here, so it is no half of a C1, but below A0: no UTF-8, which somebody else looks for.
      assert.strictEqual(Block.hasControl(filled(40, [20, byte])), control || byte === 0xc2, `byte ${byte}`)
    }
  })

  it("finds one at any place, and a CR or C2 by the byte behind it, also across its steps and windows", () => {
    for (const length of [1, 2, 15, 16, 17, 31, 32, 33, 64, 65_535, 65_536, 65_537, 65_552, 131_073, 200_000]) {
      assert.isFalse(Block.hasControl(filled(length)), `${length}`)
      const places = [0, 1, 14, 15, 16, 17, 65_534, 65_535, 65_536, 65_537, 131_071, length - 3, length - 2]
      for (const at of places.filter((place) => place >= 0 && place < length - 1)) {
        const where = `${at} of ${length}`
        assert.isTrue(Block.hasControl(filled(length, [at, 0x07])), `BEL at ${where}`)
        assert.isFalse(Block.hasControl(filled(length, [at, 0x0d], [at + 1, 0x0a])), `CRLF at ${where}`)
        if (at + 1 === length - 1) continue
        assert.isTrue(Block.hasControl(filled(length, [at, 0x0d], [at + 1, 0x78])), `CR at ${where}`)
        assert.isTrue(Block.hasControl(filled(length, [at, 0xc2], [at + 1, 0x85])), `C1 at ${where}`)
        assert.isFalse(Block.hasControl(filled(length, [at, 0xc2], [at + 1, 0xa0])), `no C1 at ${where}`)
      }
    }
  })

  it("does not see what it looked at before", () => {
    assert.isTrue(Block.hasControl(filled(100, [50, 0x00])))
    assert.isFalse(Block.hasControl(filled(40)))
  })
})

/** What `replaceLeads` says of itself, line by line. */
const replaced = (block: string, lead: string, head: string): Block.Replaced | undefined => {
  const lines = block.split("\n").slice(0, -1)
  const texts = lines.map((line) => (line.startsWith(lead) ? line.slice(lead.length) : ""))
  if (texts.some((text) => text === "" || Wire.trim(text) !== text || Wire.hasControl(text))) return undefined
  return { text: texts.map((text) => `${head}${text}\n`).join(""), lines: lines.length }
}

const replaceLeads = (block: string, lead: string, head: string) =>
  Block.replaceLeads(Buffer.from(block, "latin1"), lead, head)

describe("Block.replaceLeads", () => {
  const short = [
    "a",
    "hi",
    "0123456789abcde",
    "0123456789abcdef",
    "x".repeat(47),
    "é",
    "€",
    "😀",
    "à la",
    "b: c",
    "5 µs",
    "a\tb"
  ]
  const words = [...short, "x".repeat(200), `${"x".repeat(30)}°${"y".repeat(90)}`, "ж«»ж".repeat(40)]
  const controls = ["\x07", "\0", "\x1f", "\x7f", "\u0080", "\u009f", "\r"]
  const spaces = [" ", "\t", "\r", "\u00a0", "\u1680", "\u2003", "\u205f", "\u3000"]
  const leads = [
    "bob: ",
    "b: ",
    "x".repeat(16) + ": ",
    Array.from({ length: 100 }, (_, n) => `peer${n}`).join(",") + ": "
  ]
  const heads = ["from al: ", "from 0123456789a: ", "from 0123456789ab: ", `from ${"é".repeat(32)}: `].map(Wire.encode)

  it("is what it is line by line, or nothing", () => {
    const random = seededRandom(7)
    let found = 0
    for (let round = 0; round < 20_000; round++) {
      const lead = random.pick(leads)
      const head = random.pick(heads)
      const strange = random.chance(0.3) ? 0.2 : 0
      const line = () => {
        const start = random.chance(strange / 4) ? random.pick(["bo: ", "bob:", "bob , al: ", ""]) : lead
        const space = () => (random.chance(strange) ? random.pick(spaces) : "")
        const control = random.chance(strange / 4) ? random.pick(controls) : ""
        const text = random.chance(strange / 4) ? "" : `${random.pick(words)}${control}${control && random.pick(words)}`
        return `${start}${space()}${text}${space()}\n`
      }
      const block = Wire.encode(Array.from({ length: 1 + random.below(12) }, line).join(""))
      const expected = replaced(block, lead, head)
      const actual = replaceLeads(block, lead, head)
      if (actual !== undefined) assert.deepStrictEqual(actual, expected, JSON.stringify(block))
      // What it leaves to others may only be what white space above ASCII might be.
      else if (expected !== undefined) assert.match(block, /[\xc2\xe1\xe2\xe3]/, JSON.stringify(block))
      if (actual !== undefined) found += 1
    }
    assert.isAbove(found, 8_000)
  })

  it("finds a control character at any place, by the byte behind it if need be", () => {
    for (const length of [1, 14, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100]) {
      for (let at = 0; at < length; at++) {
        const line = (...bytes: ReadonlyArray<number>) => {
          const text = Buffer.alloc(length + bytes.length, "x")
          Buffer.from(bytes).copy(text, at)
          return `b: x${text.toString("latin1")}x\n`
        }
        const where = `${at} of ${length}`
        for (const bytes of [[0x07], [0x0d], [0x7f], [0xc2, 0x85]]) {
          assert.isUndefined(
            replaceLeads(`b: x\n${line(...bytes)}b: x\n`, "b: ", "from al: "),
            `${String(bytes)} ${where}`
          )
        }
        for (const bytes of [[0x09], [0x20], [0x7e], [0xc2, 0xa0], [0xc3, 0x85]]) {
          const block = `b: x\n${line(...bytes)}b: x\n`
          assert.deepStrictEqual(replaceLeads(block, "b: ", "from al: "), replaced(block, "b: ", "from al: "), where)
        }
      }
    }
  })

  it("takes 64 KiB and no more, and nothing that might grow beyond 512 KiB", () => {
    const whole = "b: x\n".repeat(13_107)
    assert.strictEqual(replaceLeads(whole, "b: ", "from al: ")?.text.length, 13_107 * 11)
    assert.isUndefined(replaceLeads(whole, "b: ", heads[3] ?? ""))
    assert.isUndefined(replaceLeads(`${whole}b: x\n`, "b: ", "from al: "))
    const lead = `${"x".repeat(8_190)}: `
    assert.strictEqual(replaceLeads(`${lead}hi\n`, lead, "from al: ")?.text, "from al: hi\n")
    assert.isUndefined(replaceLeads(`x${lead}hi\n`, `x${lead}`, "from al: "))
  })
})

describe("Block.hasLead", () => {
  it("tells whether a lead in its wire form stands at a place", () => {
    const lead = Wire.encode("zoë: ")
    const block = Buffer.from(`${lead}hi\nzoe: hi\n${lead}ho\n`, "latin1")
    assert.isTrue(Block.hasLead(block, 0, lead))
    assert.isFalse(Block.hasLead(block, 9, lead))
    assert.isTrue(Block.hasLead(block, 17, lead))
    assert.isFalse(Block.hasLead(block, block.length - 2, lead), "it would end behind the block")
  })
})
