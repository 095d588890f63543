import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "../ports/Transport.js"
import type { NetSocket } from "./NetSocket.js"
import { WebSocketDecoder, type Fault } from "./WebSocketDecoder.js"
import * as WebSocketFrame from "./WebSocketFrame.js"
import { CloseCode, Opcode } from "./WebSocketFrame.js"

const hasClosed = new TransportError({ during: "Write", reason: "the peer has closed its WebSocket" })

const noCloseFrame = new TransportError({ during: "Read", reason: "the connection ended without a Close frame" })

const unfinished = new TransportError({ during: "Read", reason: "the peer has left in the middle of a line" })

const noAnswer = new TransportError({ during: "Read", reason: "the peer has not answered a Ping", code: "ETIMEDOUT" })

/** A listener's facts about a client, besides its socket. */
export interface FramedOptions {
  readonly isPrivate: boolean
  readonly identity: string | undefined
  readonly maxMessageBytes: number
  /** The response that makes the connection a WebSocket. It is written before everything else. */
  readonly greeting: string
}

/**
 * The `Socket` of the port over WebSocket, on top of a TCP or TLS socket.
 *
 * Each write becomes text messages of whole lines. A line that a write does not end continues in the next write,
 * because only a whole message must be UTF-8. The socket below never has more than one write that the kernel has not
 * taken, so that its count of untaken bytes shows how many lines are untaken. Later writes wait here.
 *
 * A browser discards everything that arrives after it has sent a Close frame. So that frame ends both directions, and
 * bytes that the kernel had not taken when it arrived never count as taken.
 */
export class FramedSocket implements Socket {
  readonly remote: string
  readonly host: string
  readonly isPrivate: boolean
  readonly identity: string | undefined
  private readonly input: FrameInput
  /** Whether the kernel had not taken all of the last write to the socket below. */
  private isBusy = false
  /** The owner's last write, until the kernel is known to have taken all of it. */
  private lines = ""
  /** The number of its bytes that may be untaken. */
  private unseen = 0
  /** The frames of the owner's last write, while a control frame is in the socket below. */
  private held = ""
  /** The answer to the latest Ping, while another frame is in the socket below. */
  private pong = ""
  /** Whether the last write ended within a line. */
  private isWithinLine = false
  private closeCode: number = CloseCode.normal
  private hasSentClose = false
  /** The peer processes nothing from now on; `unseen` stays as it is. */
  private hasLeft = false

  constructor(
    private readonly below: NetSocket,
    { greeting, identity, isPrivate, maxMessageBytes }: FramedOptions
  ) {
    this.remote = below.remote
    this.host = below.host
    this.isPrivate = isPrivate
    this.identity = identity
    this.input = new FrameInput(this, maxMessageBytes)
    this.put(greeting)
  }

  /** Node's socket below. */
  get socket(): Net.Socket {
    return this.below.socket
  }

  attach(events: SocketEvents) {
    this.input.events = events
    this.below.attach(this.input)
  }

  pause() {
    this.input.isPaused = true
    this.below.pause()
  }

  resume() {
    this.input.isPaused = false
    this.input.isAwaited = false
    this.below.resume()
  }

  probe() {
    this.below.probe()
  }

  write(bytes: string) {
    this.unseen = bytes.length
    if (this.hasLeft || this.hasSentClose) return false
    const frames = WebSocketFrame.messages(bytes, this.isWithinLine)
    this.isWithinLine = !bytes.endsWith("\n")
    this.closeCode = WebSocketFrame.closeCodeAfter(bytes)
    this.lines = bytes
    if (this.isOccupied(0)) {
      this.held = frames
      return false
    }
    if (!this.put(frames)) return false
    this.taking(0)
    return true
  }

  private taking(unseen: number) {
    this.unseen = unseen
    if (unseen === 0) this.lines = ""
  }

  private put(frames: string) {
    this.isBusy = !this.below.write(frames)
    return !this.isBusy
  }

  /**
   * Whether the socket below has frames that the kernel has not taken. No fiber waits for a control frame, so its end
   * is detected here.
   *
   * @param unseen bytes of the owner that are below
   */
  private isOccupied(unseen: number) {
    if (this.isBusy && unseen === 0 && this.below.socket.writableLength === 0) this.isBusy = false
    return this.isBusy
  }

  untaken() {
    if (!this.hasLeft && this.held === "" && this.unseen > 0) {
      this.taking(WebSocketFrame.unseen(this.lines, this.below.untaken()))
    }
    return this.unseen
  }

  get taken() {
    return Effect.suspend(() => {
      if (this.hasLeft || this.hasSentClose) return Effect.fail(hasClosed)
      return this.isBusy ? this.untilTaken() : Effect.void
    })
  }

  private untilTaken(): Effect.Effect<void, TransportError> {
    return Effect.flatMap(this.below.taken, () => {
      if (this.hasLeft) return Effect.fail(hasClosed)
      const { held } = this
      this.isBusy = false
      this.held = ""
      if (held !== "" && !this.put(held)) return this.untilTaken()
      this.taking(0)
      this.sendPong()
      return Effect.void
    })
  }

  /** Sends a Ping. Ends the connection of a peer that has sent nothing since the last one. */
  ping() {
    const { input } = this
    // A peer that does not read, or is not being read, cannot answer; other limits apply to it.
    if (input.isPaused || this.hasSentClose || this.isOccupied(this.unseen)) return
    if (input.isAwaited) return this.fail(CloseCode.policy, noAnswer)
    input.isAwaited = true
    this.put(WebSocketFrame.frame(Opcode.ping, true, ""))
    this.sendPong()
  }

  answer(ping: Uint8Array) {
    this.pong = WebSocketFrame.frame(Opcode.pong, true, Buffer.from(ping).toString("latin1"))
    this.sendPong()
  }

  private sendPong() {
    const { pong } = this
    if (pong === "" || this.hasSentClose || this.isOccupied(this.unseen)) return
    this.pong = ""
    this.put(pong)
  }

  /** The peer has sent a Close frame. */
  left(code: number | undefined) {
    this.ends(code ?? CloseCode.normal)
    this.input.events.end()
  }

  /** The connection cannot continue. */
  fail(code: number, error: TransportError) {
    this.ends(code)
    const { events } = this.input
    this.input.events = ignoreEvents
    events.closed(error)
  }

  private ends(code: number) {
    this.untaken()
    this.hasLeft = true
    this.closeCode = code
    this.sendClose()
    this.below.stopWaiting()
  }

  /** Bypasses the count of the socket below, which stays that of the previous write. */
  private sendClose() {
    if (this.hasSentClose) return
    this.hasSentClose = true
    if (!this.below.socket.writable) return
    this.below.socket.write(this.held + WebSocketFrame.close(this.closeCode), "latin1")
  }

  end() {
    this.sendClose()
    if (this.hasLeft) this.below.end()
  }

  close(linger: Duration.Duration) {
    return Effect.suspend(() => {
      this.sendClose()
      return this.below.close(linger)
    })
  }

  destroy() {
    this.untaken()
    this.below.destroy()
  }

  /** Whether a Close frame was sent or received, after which the peer may end the connection. */
  get isClosing(): boolean {
    return this.hasSentClose
  }
}

/** Handles the events of the socket below. */
class FrameInput implements SocketEvents {
  events: SocketEvents = ignoreEvents
  isPaused = false
  /** Whether the peer has sent nothing since the last Ping. */
  isAwaited = false
  private readonly decoder: WebSocketDecoder
  private isOver = false

  constructor(
    private readonly socket: FramedSocket,
    maxMessageBytes: number
  ) {
    this.decoder = new WebSocketDecoder(maxMessageBytes)
  }

  data(bytes: Uint8Array) {
    if (this.isOver) return
    this.isAwaited = false
    const { decoder, events, socket } = this
    const text = decoder.decode(bytes)
    const { close, fault, ping } = decoder
    this.isOver = close !== undefined || fault !== undefined
    if (text.length > 0) events.data(text)
    if (ping !== undefined) socket.answer(ping)
    if (fault !== undefined) socket.fail(fault.code, errorOf(fault))
    else if (close === undefined) return
    else if (decoder.isWithinLine) socket.fail(close.code ?? CloseCode.normal, unfinished)
    else socket.left(close.code)
  }

  end() {
    if (this.isOver) return
    this.isOver = true
    if (this.socket.isClosing) this.events.end()
    else this.socket.fail(CloseCode.protocolError, noCloseFrame)
  }

  closed(error: TransportError | undefined) {
    this.events.closed(error)
  }
}

const errorOf = ({ code, why }: Fault) =>
  new TransportError({ during: "Read", reason: `the peer broke the rules of WebSocket (${code}): ${why}` })
