const LF = 0x0a

/** A longer line is passed on in parts. No a-chat server sends one (`Login.defaultMaxLineBytes`). */
const maxHeldBytes = 2 * 1024 * 1024

const nothing = Buffer.alloc(0)

/**
 * Passes on a stream of bytes, but holds an unfinished line back until its LF arrives: if the connection ends first,
 * the line was cut off, and must not be mistaken for a complete one. Uses constant memory.
 */
export class WholeLines {
  /** The unfinished line. It grows by doubling, so a line that arrives byte by byte still takes linear time. */
  private held = nothing
  private heldLength = 0
  private isPassing = false

  /** Whether the bytes so far end within a line. */
  get isCut(): boolean {
    return this.heldLength > 0 || this.isPassing
  }

  /** Returns the bytes that can be passed on, in order. */
  push(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    const end = bytes.lastIndexOf(LF) + 1
    // The usual case, without copying.
    if (end === bytes.length && this.heldLength === 0) {
      if (end > 0) this.isPassing = false
      return [bytes]
    }
    if (end === 0 && this.isPassing) return [bytes]
    const whole: Array<Uint8Array> = []
    if (end > 0) {
      whole.push(...this.release(), bytes.subarray(0, end))
      this.isPassing = false
    }
    this.hold(bytes.subarray(end))
    if (this.heldLength <= maxHeldBytes) return whole
    this.isPassing = true
    return [...whole, ...this.release()]
  }

  private release(): ReadonlyArray<Uint8Array> {
    if (this.heldLength === 0) return []
    const held = this.held.subarray(0, this.heldLength)
    this.held = nothing
    this.heldLength = 0
    return [held]
  }

  private hold(bytes: Uint8Array) {
    const length = this.heldLength + bytes.length
    if (length > this.held.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.heldLength, length))
      this.held.copy(grown, 0, 0, this.heldLength)
      this.held = grown
    }
    this.held.set(bytes, this.heldLength)
    this.heldLength = length
  }
}
