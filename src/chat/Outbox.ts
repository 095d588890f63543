import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { CloseReason } from "../protocol/CloseReason.js"
import type { JamReason } from "../protocol/Reply.js"
import { Batch } from "./Batch.js"
import { lineBytes, outcomeBytes, type Budget } from "./Budget.js"
import * as LineForm from "./LineForm.js"
import type { Source } from "./Source.js"
import { Unacknowledged } from "./Unacknowledged.js"

/** The most that an outbox holds before its senders are held. They are released at half of it. */
export interface Bounds {
  lines: number
  bytes: number
  /** Pending outcomes of labelled lines. */
  outcomes: number
  /** The memory that all outboxes share. */
  readonly budget: Budget
}

/** A batch of this size is handed over before the end of the turn. It is the size of one read. */
const batchBytes = 65_536

const none: ReadonlyArray<never> = []

/** What an outbox needs to know of its writer. */
export interface WriterKind {
  /** Why lines return while the outbox is jammed. */
  readonly jamReason: JamReason
  /**
   * Whether only the writer knows what becomes of a batch that it has in hand, as if that was sent to a database. Such a
   * batch is not returned, not even at the end of a shutdown.
   */
  readonly decidesAlone: boolean
}

const socketWriter: WriterKind = { jamReason: "busy", decidesAlone: false }

/**
 * Takes a batch for a writer that waits for one. At the end of a turn, the batch may be written before this returns. Returns
 * whether the writer waits for the next one.
 */
type IdleWriter<Sender> = (batch: Batch<Sender>, isEndOfTurn: boolean) => boolean

/**
 * A recipient: a name, and the bounded queue between the broker and one writer. The writer decides what to do with a
 * batch; a connection's writer sends it to a socket. Routing, flow control, returns, labels and the ledger work on
 * outboxes and do not depend on the kind of writer.
 *
 * The broker puts lines into an open batch. An idle writer gets the batch at the end of the turn. While the writer is
 * busy, the batch keeps collecting lines, and goes into the `Queue` once it is large, so that a slow socket gets few
 * large writes.
 *
 * An outbox never refuses a line. The broker checks `isFull` before it puts lines, and holds the senders instead.
 */
export class Outbox<Sender> {
  /** Changed only by `Names.setForm`, because routes depend on it. */
  form: LineForm.LineForm = LineForm.plain
  private linesHere = 0
  private bytesHere = 0
  /** Returned pairs that queued lines report to the owner. */
  private returnsHere = 0
  private outcomes = 0
  /** Those of them that are for lines of the owner to itself. */
  private ownOutcomes = 0
  private queued = 0
  private full = false
  private queueFull = false
  private owed = false
  private jammed = false
  private touched = false
  private broken = false
  private endReason: CloseReason | undefined = undefined
  private hasWriter = true
  private isSurrendered = false
  /** Shared while empty, which it is for most (benchmark: idle memory). */
  private waiting: ReadonlyArray<Sender> = none
  private handed: Batch<Sender> | undefined = undefined
  private open: Batch<Sender> | undefined = undefined
  private madeQueue: Queue.Queue<Batch<Sender>> | undefined = undefined
  private idle: IdleWriter<Sender> | undefined = undefined
  private written: Unacknowledged<Sender> | undefined = undefined

  constructor(
    private readonly bounds: Bounds,
    /** The recipient's name in wire form; empty until a connection has logged in. */
    public name = "",
    private readonly writer: WriterKind = socketWriter
  ) {}

  /** Queued lines, including those in the writer's hands. */
  get lines(): number {
    return this.linesHere
  }

  /** Queued bytes, including those in the writer's hands. */
  get bytes(): number {
    return this.bytesHere
  }

  /** Returned pairs that queued lines report to the owner. */
  get returns(): number {
    return this.returnsHere
  }

  /** Nothing is queued, and nothing waits for its acknowledgement. */
  get isEmpty(): boolean {
    return this.linesHere === 0 && (this.written === undefined || this.written.lines === 0)
  }

  /** What was written to a client with `ack`; undefined if the client has not said that. */
  get unacknowledged(): Unacknowledged<Sender> | undefined {
    return this.written
  }

  /** The memory of the lines: those that are queued, and those that wait for their acknowledgement. */
  get cost(): number {
    return this.queueCost + (this.written === undefined ? 0 : this.written.cost)
  }

  private get queueCost(): number {
    return this.bytesHere + this.linesHere * lineBytes
  }

  /** The memory that is reserved for outcomes. */
  get costOfOutcomes(): number {
    return this.outcomes * outcomeBytes
  }

  /** The outbox has exceeded its bounds: no more messages until it is down to half of them. */
  get isFull(): boolean {
    return this.full
  }

  /**
   * The lines that are not written yet exceed the bounds by themselves: there is no room for replies to the owner
   * either. Lines that wait for their acknowledgement do not count here, because the server must go on reading to get
   * it.
   */
  get isQueueFull(): boolean {
    return this.queueFull
  }

  /**
   * The owner has too many pending outcomes. Then the owner is held, not its senders. Those for lines to itself do not
   * count: it may have to acknowledge these lines, which it cannot while it is held. The queue bounds them.
   */
  get isOwed(): boolean {
    return this.owed
  }

  /**
   * The outbox is full and its writer makes no progress: messages return, as `jamReason` says, instead of holding their senders.
   */
  get isJammed(): boolean {
    return this.jammed
  }

  /** Why messages return while the outbox is jammed. */
  get jamReason(): JamReason {
    return this.writer.jamReason
  }

  /** The connection broke: the queued lines cannot be written. */
  get isBroken(): boolean {
    return this.broken
  }

  /** Why the outbox ends, once that is decided. No line is put after that. */
  get ended(): CloseReason | undefined {
    return this.endReason
  }

  /** The batch that the writer has taken and not settled yet. */
  get inHand(): Batch<Sender> | undefined {
    return this.handed
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0
  }

  /**
   * Its capacity follows from the bound on bytes, because every batch in it but the last two has `batchBytes`. Created
   * on first use: most clients never lag so far, and a `Queue` takes as much memory as a fiber (benchmark: idle
   * memory).
   */
  private get queue(): Queue.Queue<Batch<Sender>> {
    return (this.madeQueue ??= Effect.runSync(Queue.bounded(Math.ceil(this.bounds.bytes / batchBytes) + 2)))
  }

  // The broker's side.

  /** Whether the outbox can take this many more bytes and lines without becoming full. */
  hasRoom(bytes: number, lines: number): boolean {
    return !this.full && this.isWithin(1, this.written, bytes, lines)
  }

  /**
   * Whether the queue is within a part of the bounds, together with what waits for its acknowledgement, and with this
   * many more bytes and lines.
   */
  private isWithin(part: number, written: Unacknowledged<Sender> | undefined, moreBytes = 0, moreLines = 0): boolean {
    const { bounds } = this
    let bytes = this.bytesHere + moreBytes
    let lines = this.linesHere + moreLines
    let cost = bytes + lines * lineBytes
    if (written !== undefined) {
      cost += written.cost
      if (written.isCounted) {
        bytes += written.bytes
        lines += written.lines
      }
    }
    return bytes <= part * bounds.bytes && lines <= part * bounds.lines && cost <= part * bounds.budget.share
  }

  /** True for the first call in a turn: the caller must then `flush` the outbox at the end of the turn. */
  touch(): boolean {
    if (this.touched) return false
    this.touched = true
    return true
  }

  /** Puts whole lines of a sender, or from a log; exactly one line if there is a label. Benchmark: every row. */
  put(text: string, lines: number, sender: Sender | Source, label: string | undefined) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(text, lines, sender, label)
    this.count(text, lines)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  /** Puts whole lines from the server, which report `returns` returned pairs to the owner. */
  reply(text: string, returns: number, lines = 1) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(text, lines, undefined, undefined)
    open.returns += returns
    this.returnsHere += returns
    this.count(text, lines)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  private count(text: string, lines: number) {
    this.linesHere += lines
    this.bytesHere += text.length
    this.bounds.budget.used += text.length + lines * lineBytes
    this.checkBounds()
  }

  private checkBounds() {
    if (this.isWithin(1, this.written)) return
    this.full = true
    if (this.written === undefined || !this.isWithin(1, undefined)) this.queueFull = true
  }

  /** Counts an outcome that will be put here later, even if the outbox is full then. */
  expectOutcome(recipient: string) {
    this.outcomes += 1
    if (recipient === this.name) this.ownOutcomes += 1
    this.bounds.budget.used += outcomeBytes
    // Without a writer, the owner would be held forever.
    if (this.hasWriter && !this.owesWithin(1)) this.owed = true
  }

  /** Counts that an expected outcome has been put. */
  outcomeCame(recipient: string) {
    this.outcomes -= 1
    if (recipient === this.name) this.ownOutcomes -= 1
    this.bounds.budget.used -= outcomeBytes
  }

  /** Whether the outcomes of lines to others are within a part of the bounds. */
  private owesWithin(part: number): boolean {
    const { budget, outcomes } = this.bounds
    const pending = this.outcomes - this.ownOutcomes
    return pending <= part * outcomes && pending * outcomeBytes <= part * budget.share
  }

  /** Holds a sender until there is room. */
  hold(sender: Sender) {
    if (this.waiting.length === 0) this.waiting = [sender]
    else (this.waiting as Array<Sender>).push(sender) // its own
  }

  /** Removes and returns the held senders, in the order in which they were held. The caller may hold them again. */
  takeWaiting(): ReadonlyArray<Sender> {
    const waiting = this.waiting
    this.waiting = none
    return waiting
  }

  /** Puts senders that were not served at the front of the queue of held senders. */
  holdFirst(senders: ReadonlyArray<Sender>) {
    if (senders.length > 0) this.waiting = [...senders, ...this.waiting]
  }

  /** Marks that the writer has made no progress for too long. */
  jam() {
    this.jammed = true
  }

  unjam() {
    if (!this.isSurrendered) this.jammed = false
  }

  /** The owner has said `ack`: messages put from now on wait for its acknowledgement once they are written. */
  expectAcknowledgements(owner: Sender) {
    this.written ??= new Unacknowledged(owner, this.linesHere, this.bounds.budget)
  }

  /**
   * The server has stopped reading from the owner. What the owner has not acknowledged does not count meanwhile: the
   * acknowledgement may be in the input that is not read, and wait for senders that are held here. True if that makes
   * room, and senders are held here.
   */
  ownerIsHeld(): boolean {
    if (this.written === undefined) return false
    this.written.isCounted = false
    return this.makeRoom()
  }

  /** The server reads from the owner again. */
  ownerIsReleased() {
    if (this.written === undefined) return
    this.written.isCounted = true
    this.checkBounds()
  }

  /** Lifts what holds senders, or the owner, where its cause is gone. True if that makes room and any are held here. */
  makeRoom(): boolean {
    if (!this.full && !this.owed) return false
    const hasRoom = this.full && this.isWithin(0.5, this.written)
    const isQueueShort = this.queueFull && this.isWithin(0.5, undefined)
    const isPaid = this.owed && this.owesWithin(0.5)
    if (hasRoom) this.full = false
    if (isQueueShort) this.queueFull = false
    if (isPaid) this.owed = false
    return (hasRoom || isQueueShort || isPaid) && this.hasWaiting
  }

  /** Ends the turn: an idle writer writes the open batch at once. A busy writer takes it when it is ready. */
  flush() {
    this.touched = false
    const { idle, open } = this
    if (open === undefined) return
    if (idle === undefined) open.settle()
    else if (idle(this.hand(open), true)) this.idle = idle
  }

  /** Hands over a batch before the end of the turn, to be written after it. */
  private handOver(batch: Batch<Sender>) {
    const { idle } = this
    if (idle !== undefined) idle(this.hand(batch), false)
    else if (this.hasWriter && this.queue.unsafeOffer(batch)) {
      batch.flatten()
      this.queued += 1
      this.open = undefined
    }
    // If the queue is full, the batch stays open until the writer takes it.
  }

  /** Gives a batch to the idle writer, which has it in its hands then. */
  private hand(batch: Batch<Sender>): Batch<Sender> {
    this.idle = undefined
    this.open = undefined
    this.handed = batch.close()
    return batch
  }

  /**
   * Takes back everything that the writer has not taken yet. The writer goes on with what is put from now on.
   */
  retract(): ReadonlyArray<Batch<Sender>> {
    const queued = this.queued === 0 ? [] : [...Effect.runSync(Queue.takeAll(this.queue))]
    this.queued = 0
    const batches = this.open === undefined ? queued : [...queued, this.open.close()]
    this.open = undefined
    for (const { lines, returns, text } of batches) {
      this.linesHere -= lines
      this.bytesHere -= text.length
      this.returnsHere -= returns
      this.bounds.budget.used -= text.length + lines * lineBytes
    }
    return batches
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
   * For an outbox whose writer has ended, after `leftOver`. Returns the lines that were put since, and resets the
   * counts.
   */
  abandon(): ReadonlyArray<Batch<Sender>> {
    const open = this.open?.close()
    this.open = undefined
    this.bounds.budget.used -= this.queueCost
    this.linesHere = 0
    this.bytesHere = 0
    this.full = false
    this.queueFull = false
    this.owed = false
    this.jammed = false
    return open === undefined ? [] : [open]
  }

  /**
   * Breaks an outbox whose writer is not a socket, and returns everything that the writer has not settled: the batch in
   * hand as well, unless the writer decides alone. From then on it is jammed: lines that are still on the way to it return as `busy`.
   */
  surrender(reason: CloseReason): ReadonlyArray<Batch<Sender>> {
    this.hasWriter = false
    this.idle = undefined
    this.broken = true
    this.endReason = reason
    const inHand = this.handed === undefined || this.writer.decidesAlone ? [] : [this.handed]
    if (inHand.length > 0) this.handed = undefined
    const queued = this.queued === 0 ? [] : [...Effect.runSync(Queue.takeAll(this.queue))]
    this.queued = 0
    const lines = [...inHand, ...queued, ...this.abandon()]
    this.isSurrendered = true
    this.full = true
    this.jammed = true
    return lines
  }

  // The writer's side.

  /** Calls `start` with the first batch, once there is one: a writer without anything to write need not exist. */
  begin(start: (first: Batch<Sender>) => false) {
    this.idle = start
    this.flush()
  }

  /** Calls `take` with the next batch, as soon as there is one. For a writer without a fiber of its own. */
  onBatch(take: (batch: Batch<Sender>) => void) {
    const waiting = this.takeQueued() ?? this.ready()
    if (waiting !== undefined) return take(waiting)
    this.idle = (batch) => {
      take(batch)
      return false
    }
  }

  /** The next batch if it can be taken without waiting, which is the usual case for a busy writer. */
  ready(): Batch<Sender> | undefined {
    if (this.queued > 0) return undefined
    const open = this.open?.close()
    this.open = undefined
    this.handed = open
    return open
  }

  /**
   * Goes on with the next batch, when `ready` returned none: the first in the queue, or the next one handed over. Effect may
   * let other fibers run before each operation of the writer's, and the broker may then put lines or retract the queue. So
   * what there is to write is looked at again in the very operation that takes it, or that parks the writer.
   *
   * @param write writes a batch at the end of the broker's turn, without waking the writer. Returns what the writer has to
   *   do then; undefined if it is to wait for the next batch. Waking a fiber for each write would take a tenth of the
   *   server's time (benchmarks: mesh, 1 to 100)
   */
  next<A>(
    go: (batch: Batch<Sender>) => Effect.Effect<A>,
    write: (batch: Batch<Sender>) => Effect.Effect<A> | undefined = go
  ): Effect.Effect<A> {
    if (this.queued === 0) return this.park(go, write)
    return Effect.suspend(() => {
      const batch = this.takeQueued()
      return batch === undefined ? this.park(go, write) : go(batch)
    })
  }

  private park<A>(
    go: (batch: Batch<Sender>) => Effect.Effect<A>,
    write: (batch: Batch<Sender>) => Effect.Effect<A> | undefined
  ): Effect.Effect<A> {
    return Effect.async((resume) => {
      const batch = this.takeQueued() ?? this.ready()
      if (batch !== undefined) return resume(go(batch))
      this.idle = (batch, isEndOfTurn) => {
        const rest = isEndOfTurn ? attempt(write, batch) : Effect.suspend(() => go(batch))
        if (rest !== undefined) resume(rest)
        return rest === undefined
      }
    })
  }

  /** Takes the first batch in the queue, which then is in the writer's hands; undefined if the queue is empty. */
  private takeQueued(): Batch<Sender> | undefined {
    if (this.queued === 0) return undefined
    this.queued -= 1
    this.handed = Effect.runSync(Queue.take(this.queue))
    return this.handed
  }

  /** Whether the fate of this batch is still the writer's to tell. */
  awaits(batch: Batch<Sender>): boolean {
    return !this.broken || this.handed === batch
  }

  /** The batch in hand has met its fate. True if that makes room and senders are held here. */
  taken(batch: Batch<Sender>): boolean {
    this.handed = undefined
    if (this.isSurrendered) return false // it was counted as gone then
    this.linesHere -= batch.lines
    this.bytesHere -= batch.text.length
    this.bounds.budget.used -= batch.text.length + batch.lines * lineBytes
    return this.makeRoom()
  }

  /** Counts returned pairs whose report was in a settled batch. */
  reported(returns: number) {
    this.returnsHere -= returns
  }

  /**
   * Takes the batches left in the queue when the writer ends. The open batch, and lines put later, stay for `abandon`.
   */
  leftOver(): ReadonlyArray<Batch<Sender>> {
    this.hasWriter = false
    this.idle = undefined
    return this.queued === 0 ? none : [...Effect.runSync(Queue.takeAll(this.queue))]
  }
}

/** A defect belongs to the writer, not to the broker, in whose turn it occurred. */
const attempt = <Sender, A>(
  write: (batch: Batch<Sender>) => Effect.Effect<A> | undefined,
  batch: Batch<Sender>
): Effect.Effect<A> | undefined => {
  try {
    return write(batch)
  } catch (defect) {
    return Effect.die(defect)
  }
}
