import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Transmission } from "../../src/ports/Reachability.js"
import { ignoreEvents, TransportError, type Socket, type SocketEvents } from "../../src/ports/Transport.js"
import { ClientAcks, type Acknowledged } from "./ClientAcks.js"
import type { Moment, ReadMoment, Wire } from "./History.js"
import { KernelSilence } from "./KernelSilence.js"
import type { SimulatedLoop } from "./SimulatedLoop.js"
import { UntakenBytes } from "./UntakenBytes.js"

/** How a client behaves, apart from its steps. */
export interface Manners {
  /** The most bytes that one read of the server returns. */
  readonly cut: number
  /** Ends its side when it sees the server's end. */
  readonly polite: boolean
  /** Once the connection is broken, the server's kernel does not say any more how far the last write got. */
  readonly opaque: boolean
}

/** Which side of a connection fails first. */
export type Side = "read" | "write"

/** The size of libuv's buffer for one read of a socket. */
const readBytes = 65_536

/** The most reads of one socket in one turn, as in libuv: as long as its buffer was filled. */
const maxReads = 32

/** The most that the server reads from a client ahead of the broker: less than one read, and then one more. */
export const mostAhead = 2 * readBytes - 1

const lost = new TransportError({
  during: "Read",
  reason: "the connection was lost (ECONNRESET)",
  code: "ECONNRESET"
})

/**
 * The server's end of a simulated connection. The methods of the second half are the actions of the client and the
 * network; as in Node they take effect in a turn, never within a call of the server.
 */
export class SimulatedSocket implements Socket {
  readonly wire: Wire
  /** Gone in both directions, although the server may not have been notified yet. */
  isOver = false
  private events: SocketEvents | undefined = undefined
  private isTold = false
  private isPaused = false
  private arriving = ""
  private clientEnds = false
  private sawEnd = false
  private readonly acks = new ClientAcks()
  private cut: number
  private outEnded = false
  private waiting: ((outcome: Effect.Effect<void, TransportError>) => void) | undefined = undefined
  private readonly silence: KernelSilence
  private readonly out: UntakenBytes
  private breaksWrite: number | undefined = undefined
  private breaksRead: number | undefined = undefined
  /** A break of the read side is noticed only by reading, probing or writing. */
  private isNoticed = false

  constructor(
    private readonly loop: SimulatedLoop,
    number: number,
    readonly host: string,
    private readonly manners: Manners
  ) {
    this.cut = Math.min(manners.cut, readBytes)
    this.wire = {
      number,
      remote: `sim:${number}`,
      host,
      accepted: this.readMoment(),
      heard: [],
      ended: undefined,
      gone: undefined,
      reset: undefined,
      broke: false,
      writeBroke: undefined,
      taken: "",
      takes: [],
      known: 0,
      closed: undefined,
      destroyed: undefined,
      pauses: [],
      isSlow: false,
      stalls: [],
      silences: [],
      misuse: []
    }
    this.silence = new KernelSilence(loop, this.wire)
    this.out = new UntakenBytes(loop, this.wire, this.silence)
  }

  get remote() {
    return this.wire.remote
  }

  // The port.

  attach(events: SocketEvents) {
    if (this.events !== undefined) this.wire.misuse.push("attached twice")
    if (this.loop.turn !== this.wire.accepted.turn) this.wire.misuse.push("attached in a later turn")
    this.events = events
  }

  pause() {
    if (this.isPaused) return
    this.isPaused = true
    this.wire.pauses.push({ from: this.moment(), to: undefined })
  }

  resume() {
    if (!this.isPaused) return
    this.isPaused = false
    const last = this.wire.pauses.at(-1)
    if (last !== undefined) last.to = this.moment()
  }

  probe() {
    // While a write is pending, a probe finds nothing; the write itself fails.
    if (this.breaksRead !== undefined) this.isNoticed = true
  }

  write(bytes: string) {
    if (!this.out.isEmpty) this.wire.misuse.push("wrote before the last write was taken")
    if (this.outEnded) this.wire.misuse.push("wrote after its own end")
    if (this.breaksRead !== undefined) this.isNoticed = true
    this.out.add(bytes)
    this.flow()
    this.out.report(true)
    return this.out.isEmpty
  }

  untaken() {
    return this.out.report(!this.manners.opaque || !this.isBroken)
  }

  private get isBroken() {
    return this.wire.broke || this.isWriteBroken
  }

  readonly taken: Effect.Effect<void, TransportError> = Effect.async((resume) => {
    if (this.waiting !== undefined) this.wire.misuse.push("two wait for one write")
    this.waiting = resume
    this.answer()
    return Effect.sync(() => {
      this.waiting = undefined
    })
  })

  end() {
    this.outEnded = true
  }

  close(linger: Duration.Duration) {
    return Effect.async<void>((resume) => {
      this.wire.closed ??= { ...this.moment(), untaken: this.out.length }
      if (this.isOver) return resume(Effect.void)
      const cancel = this.loop.after(Duration.toMillis(linger), () => this.destroy())
      const closed = () => {
        cancel()
        resume(Effect.void)
      }
      this.events = { ...ignoreEvents, closed }
      this.outEnded = true
      // Not `resume`, which would count as the server reading again.
      this.isPaused = false
      return Effect.sync(() => {
        cancel()
        this.destroy()
      })
    })
  }

  destroy() {
    this.untaken()
    this.wire.destroyed ??= { ...this.moment(), stalled: this.out.stalledMillis }
    this.finish()
  }

  // The client and the network.

  /** Bytes that the client sends. */
  send(bytes: string) {
    if (this.clientEnds || this.hasVanished) return
    this.arriving += bytes
    this.acks.sent(bytes)
  }

  /**
   * The client acknowledges messages that it has received since the server's `* hello` with `ack`. Returns how many it
   * has acknowledged so far.
   */
  acknowledge(which: Acknowledged): number {
    const { acks, wire } = this
    if (!this.clientEnds && !this.hasVanished) this.send(acks.acknowledge(which, wire.taken))
    return acks.acknowledged
  }

  /** The client ends its sending side after what it has sent. */
  shutDown() {
    if (!this.hasVanished) this.clientEnds = true
  }

  /** From now on the client's kernel acknowledges nothing. Only one that is alive can still send something. */
  vanish(isAlive: boolean) {
    this.silence.begin(isAlive)
  }

  /** The client's kernel acknowledges everything again. */
  comeBack() {
    this.silence.end(this.isOver)
  }

  private get hasVanished() {
    return this.silence.isAlive === false
  }

  /** What the server's kernel reports, if anything is unacknowledged. */
  get transmission(): Transmission | undefined {
    return this.silence.transmission
  }

  /** How many bytes the client takes in each turn from now on. */
  setPace(bytes: number) {
    this.out.setPace(bytes)
  }

  /** The client takes this many more bytes, once. */
  grant(bytes: number) {
    this.out.grant(bytes)
  }

  /** From now on the client sends and takes as much as it can. */
  hurry() {
    this.comeBack()
    this.cut = readBytes
    this.setPace(Infinity)
  }

  /** The connection breaks: one side fails at once, the other some turns later. */
  reset(first: Side, gap: number) {
    const turn = this.loop.turn
    this.breaksWrite ??= first === "write" ? turn : turn + gap
    this.breaksRead ??= first === "read" ? turn : turn + gap
    if (first === "write") this.isNoticed = true
  }

  /** The server's process is gone, and its kernel ends the connection. What the client's kernel has taken stays. */
  crash() {
    this.finish()
    this.isTold = true
    this.waiting = undefined
    this.out.drop()
  }

  /** One turn: bytes flow out, and one event comes in. */
  poll() {
    if (!this.isOver) {
      this.out.beginTurn()
      this.flow()
      this.answer()
      if (this.outEnded && this.out.isEmpty && this.manners.polite) this.shutDown()
    }
    this.event()
    this.answer()
  }

  /** Records what is known at the end of the run, when no period is over. */
  noteEnd() {
    this.out.note(this.isOver)
    this.wire.known = this.wire.taken.length + this.out.length - this.untaken()
  }

  /** Gone in both directions, and the server knows it: nothing happens on it any more. */
  get isKnownToBeOver(): boolean {
    return this.isOver && this.isTold && this.waiting === undefined
  }

  /** All bytes that the server has written, while its kernel has not taken the last of them; otherwise undefined. */
  get handed(): number | undefined {
    return this.out.isEmpty || this.isOver ? undefined : this.wire.taken.length + this.out.length
  }

  /**
   * Whether lines may wait for this connection: its client does not take or acknowledge them, or the server may not
   * know its end yet.
   */
  get mayKeepLines(): boolean {
    const { closed, gone, writeBroke } = this.wire
    if (this.out.isEmpty && !this.isOver) return this.breaksRead !== undefined || this.isSilent
    const noticed = Math.max((gone ?? closed)?.turn ?? Infinity, writeBroke?.turn ?? 0)
    return this.waiting !== undefined || this.loop.turn < noticed + 4
  }

  /** Whether messages wait for an acknowledgement that the client has not sent, or that the server has not handled. */
  get isSilent(): boolean {
    const { acknowledged } = this.acks
    const messages = this.acks.messagesIn(this.wire.taken)
    return !this.isOver && messages > 0 && (messages > acknowledged || this.arriving !== "" || this.isPaused)
  }

  /** Grows with every movement on this connection. */
  get progress(): number {
    return this.wire.taken.length - this.arriving.length + (this.isOver ? 1 : 0)
  }

  private get isWriteBroken() {
    return this.breaksWrite !== undefined && this.loop.turn >= this.breaksWrite
  }

  private event() {
    const { events } = this
    if (events === undefined || this.isTold) return
    if (this.isOver) return this.tellGone(events, undefined)
    const isReset = this.breaksRead !== undefined && this.loop.turn >= this.breaksRead
    if (isReset) this.wire.reset ??= this.moment()
    if (isReset && (this.isNoticed || !this.isPaused)) {
      this.wire.broke = true
      this.finish()
      return this.tellGone(events, lost)
    }
    if (this.isPaused) return
    if (this.arriving !== "") return this.read()
    if (this.clientEnds && !this.sawEnd) {
      this.sawEnd = true
      if (this.wire.closed === undefined) this.wire.ended = this.readMoment()
      return events.end()
    }
    if (this.sawEnd && this.outEnded && this.out.isEmpty) this.finish()
  }

  /** Reads like libuv, again and again while its buffer is filled: only `pause` stops it. */
  private read() {
    for (let reads = 0; reads < maxReads && this.arriving !== "" && !this.isPaused; reads++) {
      const bytes = this.arriving.slice(0, this.cut)
      this.arriving = this.arriving.slice(bytes.length)
      if (this.wire.closed === undefined) this.wire.heard.push({ ...this.readMoment(), bytes })
      this.events?.data(Buffer.from(bytes, "latin1"))
      if (bytes.length < readBytes) return
    }
  }

  private tellGone(events: SocketEvents, error: TransportError | undefined) {
    this.isTold = true
    this.wire.gone = this.moment()
    events.closed(error)
  }

  private flow() {
    if (this.out.isEmpty || this.isOver) return
    if (this.isWriteBroken) {
      this.wire.writeBroke ??= this.moment()
      return
    }
    this.out.flow()
  }

  /** Resumes the writer that waits. */
  private answer() {
    const { waiting } = this
    if (waiting === undefined) return
    const isBroken = this.isWriteBroken || (this.isOver && this.breaksWrite === undefined)
    if (!this.out.isEmpty && !isBroken) return
    this.waiting = undefined
    if (this.out.isEmpty) {
      this.out.report(true)
      return waiting(Effect.void)
    }
    this.wire.writeBroke ??= this.moment()
    return waiting(Effect.fail(lost))
  }

  private finish() {
    if (this.isOver) return
    this.out.note(false)
    this.isOver = true
    this.arriving = ""
  }

  private readMoment(): ReadMoment {
    const { loop } = this
    return { turn: loop.turn, at: loop.now, order: loop.nextRead(), clock: loop.monotonic }
  }

  private moment(): Moment {
    return { turn: this.loop.turn, at: this.loop.now }
  }
}
