import { isUtf8 } from "node:buffer"
import * as Block from "../protocol/Block.js"
import { CloseCode, isSendable, Opcode } from "./WebSocketFrame.js"

/** Why a connection cannot continue: the code of the Close frame, and the reason for the log. */
export interface Fault {
  readonly code: number
  readonly why: string
}

/** The content of a peer's Close frame. */
export interface CloseFrame {
  /** Undefined if the frame has none. */
  readonly code: number | undefined
}

const lf = 0x0a

/** The sizes of a frame's first two bytes and of the masking key. Longer forms of the length lie between them. */
const fixedBytes = 2
const keyBytes = 4

/** Longest payload of a Close, Ping or Pong frame (RFC 6455, 5.5). */
const maxControlBytes = 125

/** The longest message that is decoded together with others. */
const shortMessageBytes = 65_535

// Copies are made with `new Uint8Array`: `slice` of a Buffer does not copy, and its bytes would be overwritten.

const none = new Uint8Array()

const protocolError = (why: string): Fault => ({ code: CloseCode.protocolError, why })

/**
 * Decodes the frames of a client (RFC 6455, 5) into the bytes of its lines, as they arrive.
 *
 * It passes on the payload of an unfinished frame, instead of collecting it as the package `ws` does. An unfinished
 * line is therefore kept in the inbox, as on every connection, and counts against the server's memory budget. Otherwise
 * each client could occupy memory with a message of the maximum length by never finishing it.
 */
export class WebSocketDecoder {
  /** The payload of the last Ping frame in the last read. Only the latest needs an answer (5.5.3). */
  ping: Uint8Array | undefined = undefined
  /** Everything after it is ignored. */
  close: CloseFrame | undefined = undefined
  /** Everything after it is ignored. */
  fault: Fault | undefined = undefined
  /** The beginning of a frame whose header, or whose control frame, is not complete. */
  private partial: Uint8Array = none
  /** Whether the payload of a data frame is being read. */
  private isInFrame = false
  /** Bytes of that payload that have not arrived. */
  private left = 0
  /** Its masking key, rotated so that its first byte masks the next byte of the payload. */
  private key = 0
  private isFinal = false
  /** Whether a message has begun and not ended. */
  private isInMessage = false
  private messageBytes = 0
  /** Whether nothing of the message has arrived after its last LF. */
  private isAtLineStart = true
  /** The beginning of a UTF-8 sequence at the end of the last read. */
  private sequence: Uint8Array = none

  constructor(private readonly maxMessageBytes: number) {}

  /**
   * Returns the bytes of all lines in a read, with an LF at the end of each message that has none. They are written
   * over `read`, since they never take more room than their frames.
   */
  decode(read: Uint8Array): Uint8Array {
    this.ping = undefined
    let bytes = this.partial.length === 0 ? read : Buffer.concat([this.partial, read])
    this.partial = none
    let at = 0
    let out = 0
    let mayHaveMany = this.maxMessageBytes >= shortMessageBytes
    while (!this.isOver) {
      if (mayHaveMany && !this.isInMessage) {
        // Most reads have only messages of one frame, which this takes together (benchmark: 1 pair over WebSocket).
        mayHaveMany = false
        const many = Block.unframe(bytes, at, out)
        at += many?.frameBytes ?? 0
        out += many?.lineBytes ?? 0
      }
      if (!this.isInFrame) {
        const taken = this.begin(bytes, at)
        if (taken === 0) break
        at += taken
        continue
      }
      const count = Math.min(this.left, bytes.length - at)
      if (count > 0) {
        this.key = unmask(bytes, at, out, count, this.key)
        at += count
        out += count
        this.left -= count
        this.isAtLineStart = bytes[out - 1] === lf
      }
      if (this.left > 0) break
      this.isInFrame = false
      if (!this.isFinal) continue
      this.isInMessage = false
      if (this.isAtLineStart) continue
      // There is room where the frame's header was, unless that was in another read.
      if (out === at) {
        bytes = withRoomAt(bytes, at)
        at += 1
      }
      bytes[out] = lf
      out += 1
      this.isAtLineStart = true
    }
    if (!this.isOver && at < bytes.length) this.partial = new Uint8Array(bytes.subarray(at))
    return this.checked(bytes.subarray(0, out))
  }

  /** Whether a message has begun whose last line has not ended. */
  get isWithinLine(): boolean {
    return this.isInMessage && !this.isAtLineStart
  }

  private get isOver() {
    return this.fault !== undefined || this.close !== undefined
  }

  /** Takes the header of a frame, or a whole control frame. Returns its length in bytes; 0 if some are missing. */
  private begin(bytes: Uint8Array, at: number): number {
    const available = bytes.length - at
    if (available < fixedBytes) return 0
    const [first, second] = [bytes[at] ?? 0, bytes[at + 1] ?? 0]
    const opcode = first & 0x0f
    const short = second & 0x7f
    this.fault = this.faultOf(first, second)
    if (this.fault !== undefined) return 0
    const headBytes = fixedBytes + lengthBytes(short) + keyBytes
    const isControl = opcode >= Opcode.close
    if (available < headBytes + (isControl ? short : 0)) return 0
    const key = numberAt(bytes, at + headBytes - keyBytes, keyBytes) | 0
    if (isControl) {
      const payload = new Uint8Array(bytes.subarray(at + headBytes, at + headBytes + short))
      unmask(payload, 0, 0, short, key)
      this.control(opcode, payload)
      return headBytes + short
    }
    const length = short < 126 ? short : numberAt(bytes, at + fixedBytes, lengthBytes(short))
    if (!this.isInMessage) this.messageBytes = 0
    this.messageBytes += length
    if (this.messageBytes > this.maxMessageBytes) {
      this.fault = { code: CloseCode.tooBig, why: `a message has more than ${this.maxMessageBytes} bytes` }
      return 0
    }
    this.isInFrame = true
    this.isInMessage = true
    this.isFinal = (first & 0x80) !== 0
    this.left = length
    this.key = key
    return headBytes
  }

  /** The fault in the first two bytes of a frame; undefined if they are valid. */
  private faultOf(first: number, second: number): Fault | undefined {
    if ((first & 0x70) !== 0) return protocolError("a reserved bit is set")
    if ((second & 0x80) === 0) return protocolError("a frame is not masked")
    switch (first & 0x0f) {
      case Opcode.continuation:
        return this.isInMessage ? undefined : protocolError("a continuation without a message")
      case Opcode.text:
        return this.isInMessage ? protocolError("a message within a message") : undefined
      case Opcode.binary:
        return this.isInMessage
          ? protocolError("a message within a message")
          : { code: CloseCode.unsupported, why: "a binary message" }
      case Opcode.close:
      case Opcode.ping:
      case Opcode.pong:
        if ((first & 0x80) === 0) return protocolError("a control frame in fragments")
        return (second & 0x7f) > maxControlBytes ? protocolError("a control frame is too long") : undefined
      default:
        return protocolError("an unknown opcode")
    }
  }

  private control(opcode: number, payload: Uint8Array) {
    if (opcode === Opcode.ping) this.ping = payload
    if (opcode !== Opcode.close) return
    const code = payload.length === 0 ? undefined : numberAt(payload, 0, 2)
    if (payload.length === 1 || (code !== undefined && !isSendable(code))) {
      this.fault = protocolError("a Close frame without a valid code")
    } else if (!isUtf8(payload.subarray(2))) {
      this.fault = { code: CloseCode.invalidData, why: "the reason in a Close frame is not UTF-8" }
    } else {
      this.close = { code }
    }
  }

  /** The text, or nothing if it is not UTF-8. A sequence may begin in one read and end in another. */
  private checked(text: Uint8Array): Uint8Array {
    if (text.length === 0) return text
    const whole = this.sequence.length === 0 ? text : Buffer.concat([this.sequence, text])
    const cut = (whole.at(-1) ?? 0) < 0x80 ? 0 : unfinished(whole)
    this.sequence = cut === 0 ? none : new Uint8Array(whole.subarray(-cut))
    if (isUtf8(cut === 0 ? whole : whole.subarray(0, -cut)) && isPossible(this.sequence)) return text
    this.close = undefined
    this.fault = { code: CloseCode.invalidData, why: "a text message is not UTF-8" }
    return none
  }
}

/** The bytes of the longer forms of a length (RFC 6455, 5.2). */
const lengthBytes = (short: number) => (short === 126 ? 2 : short === 127 ? 8 : 0)

/** A number in network order. Beyond 2 ** 53 it is not exact, which is far above every limit. */
const numberAt = (bytes: Uint8Array, at: number, count: number) => {
  let number = 0
  for (let i = 0; i < count; i++) number = number * 256 + (bytes[at + i] ?? 0)
  return number
}

/**
 * Unmasks `count` bytes, and moves them from `from` to `to`, which must not be greater. Returns the key for the bytes
 * that follow.
 */
const unmask = (bytes: Uint8Array, from: number, to: number, count: number, key: number): number => {
  const [first, second, third, fourth] = [key >>> 24, (key >>> 16) & 255, (key >>> 8) & 255, key & 255]
  const wholes = count & ~3
  let i = 0
  for (; i < wholes; i += 4) {
    bytes[to + i] = (bytes[from + i] ?? 0) ^ first
    bytes[to + i + 1] = (bytes[from + i + 1] ?? 0) ^ second
    bytes[to + i + 2] = (bytes[from + i + 2] ?? 0) ^ third
    bytes[to + i + 3] = (bytes[from + i + 3] ?? 0) ^ fourth
  }
  if (i === count) return key
  let rest = key
  for (; i < count; i++) {
    bytes[to + i] = (bytes[from + i] ?? 0) ^ (rest >>> 24)
    rest = (rest << 8) | (rest >>> 24)
  }
  return rest
}

/** A copy with one more byte at a place. */
const withRoomAt = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = new Uint8Array(bytes.length + 1)
  copy.set(bytes.subarray(0, at))
  copy.set(bytes.subarray(at), at + 1)
  return copy
}

/** Whether this can be the start of a UTF-8 sequence. After some first bytes, not every second byte is valid. */
const isPossible = (sequence: Uint8Array): boolean => {
  const [first = 0] = sequence
  const missing = (first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2) - sequence.length
  return (
    sequence.length === 0 ||
    [0x80, 0xbf].some((byte) => isUtf8(Buffer.concat([sequence, new Uint8Array(missing).fill(byte)])))
  )
}

/** The number of bytes at the end that may begin a UTF-8 sequence. */
const unfinished = (bytes: Uint8Array): number => {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes.at(-back) ?? 0
    if ((byte & 0xc0) === 0x80) continue // within a sequence
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}
