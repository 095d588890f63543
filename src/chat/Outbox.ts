import type { CloseReason } from "../protocol/CloseReason.js"
import type { JamReason } from "../protocol/OutcomeReply.js"
import { Batch } from "./Batch.js"
import * as LineForm from "./LineForm.js"
import { OutboxBatches } from "./OutboxBatches.js"
import type { Bounds } from "./OutboxLoad.js"

/** What an outbox needs to know of its writer. */
export interface WriterKind {
  /** Why lines return while the outbox is jammed. */
  readonly jamReason: JamReason
  /**
   * Whether only the writer knows the fate of its batch in hand, for example one that was sent to a database. Such a
   * batch is not returned, not even at the end of a shutdown.
   */
  readonly decidesAlone: boolean
  /**
   * Whether the writer gets its batches before the sockets do, at the end of a turn: it may put lines into outboxes, to
   * be written in this turn as well.
   */
  readonly isFirst: boolean
}

const socketWriter: WriterKind = { jamReason: "busy", decidesAlone: false, isFirst: false }

/**
 * A recipient: a name, and the bounded queue between the broker and one writer. The writer decides what to do with a
 * batch; a connection's writer sends it to a socket. Routing, flow control, returns, labels and the ledger work on
 * outboxes and do not depend on the kind of writer.
 *
 * An outbox never refuses a line. The broker checks `isFull` before it puts lines, and holds the senders instead.
 * `OutboxLoad` measures how full it is, `OutboxBatches` moves the lines to the writer, and this class adds how an
 * outbox jams and ends.
 */
export class Outbox<Sender> extends OutboxBatches<Sender> {
  /** Changed only by `Names.setForm`, because routes depend on it. */
  form: LineForm.LineForm = LineForm.plain
  private jammed = false
  private stuck = false
  private touched = false
  private broken = false
  private endReason: CloseReason | undefined = undefined
  private isSurrendered = false

  constructor(
    bounds: Bounds,
    name = "",
    private readonly writer: WriterKind = socketWriter
  ) {
    super(bounds, name)
  }

  /**
   * The outbox is full and its writer makes no progress: messages return, as `jamReason` says, instead of holding their
   * senders.
   */
  get isJammed(): boolean {
    return this.jammed
  }

  /** Why messages return while the outbox is jammed. */
  get jamReason(): JamReason {
    return this.writer.jamReason
  }

  /** See `WriterKind.isFirst`. */
  get isFirst(): boolean {
    return this.writer.isFirst
  }

  /** The connection broke: the queued lines cannot be written. */
  get isBroken(): boolean {
    return this.broken
  }

  /** Why the outbox ends, once that is decided. No line is put after that. */
  get ended(): CloseReason | undefined {
    return this.endReason
  }

  // The broker's side.

  /** True for the first call in a turn: the caller must then `flush` the outbox at the end of the turn. */
  touch(): boolean {
    if (this.touched) return false
    this.touched = true
    return true
  }

  /** Ends the turn. */
  override flush() {
    this.touched = false
    super.flush()
  }

  /** Marks that the writer has made no progress for too long. */
  jam() {
    this.jammed = true
  }

  unjam() {
    if (!this.isSurrendered && !this.stuck) this.jammed = false
  }

  /** Jams the outbox until the fate of the batch in hand is decided, however much room there is. */
  stick() {
    this.stuck = true
    this.jammed = true
  }

  /**
   * Takes back everything that the writer has not taken yet. The writer continues with what is put from now on.
   */
  retract(): ReadonlyArray<Batch<Sender>> {
    const queued = this.takeAllQueued()
    const open = this.takeOpen()
    const batches = open === undefined ? queued : [...queued, open]
    for (const batch of batches) {
      this.uncount(batch)
      this.reported(batch.returns)
    }
    return batches
  }

  /** Takes back everything, including the batch in hand, which the writer has not begun. The writer then has none. */
  recall(): ReadonlyArray<Batch<Sender>> {
    const { handed } = this
    if (handed === undefined) return this.retract()
    this.handed = undefined
    this.uncount(handed)
    return [handed, ...this.retract()]
  }

  /** Ends the outbox after the lines already queued. Only the first call counts. */
  end(reason: CloseReason) {
    if (this.endReason !== undefined) return
    this.endReason = reason
    this.open ??= new Batch<Sender>()
    this.open.isLast = true
    if (this.idle === undefined) this.open.settle()
    else this.handOver(this.open)
  }

  /** Marks the connection as broken and wakes the writer. Only the first call counts, but it overrides `end`. */
  break(reason: CloseReason) {
    if (this.broken) return
    this.broken = true
    this.end(reason)
    this.endReason = reason
  }

  /**
   * For an outbox whose writer has ended, after `leftOver`. Returns the lines put since then, and resets the counts.
   */
  abandon(): ReadonlyArray<Batch<Sender>> {
    const open = this.takeOpen()
    this.reset()
    this.jammed = false
    return open === undefined ? [] : [open]
  }

  /**
   * Breaks an outbox whose writer is not a socket, and returns everything that the writer has not settled: the batch in
   * hand as well, unless the writer decides alone. From then on it is jammed: further lines return as `busy`.
   */
  surrender(reason: CloseReason): ReadonlyArray<Batch<Sender>> {
    this.hasWriter = false
    this.idle = undefined
    this.broken = true
    this.endReason = reason
    const inHand = this.handed === undefined || this.writer.decidesAlone ? [] : [this.handed]
    if (inHand.length > 0) this.handed = undefined
    const lines = [...inHand, ...this.takeAllQueued(), ...this.abandon()]
    this.isSurrendered = true
    this.full = true
    this.jammed = true
    return lines
  }

  // The writer's side.

  /** Whether the writer still has to report the fate of this batch. */
  awaits(batch: Batch<Sender>): boolean {
    return !this.broken || this.handed === batch
  }

  /** The fate of the batch in hand is decided. Returns whether that makes room for senders that are held here. */
  taken(batch: Batch<Sender>): boolean {
    this.handed = undefined
    if (this.isSurrendered) return false // `surrender` has already uncounted it
    if (this.stuck) {
      this.stuck = false
      this.jammed = false
    }
    this.uncount(batch)
    return this.makeRoom()
  }

  /**
   * Takes the batches left in the queue when the writer ends. The open batch, and lines put later, stay for `abandon`.
   */
  leftOver(): ReadonlyArray<Batch<Sender>> {
    this.hasWriter = false
    this.idle = undefined
    return this.takeAllQueued()
  }
}
