/**
 * Decodes the bytes of a keyboard into code points. A character may be split between reads. A stray byte from 0x80 to
 * 0x9f is a C1 control, which terminals send as one byte when they are set to 8-bit controls; any other malformed
 * sequence becomes U+FFFD.
 */
export class InputBytes {
  /** Number of bytes missing from the current character, and the smallest code point that takes as many bytes. */
  private missing = 0
  private least = 0
  private point = 0

  decode(bytes: Uint8Array, take: (point: number) => void): void {
    for (const byte of bytes) {
      if (this.missing > 0) {
        if ((byte & 0xc0) === 0x80) {
          this.point = (this.point << 6) | (byte & 0x3f)
          this.missing -= 1
          if (this.missing === 0) take(isValid(this.point, this.least) ? this.point : replacement)
          continue
        }
        this.missing = 0
        take(replacement)
      }
      if (byte < 0xa0) take(byte)
      else if (byte >= 0xc2 && byte <= 0xf4) this.start(byte)
      else take(replacement)
    }
  }

  private start(lead: number) {
    const [missing, least, bits] = lead < 0xe0 ? twoBytes : lead < 0xf0 ? threeBytes : fourBytes
    this.missing = missing
    this.least = least
    this.point = lead & bits
  }
}

const replacement = 0xfffd

const twoBytes = [1, 0x80, 0x1f] as const
const threeBytes = [2, 0x800, 0x0f] as const
const fourBytes = [3, 0x10000, 0x07] as const

const isValid = (point: number, least: number) =>
  point >= least && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)
