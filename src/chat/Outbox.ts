import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { CloseReason } from "../protocol/CloseReason.js"
import { Batch } from "./Batch.js"
import { lineBytes, outcomeBytes, type Budget } from "./Budget.js"

/** How much an outbox holds before its senders are held; below half of it they are released. */
export interface Bounds {
  lines: number
  bytes: number
  /** Outcomes of labelled lines that are still to come. */
  outcomes: number
  /** The memory that all outboxes share. */
  readonly budget: Budget
}

/** A batch of this size is handed over without waiting for the turn's end: as much as one read brings. */
const batchBytes = 65_536

/**
 * A recipient: a name, and the bounded queue between the broker and one writer. What the writer does with a batch is its
 * own affair: that of a connection writes it to a socket. Routing, flow control, returns, labels and the ledger are those
 * of an outbox, whoever writes.
 *
 * The broker puts lines into an open batch. When the turn ends, an idle writer gets it. While the writer is busy, the
 * batch collects what comes and goes into the `Queue` when it is large, so that a slow socket gets few large writes.
 *
 * An outbox never refuses a line: `isFull` asks the broker to hold the senders, and the broker looks before it puts.
 */
export class Outbox<Sender> {
  private linesHere = 0
  private bytesHere = 0
  /** Returned pairs that lines here report to the owner. */
  private returnsHere = 0
  private outcomes = 0
  private queued = 0
  private full = false
  private owed = false
  private jammed = false
  private touched = false
  private broken = false
  private endReason: CloseReason | undefined = undefined
  private hasWriter = true
  private waiting: Array<Sender> = []
  private handed: Batch<Sender> | undefined = undefined
  private open: Batch<Sender> | undefined = undefined
  private madeQueue: Queue.Queue<Batch<Sender>> | undefined = undefined
  private idle: ((batch: Effect.Effect<Batch<Sender>>) => void) | undefined = undefined

  constructor(
    private readonly bounds: Bounds,
    /** The recipient's name in wire form; empty until a connection has logged in. */
    public name = ""
  ) {}

  /** Lines that its writer has not settled yet. */
  get lines(): number {
    return this.linesHere
  }

  /** Bytes of these lines. */
  get bytes(): number {
    return this.bytesHere
  }

  /** Returned pairs that are reported by lines which are still here. */
  get returns(): number {
    return this.returnsHere
  }

  /** The memory that its lines take. */
  get cost(): number {
    return this.bytesHere + this.linesHere * lineBytes
  }

  /** Over its bounds: no more messages until it is below half of them. */
  get isFull(): boolean {
    return this.full
  }

  /** Its owner waits for more outcomes than it may. The owner is held then, and its senders are not. */
  get isOwed(): boolean {
    return this.owed
  }

  /** Full, and its writer makes no progress: messages are returned as `busy` instead of holding their senders. */
  get isJammed(): boolean {
    return this.jammed
  }

  /** The lines here cannot be written: the connection broke. */
  get isBroken(): boolean {
    return this.broken
  }

  /** Why it ends, once that is certain; no line comes after that. */
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
   * Bounded by what the bytes need, since each batch in it but the last two has `batchBytes`. It is made when it is first
   * used: most clients never lag so far, and a `Queue` takes as much memory as a fiber (benchmark: idle memory).
   */
  private get queue(): Queue.Queue<Batch<Sender>> {
    return (this.madeQueue ??= Effect.runSync(Queue.bounded(Math.ceil(this.bounds.bytes / batchBytes) + 2)))
  }

  // The broker's side.

  /** Whether this much more would not make it full. */
  hasRoom(bytes: number, lines: number): boolean {
    const { bounds } = this
    return (
      !this.full &&
      this.bytesHere + bytes <= bounds.bytes &&
      this.linesHere + lines <= bounds.lines &&
      this.cost + bytes + lines * lineBytes <= bounds.budget.share
    )
  }

  /** True for the first call in a turn: the caller then has to `flush` it when the turn ends. */
  touch(): boolean {
    if (this.touched) return false
    this.touched = true
    return true
  }

  /** Puts whole lines of a sender; with a label, it is one. Benchmark: every row. */
  put(text: string, lines: number, sender: Sender, label: string | undefined) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(text, lines, sender, label)
    this.count(text, lines)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  /** Puts a line of the server's own, which reports `returns` returned pairs to the owner. */
  reply(line: string, returns: number) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(line, 1, undefined, undefined)
    open.returns += returns
    this.returnsHere += returns
    this.count(line, 1)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  private count(text: string, lines: number) {
    const { budget, bytes, lines: maxLines } = this.bounds
    this.linesHere += lines
    this.bytesHere += text.length
    budget.used += text.length + lines * lineBytes
    if (this.bytesHere > bytes || this.linesHere > maxLines || this.cost > budget.share) this.full = true
  }

  /** The outcome of a labelled line will have to be put here, however full it is by then. */
  expectOutcome() {
    const { budget, outcomes } = this.bounds
    this.outcomes += 1
    budget.used += outcomeBytes
    // Without a writer the wait would never end.
    if (!this.hasWriter) return
    if (this.outcomes > outcomes || this.outcomes * outcomeBytes > budget.share) this.owed = true
  }

  /** That outcome is put now. */
  outcomeCame() {
    this.outcomes -= 1
    this.bounds.budget.used -= outcomeBytes
  }

  /** Holds a sender until there is room. */
  hold(sender: Sender) {
    this.waiting.push(sender)
  }

  /** The held senders, in the order in which they came. They may have to be held again. */
  takeWaiting(): ReadonlyArray<Sender> {
    const waiting = this.waiting
    this.waiting = []
    return waiting
  }

  /** Puts senders that were not served before those that were, and wait again. */
  holdFirst(senders: ReadonlyArray<Sender>) {
    if (senders.length > 0) this.waiting = [...senders, ...this.waiting]
  }

  /** The writer has made no progress for too long. */
  jam() {
    this.jammed = true
  }

  unjam() {
    this.jammed = false
  }

  /** The turn is over: an idle writer gets what it brought. A busy one comes for it. */
  flush() {
    this.touched = false
    if (this.open === undefined) return
    if (this.idle === undefined) this.open.settle()
    else this.handOver(this.open)
  }

  private handOver(batch: Batch<Sender>) {
    const idle = this.idle
    if (idle !== undefined) {
      this.idle = undefined
      this.open = undefined
      this.handed = batch.close()
      idle(Effect.succeed(batch))
    } else if (this.hasWriter && this.queue.unsafeOffer(batch)) {
      batch.flatten()
      this.queued += 1
      this.open = undefined
    }
    // A full queue takes it later: it stays open, and the writer comes for it.
  }

  /** Ends after the lines that are here. Only the first call counts. */
  end(reason: CloseReason) {
    if (this.endReason !== undefined) return
    this.endReason = reason
    this.open ??= new Batch<Sender>()
    this.open.isLast = true
    this.flush()
  }

  /** The connection is broken: wakes the writer, which finds it so. The first reason to break it stands. */
  break(reason: CloseReason) {
    if (this.broken) return
    this.broken = true
    this.end(reason)
    this.endReason = reason
  }

  /** The writer has ended, and what it left was taken by `leftOver`: returns what was put later, and counts no more. */
  abandon(): ReadonlyArray<Batch<Sender>> {
    const open = this.open?.close()
    this.open = undefined
    this.bounds.budget.used -= this.cost
    this.linesHere = 0
    this.bytesHere = 0
    this.full = false
    this.owed = false
    this.jammed = false
    return open === undefined ? [] : [open]
  }

  // The writer's side.

  /** The next batch, if there is one at once; that is the usual case for a busy writer. */
  ready(): Batch<Sender> | undefined {
    if (this.queued > 0) return undefined
    const open = this.open?.close()
    this.open = undefined
    this.handed = open
    return open
  }

  /** When nothing is ready: the first of the queue, or else the next that comes. */
  get next(): Effect.Effect<Batch<Sender>> {
    if (this.queued === 0) return this.wait
    return Effect.map(Queue.take(this.queue), (batch) => {
      this.queued -= 1
      this.handed = batch
      return batch
    })
  }

  /** Parks the writer. Waking it costs a third of waking it from an empty `Queue` (benchmark: mesh, window 1). */
  private get wait(): Effect.Effect<Batch<Sender>> {
    return Effect.async((resume) => {
      this.idle = resume
    })
  }

  /** The batch in hand has met its fate. True when that makes room for senders that are held here. */
  taken(batch: Batch<Sender>): boolean {
    const { budget, bytes, lines, outcomes } = this.bounds
    this.handed = undefined
    this.linesHere -= batch.lines
    this.bytesHere -= batch.text.length
    budget.used -= batch.text.length + batch.lines * lineBytes
    if (!this.full && !this.owed) return false
    const share = budget.share / 2
    const hasRoom = this.full && this.bytesHere <= bytes / 2 && this.linesHere <= lines / 2 && this.cost <= share
    const isPaid = this.owed && this.outcomes <= outcomes / 2 && this.outcomes * outcomeBytes <= share
    if (hasRoom) this.full = false
    if (isPaid) this.owed = false
    return (hasRoom || isPaid) && this.hasWaiting
  }

  /** Returned pairs of a settled batch have been reported. */
  reported(returns: number) {
    this.returnsHere -= returns
  }

  /** Takes what the writer has not come to, when it ends. Lines that are put later stay in the open batch. */
  get leftOver(): Effect.Effect<ReadonlyArray<Batch<Sender>>> {
    return Effect.suspend(() => {
      this.hasWriter = false
      this.idle = undefined
      return this.queued === 0 ? Effect.succeed([]) : Effect.map(Queue.takeAll(this.queue), (queued) => [...queued])
    })
  }
}
