import { assert, describe, it } from "@effect/vitest"
import * as Block from "../../src/protocol/Block.js"

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
