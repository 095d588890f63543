import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import { crc32 } from "node:zlib"
import * as Crc32 from "../../src/store/Crc32.js"

describe("Crc32", () => {
  const before = FastCheck.integer({ min: 0, max: 0xffffffff })

  it("is zlib's checksum of bytes, whatever came before them", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.uint8Array({ maxLength: 1000, size: "max" }), before, (bytes, before) => {
        // zlib takes the start of the checksum instead, if there are no bytes.
        const expected = bytes.length === 0 ? before : crc32(bytes, before)
        assert.strictEqual(Crc32.ofBytes(bytes, before), expected)
      })
    ))

  it("is zlib's checksum of bytes in the middle of others", () => {
    const memory = Uint8Array.from({ length: 64 }, (_, index) => index * 37)
    for (let from = 0; from < 9; from++) {
      const bytes = memory.subarray(from, from + 41)
      assert.strictEqual(Crc32.ofBytes(bytes, 1), crc32(bytes, 1))
    }
  })

  it("is zlib's checksum of a text in UTF-8", () =>
    FastCheck.assert(
      FastCheck.property(
        FastCheck.oneof(
          FastCheck.string({ unit: "binary" }),
          FastCheck.string({ unit: "grapheme-ascii", maxLength: 1000, size: "max" })
        ),
        before,
        (text, before) => assert.strictEqual(Crc32.ofText(text, before), text === "" ? before : crc32(text, before))
      )
    ))
})
