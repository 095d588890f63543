import type { Wire } from "./History.js"
import type { KernelSilence } from "./KernelSilence.js"
import type { SimulatedLoop } from "./SimulatedLoop.js"

/** What the server has written and the client's kernel has not taken yet. */
export class UntakenBytes {
  private pending = ""
  /** Their number when the server's kernel last reported it. */
  private reported = 0
  private movedAt = 0
  private pace = Infinity
  private room = Infinity

  constructor(
    private readonly loop: SimulatedLoop,
    private readonly wire: Wire,
    private readonly silence: KernelSilence
  ) {}

  get isEmpty(): boolean {
    return this.pending === ""
  }

  get length(): number {
    return this.pending.length
  }

  /** The server writes. */
  add(bytes: string) {
    this.pending += bytes
    this.movedAt = this.loop.now
  }

  drop() {
    this.pending = ""
  }

  /** How many bytes the client takes in each turn from now on. */
  setPace(bytes: number) {
    this.pace = bytes
    if (bytes < Infinity) this.wire.isSlow = true
    this.room = bytes
  }

  /** The client takes this many more bytes, once. */
  grant(bytes: number) {
    this.room += bytes
  }

  /** Each turn, the client has room for some more. */
  beginTurn() {
    if (this.pace > 0) this.room = this.pace
  }

  /** The client takes what it has room for. */
  flow() {
    const some = this.pending.slice(0, this.room)
    if (some === "") return
    this.note(false)
    this.room -= some.length
    this.pending = this.pending.slice(some.length)
    this.wire.taken += some
    this.silence.taken()
    const { now: at, turn } = this.loop
    this.wire.takes.push({ turn, at, end: this.wire.taken.length })
    this.movedAt = at
  }

  /** Their number as the server's kernel knows it: of a broken connection, it may not say it any more. */
  report(isKnown: boolean): number {
    if (isKnown) this.reported = this.pending.length
    return this.reported
  }

  /** For how long nothing has moved, in milliseconds. */
  get stalledMillis(): number {
    return this.isEmpty ? 0 : this.loop.now - this.movedAt
  }

  /** Records how long nothing has moved, even if the period continues. */
  note(isOver: boolean) {
    if (!isOver && this.stalledMillis > 0) this.wire.stalls.push({ from: this.movedAt, to: this.loop.now })
    this.silence.note(isOver)
  }
}
