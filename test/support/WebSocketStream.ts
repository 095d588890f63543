import { EventEmitter } from "node:events"
import type * as Net from "node:net"
import { clientFrame } from "./WebSocketFrames.js"

const maxFrameBytes = 65_536

/**
 * The bytes of a chat over WebSocket, for clients that were written for a `net.Socket`: what they write may end
 * anywhere, also within a line. It becomes fragments of one message, which ends where a write ends with LF.
 *
 * A client of its own, which shares no code with the server and reads frames that are wrong.
 */
export class WebSocketStream extends EventEmitter {
  private input = Buffer.alloc(0)
  private isWithinMessage = false
  private hasSentClose = false
  /** The code of the server's Close frame. */
  closeCode: number | undefined = undefined
  /** The payloads of Ping and Pong frames, and the messages as they were framed. */
  readonly controls: Array<string> = []
  readonly messages: Array<string> = []
  private message = ""
  /** Whether it answers Ping frames. */
  answersPings = true

  constructor(readonly below: Net.Socket) {
    super()
    below.on("data", (bytes: Buffer) => {
      this.input = Buffer.concat([this.input, bytes])
      this.parse()
    })
    below.on("end", () => {
      if (this.closeCode === undefined)
        this.emit("error", Object.assign(new Error("no Close frame"), { code: "ENOCLOSE" }))
      else this.emit("end")
    })
    below.on("error", (error) => this.emit("error", error))
    below.on("close", () => this.emit("close"))
  }

  get writableLength(): number {
    return this.below.writableLength
  }

  get destroyed(): boolean {
    return this.below.destroyed
  }

  write(bytes: string | Uint8Array): boolean {
    if (!this.below.writable) return false
    const all = Buffer.from(bytes)
    const frames: Array<Buffer> = []
    for (let start = 0; start < all.length;) {
      // A message ends where a line does, so that it may be as long as a line and no longer.
      const piece = all.subarray(start, start + maxFrameBytes)
      const end = piece.lastIndexOf(0x0a) + 1
      const payload = end === 0 ? piece : piece.subarray(0, end)
      frames.push(clientFrame({ opcode: this.isWithinMessage ? 0 : 1, isFinal: end > 0, payload }))
      this.isWithinMessage = end === 0
      start += payload.length
    }
    return this.below.write(Buffer.concat(frames))
  }

  /** Says that it sends no more, which for a WebSocket means that it is gone. */
  end() {
    if (!this.hasSentClose) this.sendFrame(8, Buffer.from([1000 >> 8, 1000 & 255]))
    this.hasSentClose = true
  }

  sendFrame(opcode: number, payload: Uint8Array) {
    if (this.below.writable) this.below.write(clientFrame({ opcode, payload }))
  }

  pause() {
    this.below.pause()
  }

  resume() {
    this.below.resume()
  }

  destroy() {
    this.below.destroy()
  }

  private parse() {
    for (;;) {
      const [first, second] = this.input
      if (first === undefined || second === undefined) return
      const extended = second === 126 ? 2 : second === 127 ? 8 : 0
      if (this.input.length < 2 + extended) return
      const length =
        extended === 0 ? second : extended === 2 ? this.input.readUInt16BE(2) : Number(this.input.readBigUInt64BE(2))
      const start = 2 + extended
      if (this.input.length < start + length) return
      const payload = this.input.subarray(start, start + length)
      this.input = this.input.subarray(start + length)
      this.take(first & 15, (first & 0x80) !== 0, payload)
    }
  }

  private take(opcode: number, isFinal: boolean, payload: Buffer) {
    if (opcode === 8) {
      this.closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE()
      this.end()
      this.below.end()
      return
    }
    if (opcode === 9 && this.answersPings) this.sendFrame(10, payload)
    if (opcode >= 8) {
      this.controls.push(`${opcode}:${payload.toString("latin1")}`)
      return
    }
    this.message += payload.toString("latin1")
    if (isFinal) {
      this.messages.push(this.message)
      this.message = ""
    }
    this.emit("data", payload)
  }
}

export interface UpgradeOptions {
  readonly path?: string
  /** Of HTTP. */
  readonly version?: string
  readonly headers?: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

/** The head of a request for a WebSocket. A header of undefined is left out; an array is several lines. */
export const upgradeRequest = (
  host: string,
  { headers, path = "/chat", version = "1.1" }: UpgradeOptions = {}
): string => {
  const all = {
    Host: host,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => `${name}: ${String(one)}`)
  )
  return [`GET ${path} HTTP/${version}`, ...lines, "", ""].join("\r\n")
}

/**
 * Sends the request, and calls `opened` with the stream once the server has agreed; `failed` with its response if not.
 */
export const open = (
  socket: Net.Socket,
  request: string,
  opened: (stream: WebSocketStream) => void,
  failed: (response: string) => void
): void => {
  let head = Buffer.alloc(0)
  const read = (bytes: Buffer) => {
    head = Buffer.concat([head, bytes])
    const end = head.indexOf("\r\n\r\n")
    if (end < 0) return
    socket.off("data", read)
    const text = head.toString("latin1")
    if (!text.startsWith("HTTP/1.1 101 ")) return failed(text)
    socket.pause()
    opened(new WebSocketStream(socket))
    if (head.length > end + 4) socket.unshift(head.subarray(end + 4))
    return socket.resume()
  }
  socket.on("data", read)
  socket.write(request)
}
