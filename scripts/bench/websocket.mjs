// The load generator's clients of WebSocket. Imported, not run.
//
// Frames are masked before the load begins: to mask each one when it is sent would take the generator longer than the
// server needs to undo it. What arrives is moved together in place, so that the checks see the bytes of the lines
// alone.
import { Buffer } from "node:buffer"
import { Socket } from "node:net"

/** The masking key. Not zero: the package `ws` skips the work for that one. */
const key = Buffer.of(0x5a, 0x91, 0x3c, 0xe7)

const opcodes = { continuation: 0x0, text: 0x1, close: 0x8, ping: 0x9, pong: 0xa }
const final = 0x80

/** Bytes of lines in one frame, as a-chat writes them itself. */
const maxFrameBytes = 16_384

/** @param phase at which byte of the key the mask of the first byte is */
const headOf = (opcode, length, phase = 0) => {
  const lengths = length < 126 ? [length] : [126, length >> 8, length & 255]
  const turned = [0, 1, 2, 3].map((index) => key[(index + phase) & 3])
  return Buffer.of(opcode | final, lengths[0] | 0x80, ...lengths.slice(1), ...turned)
}

const masked = (bytes) => bytes.map((byte, index) => byte ^ key[index & 3])

const frameOf = (opcode, bytes) => Buffer.concat([headOf(opcode, bytes.length), masked(bytes)])

/**
 * The frames of a ring (wire.mjs): a function that returns those of a number of its lines.
 *
 * @param isSingle whether each line has a frame of its own
 */
export const framesOf = ({ bytes, length }, isSingle) => {
  const lines = bytes.length / length
  if (isSingle) {
    const frames = Array.from({ length: lines }, (_, line) =>
      frameOf(opcodes.text, bytes.subarray(line * length, (line + 1) * length))
    )
    const whole = Buffer.concat(frames)
    const frameLength = frames[0].length
    return (from, count) => whole.subarray(from * frameLength, (from + count) * frameLength)
  }
  // Masked from its first to its last byte. A frame that begins in the middle has its key turned accordingly.
  const whole = masked(bytes)
  const most = Math.max(1, Math.floor(maxFrameBytes / length))
  return (from, count) => {
    const parts = []
    for (let line = from; line < from + count; line += most) {
      const [start, end] = [line * length, Math.min(line + most, from + count) * length]
      parts.push(headOf(opcodes.text, end - start, start & 3), whole.subarray(start, end))
    }
    return Buffer.concat(parts)
  }
}

/** A socket that writes and reads lines over WebSocket. */
export class WebSocketClient extends Socket {
  #receive
  #isOpen = false
  /** What is written before the server has agreed. */
  #early = []
  #response = ""
  /** The header of the next frame, as far as it has come. */
  #head = Buffer.alloc(4)
  #headLength = 0
  /** Bytes of the frame's payload that have not come. */
  #left = 0

  /** @param buffer the memory for reads, of which `receive` gets the bytes of lines at its beginning */
  constructor(port, buffer, receive) {
    super({ noDelay: true, onread: { buffer, callback: (length, bytes) => this.#read(bytes, length) } })
    this.#receive = receive
    this.connect({ port, host: "127.0.0.1", noDelay: true })
    super.write(
      `GET /chat HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YS1jaGF0IGJlbmNobWFyaw==\r\n\r\n"
    )
    // Not a method: `connect` puts that of Socket in its place.
    this.write = (lines, encoding) => this.writeFrames(frameOf(opcodes.text, Buffer.from(lines, encoding)))
  }

  writeFrames(frames) {
    if (this.#isOpen) return super.write(frames)
    this.#early.push(frames)
    return true
  }

  leave() {
    this.writeFrames(frameOf(opcodes.close, Buffer.of(0x03, 0xe8)))
    this.destroy()
  }

  #read(bytes, length) {
    let at = this.#isOpen ? 0 : this.#open(bytes, length)
    let out = 0
    while (at < length) {
      if (this.#left === 0) {
        at = this.#begin(bytes, at)
        if (this.destroyed) return false
        continue
      }
      const count = Math.min(this.#left, length - at)
      bytes.copyWithin(out, at, at + count)
      at += count
      out += count
      this.#left -= count
    }
    return out === 0 || this.#receive(bytes, out)
  }

  /** Reads the response to the upgrade. Returns where the first frame begins. */
  #open(bytes, length) {
    const before = this.#response.length
    this.#response += bytes.latin1Slice(0, length)
    const end = this.#response.indexOf("\r\n\r\n") + 4
    if (end < 4) return length
    if (!this.#response.startsWith("HTTP/1.1 101 ")) {
      this.destroy(new Error(`the upgrade was answered ${this.#response}`))
      return length
    }
    this.#response = ""
    this.#isOpen = true
    for (const frames of this.#early.splice(0)) super.write(frames)
    return end - before
  }

  /** Takes one byte of a header. Returns where to continue. */
  #begin(bytes, at) {
    const head = this.#head
    head[this.#headLength++] = bytes[at]
    const short = head[1] & 0x7f
    if (this.#headLength < 2 || (short === 126 && this.#headLength < 4)) return at + 1
    this.#headLength = 0
    const opcode = head[0] & 0x0f
    if (opcode === opcodes.ping && short === 0) this.writeFrames(frameOf(opcodes.pong, Buffer.of()))
    else if (opcode > opcodes.text || short === 127) this.destroy(new Error(`came a frame ${head.toString("hex")}`))
    else this.#left = short === 126 ? head.readUInt16BE(2) : short
    return at + 1
  }
}
