import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Block from "../../src/protocol/Block.js"
import * as PlainRoutines from "../../src/protocol/PlainRoutines.js"
import * as WasmRoutines from "../../src/protocol/WasmRoutines.js"
import * as Wire from "../../src/protocol/Wire.js"
import { seededRandom } from "../../scripts/random.mjs"

/** `x` of this length and an LF at the end, but with other bytes at some places. */
const filled = (length: number, ...bytes: ReadonlyArray<readonly [at: number, byte: number]>) => {
  const text = Buffer.alloc(length, "x")
  text[length - 1] = 0x0a
  for (const [at, byte] of bytes) text[at] = byte
  return text
}

/** `replacePrefix` line by line, without its liberty to give up. */
const replacedByLine = (block: string, prefix: string, replacement: string): Block.Replaced | undefined => {
  const lines = block.split("\n").slice(0, -1)
  const texts = lines.map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : ""))
  if (texts.some((text) => text === "" || Wire.trim(text) !== text || Wire.hasControl(text))) return undefined
  return { text: texts.map((text) => `${replacement}${text}\n`).join(""), lines: lines.length }
}

const words = [
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
  "a\tb",
  "x".repeat(200),
  `${"x".repeat(30)}°${"y".repeat(90)}`,
  "ж«»ж".repeat(40)
]
const controls = ["\x07", "\0", "\x1f", "\x7f", "\u0080", "\u009f", "\r"]
const spaces = [" ", "\t", "\r", "\u00a0", "\u1680", "\u2003", "\u205f", "\u3000"]
const prefixes = [
  "bob: ",
  "b: ",
  "x".repeat(16) + ": ",
  Wire.encode("zoë: "),
  Array.from({ length: 100 }, (_, n) => `peer${n}`).join(",") + ": "
]
const replacements = ["from al: ", "from 0123456789a: ", "from 0123456789ab: ", `from ${"é".repeat(32)}: `].map(
  Wire.encode
)

const implementations: Readonly<Record<string, Block.BlockRoutines>> = {
  WebAssembly: WasmRoutines.instantiate(),
  JavaScript: PlainRoutines
}

for (const [language, routines] of Object.entries(implementations)) {
  const { hasControl } = routines
  const replacePrefix = (block: string, prefix: string, replacement: string) =>
    routines.replacePrefix(Buffer.from(block, "latin1"), prefix, replacement)

  describe(`hasControl in ${language}`, () => {
    it("knows every byte", () => {
      for (let byte = 0; byte < 0x100; byte++) {
        const control = (byte < 0x20 && byte !== 0x09 && byte !== 0x0a) || byte === 0x7f
        // A C2 before an `x` is not UTF-8; it counts as C1 because the byte after it is below A0.
        assert.strictEqual(hasControl(filled(40, [20, byte])), control || byte === 0xc2, `byte ${byte}`)
      }
    })

    it("finds one at any place, and a CR or C2 by the byte after it, also across its steps and windows", () => {
      for (const length of [1, 2, 15, 16, 17, 31, 32, 33, 64, 65_535, 65_536, 65_537, 65_552, 131_073, 200_000]) {
        assert.isFalse(hasControl(filled(length)), `${length}`)
        const places = [0, 1, 14, 15, 16, 17, 65_534, 65_535, 65_536, 65_537, 131_071, length - 3, length - 2]
        for (const at of places.filter((place) => place >= 0 && place < length - 1)) {
          const where = `${at} of ${length}`
          assert.isTrue(hasControl(filled(length, [at, 0x07])), `BEL at ${where}`)
          assert.isFalse(hasControl(filled(length, [at, 0x0d], [at + 1, 0x0a])), `CRLF at ${where}`)
          if (at + 1 === length - 1) continue
          assert.isTrue(hasControl(filled(length, [at, 0x0d], [at + 1, 0x78])), `CR at ${where}`)
          assert.isTrue(hasControl(filled(length, [at, 0xc2], [at + 1, 0x85])), `C1 at ${where}`)
          assert.isFalse(hasControl(filled(length, [at, 0xc2], [at + 1, 0xa0])), `no C1 at ${where}`)
        }
      }
    })

    it("does not see the block before", () => {
      assert.isTrue(hasControl(filled(100, [50, 0x00])))
      assert.isFalse(hasControl(filled(40)))
    })
  })

  describe(`countLineFeeds in ${language}`, () => {
    it("counts the LFs of any text, and none of the text before", () => {
      const { below } = seededRandom(5)
      for (const length of [1, 15, 16, 17, 255, 256, 257, 65_535, 65_536, 65_537, 200_000, 0, 33]) {
        for (const share of [0, 0.02, 1]) {
          const text = Buffer.from(Array.from({ length }, () => (below(100) < share * 100 ? 0x0a : below(0x100))))
          const expected = text.filter((byte) => byte === 0x0a).length
          assert.strictEqual(routines.countLineFeeds(text), expected, `${length} bytes`)
        }
      }
    })
  })

  describe(`replacePrefix in ${language}`, () => {
    it("does what line by line would, or gives up", () => {
      const { below, chance, pick } = seededRandom(7)
      let replaced = 0
      for (let round = 0; round < 20_000; round++) {
        const prefix = pick(prefixes)
        const replacement = pick(replacements)
        const strange = chance(0.3) ? 0.2 : 0
        const line = () => {
          const start = chance(strange / 4) ? pick(["bo: ", "bob:", "bob , al: ", ""]) : prefix
          const space = () => (chance(strange) ? Wire.encode(pick(spaces)) : "")
          const control = chance(strange / 4) ? pick(controls) : ""
          const text = chance(strange / 4) ? "" : `${pick(words)}${control}${control && pick(words)}`
          return `${start}${space()}${Wire.encode(text)}${space()}\n`
        }
        const block = Array.from({ length: 1 + below(12) }, line).join("")
        const expected = replacedByLine(block, prefix, replacement)
        const actual = replacePrefix(block, prefix, replacement)
        if (actual !== undefined) assert.deepStrictEqual(actual, expected, JSON.stringify(block))
        // It gives up on nothing but what may be white space above ASCII.
        else if (expected !== undefined) assert.match(block, /[\xc2\xe1\xe2\xe3]/, JSON.stringify(block))
        if (actual !== undefined) replaced += 1
      }
      assert.isAbove(replaced, 8_000)
    })

    it("finds a control character at any place, by the byte after it if need be", () => {
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
              replacePrefix(`b: x\n${line(...bytes)}b: x\n`, "b: ", "from al: "),
              `${String(bytes)} ${where}`
            )
          }
          for (const bytes of [[0x09], [0x20], [0x7e], [0xc2, 0xa0], [0xc3, 0x85]]) {
            const block = `b: x\n${line(...bytes)}b: x\n`
            const expected = replacedByLine(block, "b: ", "from al: ")
            assert.deepStrictEqual(replacePrefix(block, "b: ", "from al: "), expected, where)
          }
        }
      }
    })

    it("takes 64 KiB that become 512 KiB", () => {
      const whole = "b: x\n".repeat(13_107)
      assert.strictEqual(replacePrefix(whole, "b: ", "from al: ")?.text.length, 13_107 * 11)
      const prefix = `${"x".repeat(8_190)}: `
      assert.strictEqual(replacePrefix(`${prefix}hi\n`, prefix, "from al: ")?.text, "from al: hi\n")
    })
  })
}

describe("replacePrefix in WebAssembly", () => {
  it("gives up where its memory ends", () => {
    const wasm = WasmRoutines.instantiate()
    const whole = Buffer.from("b: x\n".repeat(13_107))
    assert.isUndefined(wasm.replacePrefix(whole, "b: ", replacements[3] ?? ""))
    assert.isUndefined(wasm.replacePrefix(Buffer.from(`${String(whole)}b: x\n`), "b: ", "from al: "))
    const prefix = `x${"x".repeat(8_190)}: `
    assert.isUndefined(wasm.replacePrefix(Buffer.from(`${prefix}hi\n`), prefix, "from al: "))
    assert.isUndefined(wasm.replacePrefix(Buffer.from("b: x\n"), "b: ", "x".repeat(513)))
  })
})

describe("the routines in WebAssembly and in JavaScript", () => {
  const wasm = WasmRoutines.instantiate()

  /** Bytes that some routine looks for, and their neighbours. */
  const bytes = [0x00, 0x08, 0x09, 0x0b, 0x0d, 0x1f, 0x20, 0x21, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0xc1, 0xc2, 0xc3]
    .concat([0xe0, 0xe1, 0xe3, 0xe4, 0xff])
    .map((byte) => String.fromCharCode(byte))
  const pieces = [...bytes, "\r\n", "\r\n", "\n", "\xc2\xa0", "\xc2\x85", "\xe3\x80\x80", ...words.map(Wire.encode)]

  it("agree on blocks of every length up to five vectors, with a strange byte at every place", () => {
    for (let length = 1; length <= 80; length++) {
      for (let at = 0; at < length; at++) {
        for (const byte of bytes) {
          const block = `b: ${"x".repeat(at)}${byte}${"x".repeat(length - at - 1)}\n`
          const text = Buffer.from(block, "latin1")
          assert.strictEqual(PlainRoutines.hasControl(text), wasm.hasControl(text), JSON.stringify(block))
          const expected = wasm.replacePrefix(text, "b: ", "from al: ")
          assert.deepStrictEqual(PlainRoutines.replacePrefix(text, "b: ", "from al: "), expected, JSON.stringify(block))
        }
      }
    }
  })

  it("agree on random blocks, UTF-8 or not, at any alignment", () => {
    const { below, chance, pick } = seededRandom(11)
    let clean = 0
    let replaced = 0
    for (let round = 0; round < 10_000; round++) {
      const prefix = pick(prefixes)
      const strange = chance(0.5) ? 0 : pick([0.05, 0.5])
      const line = () => {
        const start = chance(strange / 4) ? pick(["", "b:", "bob:  "]) : prefix
        const middle = Array.from({ length: 1 + below(4) }, () => (chance(strange) ? pick(pieces) : pick(words)))
        return `${start}${middle.map((piece) => (chance(0.5) ? piece : Wire.encode(piece))).join("")}\n`
      }
      const block = Array.from({ length: 1 + below(8) }, line).join("")
      const offset = below(32)
      const text = Buffer.from(`${"\n".repeat(offset)}${block}`, "latin1").subarray(offset)
      const hasControl = wasm.hasControl(text)
      assert.strictEqual(PlainRoutines.hasControl(text), hasControl, JSON.stringify(block))
      const replacement = pick(replacements)
      const expected = wasm.replacePrefix(text, prefix, replacement)
      assert.deepStrictEqual(PlainRoutines.replacePrefix(text, prefix, replacement), expected, JSON.stringify(block))
      if (!hasControl) clean += 1
      if (expected !== undefined) replaced += 1
    }
    for (const count of [clean, 10_000 - clean, replaced, 10_000 - replaced]) assert.isAbove(count, 1_000)
  })

  it("agree around the 64 KiB that WebAssembly looks at together", () => {
    const { below, pick } = seededRandom(13)
    for (let round = 0; round < 300; round++) {
      const length = 65_536 * (1 + below(2)) + below(40) - 20
      const places = Array.from({ length: below(3) }, () => Math.min(length - 1, 65_536 + below(24) - 12))
      const text = filled(length)
      for (const at of places) text.write(pick(pieces), at, "latin1")
      text[length - 1] = 0x0a
      assert.strictEqual(PlainRoutines.hasControl(text), wasm.hasControl(text), `${length}: ${places.join(" ")}`)
    }
  })
})

describe("Block.startsWith", () => {
  it("compares a prefix in its wire form at a position", () => {
    const prefix = Wire.encode("zoë: ")
    const block = Buffer.from(`${prefix}hi\nzoe: hi\n${prefix}ho\n`, "latin1")
    assert.isTrue(Block.startsWith(block, prefix, 0))
    assert.isFalse(Block.startsWith(block, prefix, 9))
    assert.isTrue(Block.startsWith(block, prefix, 17))
    assert.isFalse(Block.startsWith(block, prefix, block.length - 2), "it would end after the block")
  })
})

describe("Block.head", () => {
  it("is the first bytes in their wire form", () => {
    const address = Wire.encode("zoë:")
    assert.strictEqual(Block.head(Buffer.from(`${address} hi\n`, "latin1"), address.length), address)
  })
})

describe("BlockRoutines.wasm.ts", () => {
  it("is what BlockRoutines.wat compiles to", () => {
    const script = fileURLToPath(new URL("../../scripts/routines.mjs", import.meta.url))
    execFileSync(process.execPath, [script, "--check"]) // throws with its message
  })
})
