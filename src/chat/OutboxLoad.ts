import type { Batch } from "./Batch.js"
import { lineBytes, outcomeBytes, type Budget } from "./Budget.js"
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

/** A part of other bounds, which may change. */
export class PartOfBounds implements Bounds {
  constructor(
    private readonly whole: Bounds,
    private readonly part: number
  ) {}

  get lines(): number {
    return this.whole.lines * this.part
  }

  get bytes(): number {
    return this.whole.bytes * this.part
  }

  get outcomes(): number {
    return this.whole.outcomes
  }

  get budget(): Budget {
    return this.whole.budget
  }
}

const none: ReadonlyArray<never> = []

/**
 * How full an outbox is, and the senders that are held until there is room in it. A base class of `Outbox`, which adds
 * the lines themselves, so that the broker calls one class, whose objects all have one shape (benchmark: every row).
 */
export abstract class OutboxLoad<Sender> {
  private linesHere = 0
  private bytesHere = 0
  /** Returned pairs that queued lines report to the owner. */
  private returnsHere = 0
  private outcomes = 0
  /** Pending outcomes of the owner's lines to itself. */
  private ownOutcomes = 0
  protected full = false
  private queueFull = false
  private owed = false
  protected hasWriter = true
  /** Shared while empty, which it is for most (benchmark: idle memory). */
  private waiting: ReadonlyArray<Sender> = none
  private written: Unacknowledged<Sender> | undefined = undefined

  constructor(
    protected readonly bounds: Bounds,
    /** The recipient's name in wire form; empty until a connection has logged in. */
    public name: string
  ) {}

  /** Queued lines, including those that the writer has in hand. */
  get lines(): number {
    return this.linesHere
  }

  /** Queued bytes, including those that the writer has in hand. */
  get bytes(): number {
    return this.bytesHere
  }

  /** The same, plus those that wait for their acknowledgement. A decrease shows that the writer makes progress. */
  get bytesLeft(): number {
    return this.bytesHere + (this.written === undefined ? 0 : this.written.bytes)
  }

  /** Returned pairs that queued lines report to the owner. */
  get returns(): number {
    return this.returnsHere
  }

  /** Nothing is queued, and nothing waits for its acknowledgement. */
  get isEmpty(): boolean {
    return this.linesHere === 0 && (this.written === undefined || this.written.lines === 0)
  }

  /** The lines written to a client with `ack`; undefined if the client has not said that. */
  get unacknowledged(): Unacknowledged<Sender> | undefined {
    return this.written
  }

  /** The memory of lines that are queued, or wait for their acknowledgement. */
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
   * The unwritten lines alone exceed the bounds, so there is no room for replies to the owner either. Lines that wait
   * for their acknowledgement do not count here, because the server must keep reading to get it.
   */
  get isQueueFull(): boolean {
    return this.queueFull
  }

  /**
   * The owner has too many pending outcomes. Then the owner is held, not its senders. Outcomes of its lines to itself
   * do not count: it may have to acknowledge these lines, and cannot while it is held. The queue bounds them.
   */
  get isOwed(): boolean {
    return this.owed
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0
  }

  /** Whether the outbox can take this many more bytes and lines without becoming full. */
  hasRoom(bytes: number, lines: number): boolean {
    return !this.full && this.isWithin(1, this.written, bytes, lines)
  }

  /**
   * Whether the queue stays within this part of the bounds, counting what waits for its acknowledgement and this many
   * more bytes and lines.
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

  /** Counts lines that are put. */
  protected count(text: string, lines: number) {
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

  /** Uncounts lines that have left. */
  protected uncount({ lines, text }: Batch<Sender>) {
    this.linesHere -= lines
    this.bytesHere -= text.length
    this.bounds.budget.used -= text.length + lines * lineBytes
  }

  /** Counts returned pairs that a newly put line reports to the owner. */
  protected countReturns(returns: number) {
    this.returnsHere += returns
  }

  /** Uncounts returned pairs whose report has left. */
  reported(returns: number) {
    this.returnsHere -= returns
  }

  /** Sets all counts to zero. */
  protected reset() {
    this.bounds.budget.used -= this.queueCost
    this.linesHere = 0
    this.bytesHere = 0
    this.full = false
    this.queueFull = false
    this.owed = false
  }

  /** Counts an outcome that will be put here later, even if the outbox is full by that time. */
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

  /** The owner has said `ack`: messages put from now on wait for its acknowledgement once they are written. */
  expectAcknowledgements(owner: Sender) {
    this.written ??= new Unacknowledged(owner, this.linesHere, this.bounds.budget)
  }

  /** The writer hands lines on: from now on, they count here until their outcomes are known (`HandedOn`). */
  expectOutcomes() {
    this.written ??= new Unacknowledged<Sender>(undefined, 0, this.bounds.budget)
  }

  /**
   * The server has stopped reading from the owner. Meanwhile, unacknowledged lines do not count: their acknowledgement
   * may be in the unread input, which may wait for senders that are held here. True if that makes room and senders are
   * held here.
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
}
