import { crc32 } from "node:zlib"

/**
 * CRC-32 as zlib computes it (RFC 1952, section 8), faster for short inputs: a call of `zlib.crc32` takes 0.3 µs before
 * it looks at the first byte, and the parts of a line are short (benchmark: commits of 1000).
 */

/** For longer inputs, zlib is faster. */
const longestHere = 400

/** For each byte, its effect on the checksum with no bytes after it. */
const after0 = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & 0xedb88320)
  return crc
})

/**
 * The table for one more byte after it than in the given table. Computing the tables bit by bit would add three
 * milliseconds to the start of a store's thread (benchmark: start-up with a store).
 */
const withOneMore = (table: Int32Array): Int32Array => table.map((crc) => (crc >>> 8) ^ (after0[crc & 0xff] as number))

// Constants instead of an array, so that V8 can optimize each access. All indices below are bytes.
const after1 = withOneMore(after0)
const after2 = withOneMore(after1)
const after3 = withOneMore(after2)
const after4 = withOneMore(after3)
const after5 = withOneMore(after4)
const after6 = withOneMore(after5)
const after7 = withOneMore(after6)

/** Continues the checksum `before` with these bytes. Returns an unsigned 32-bit number. */
export const ofBytes = (bytes: Uint8Array, before: number): number => {
  const { length } = bytes
  if (length > longestHere) return crc32(bytes, before)
  let crc = ~before
  let at = 0
  for (; at + 8 <= length; at += 8) {
    const four =
      crc ^
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24))
    crc =
      (after7[four & 0xff] as number) ^
      (after6[(four >>> 8) & 0xff] as number) ^
      (after5[(four >>> 16) & 0xff] as number) ^
      (after4[four >>> 24] as number) ^
      (after3[bytes[at + 4] as number] as number) ^
      (after2[bytes[at + 5] as number] as number) ^
      (after1[bytes[at + 6] as number] as number) ^
      (after0[bytes[at + 7] as number] as number)
  }
  for (; at < length; at++) crc = (crc >>> 8) ^ (after0[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return ~crc >>> 0
}

/** Continues the checksum with the UTF-8 bytes of a text. */
export const ofText = (text: string, before: number): number => {
  const { length } = text
  if (length > longestHere) return crc32(text, before)
  let crc = ~before
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at)
    if (code > 0x7f) return crc32(text, before)
    crc = (crc >>> 8) ^ (after0[(crc ^ code) & 0xff] as number)
  }
  return ~crc >>> 0
}
