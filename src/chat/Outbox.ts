import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { CloseReason } from "../protocol/CloseReason.js"
import { lineBytes, outcomeBytes, type Budget } from "./Budget.js"

/**
 * What is written to a socket in one call: the lines that the broker routed to one peer in one turn, and whose they
 * are. Runs of lines of one sender are counted together, in parallel arrays: this is touched for every message.
 */
export class Batch<Sender> {
  /** The lines, once the batch has been handed over; while it is open, those of earlier turns. */
  text = ""
  /** The lines of this turn. */
  fresh = ""
  lines = 0
  /** When it was begun, by `performance.now`. */
  readonly since = performance.now()
  /** The sender of each run; undefined for the server's own lines. */
  readonly senders: Array<Sender | undefined> = []
  /** How many lines each run has. */
  readonly counts: Array<number> = []
  /** The label of each run; absent while no line has one, which is the usual case and costs nothing. */
  labels: Array<string | undefined> | undefined = undefined
  /** How many returned pairs the server's own lines report to this peer. */
  returns = 0
  /** Nothing comes behind this batch: the connection ends there. */
  last = false
  /** Its writer has handed it to the socket. */
  offered = false

  /** Its length in bytes. */
  get bytes(): number {
    return this.text.length + this.fresh.length
  }

  /** No more lines come: all of them are in `text`. */
  close(): this {
    if (this.fresh !== "") this.text += this.fresh
    this.fresh = ""
    return this
  }

  /**
   * The turn is over, but the batch stays open. Reading one character makes V8 flatten the concatenation. Unflattened,
   * the lines would keep every read buffer alive that they were sliced from: 64 KiB for a line of some bytes.
   */
  settle() {
    if (this.fresh === "") return
    this.fresh.charCodeAt(0)
    this.close()
  }

  /**
   * Splits off what stands in the first `bytes` bytes: the lines that are whole there come back, this keeps the rest.
   * Returned pairs stay with the rest, since their reader has gone either way.
   */
  splitAt(bytes: number): Batch<Sender> {
    const head = new Batch<Sender>()
    const end = this.text.lastIndexOf("\n", bytes - 1) + 1
    if (bytes <= 0 || end === 0) return head
    head.text = this.text.slice(0, end)
    this.text = this.text.slice(end)
    for (let at = 0; at < end; at = head.text.indexOf("\n", at) + 1) head.lines += 1
    this.lines -= head.lines
    if (this.labels !== undefined) head.labels = []
    for (let left = head.lines; left > 0;) {
      const count = this.counts[0] as number // there are as many lines in the runs as in the text
      const moved = Math.min(count, left)
      head.senders.push(this.senders[0])
      head.counts.push(moved)
      head.labels?.push(this.labels?.[0])
      left -= moved
      if (moved < count) this.counts[0] = count - moved
      else {
        this.senders.shift()
        this.counts.shift()
        this.labels?.shift()
      }
    }
    return head
  }
}

/** How much a queue holds before its senders are held; below half of it they are released. */
export interface Bounds {
  lines: number
  bytes: number
  /** Outcomes of labelled lines that are still to come. */
  outcomes: number
  /** The memory that all queues share. */
  readonly budget: Budget
}

/** A batch of this size is handed over without waiting for the turn's end: as much as one read brings. */
const batchBytes = 65_536

/**
 * The bounded queue between the broker and one writer. The broker puts lines into an open batch. When the turn ends, an
 * idle writer gets it; while the writer is busy it collects what comes, and goes into the `Queue` when it is large, so
 * that a slow socket gets few large writes.
 *
 * Nothing is ever refused here: `full` tells the broker to hold the senders, and it asks before it puts.
 */
export class Outbox<Sender> {
  /** Over its bounds: the broker puts no more messages until it is below half of them. */
  full = false
  /** More outcomes are to come than its owner may wait for: the owner is held, and nobody who writes to it. */
  owed = false
  /** Full, and its socket takes nothing: messages for it are answered `busy` instead of holding their senders. */
  jammed = false
  /** Lines and bytes that the kernel has not taken yet. */
  lines = 0
  bytes = 0
  /** Returned pairs that its own lines tell of, of those. */
  returns = 0
  /** The senders that are held until there is room, in the order in which they came. */
  waiting: Array<Sender> = []
  /** The broker will flush it at the end of this turn. */
  dirty = false
  /** Why nothing comes behind what stands here, once that is so. */
  ended: CloseReason | undefined = undefined
  /** Ended because the connection broke: what stands here cannot be written. */
  broken = false
  /** What the writer has taken and not written yet. */
  inHand: Batch<Sender> | undefined = undefined
  private madeQueue: Queue.Queue<Batch<Sender>> | undefined = undefined
  private open: Batch<Sender> | undefined = undefined
  private outcomes = 0
  private queued = 0
  private hasWriter = true
  private idle: ((batch: Effect.Effect<Batch<Sender>>) => void) | undefined = undefined

  constructor(private readonly bounds: Bounds) {}

  /**
   * Bounded by what the bytes need, since each batch in it but the last two has `batchBytes`. Most clients never come to
   * the point where it is used, and it costs as much as a fiber, so it is made when it is (benchmark: idle memory).
   */
  private get queue(): Queue.Queue<Batch<Sender>> {
    return (this.madeQueue ??= Effect.runSync(Queue.bounded(Math.ceil(this.bounds.bytes / batchBytes) + 2)))
  }

  /** Whether so much more would not make it full. */
  hasRoom(bytes: number, lines: number): boolean {
    const { bounds } = this
    return (
      !this.full &&
      this.bytes + bytes <= bounds.bytes &&
      this.lines + lines <= bounds.lines &&
      this.cost + bytes + lines * lineBytes <= bounds.budget.share
    )
  }

  /** The memory that its lines take. */
  get cost(): number {
    return this.bytes + this.lines * lineBytes
  }

  /** Puts whole lines of a sender; with a label, it is one. Benchmark: every row. */
  put(text: string, lines: number, sender: Sender, label: string | undefined) {
    const open = this.append(text, lines)
    const last = open.counts.length - 1
    if (label === undefined && open.labels === undefined && open.senders[last] === sender) {
      open.counts[last] = (open.counts[last] as number) + lines // in range
    } else {
      this.run(open, lines, sender, label)
    }
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  /** Puts a line of the server's own, which tells its reader of `returns` returned pairs. */
  reply(line: string, returns: number) {
    const open = this.append(line, 1)
    open.returns += returns
    this.returns += returns
    this.run(open, 1, undefined, undefined)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  private append(text: string, lines: number): Batch<Sender> {
    const open = (this.open ??= new Batch<Sender>())
    open.fresh += text
    open.lines += lines
    this.lines += lines
    this.bytes += text.length
    const { budget, bytes, lines: maxLines } = this.bounds
    budget.used += text.length + lines * lineBytes
    if (this.bytes > bytes || this.lines > maxLines || this.cost > budget.share) this.full = true
    return open
  }

  /** An outcome of a labelled line will have to be put here, whatever there is by then. */
  expectOutcome() {
    const { budget, outcomes } = this.bounds
    this.outcomes += 1
    budget.used += outcomeBytes
    // Without a writer nothing would ever end the wait.
    if (!this.hasWriter) return
    if (this.outcomes > outcomes || this.outcomes * outcomeBytes > budget.share) this.owed = true
  }

  /** It is put now. */
  outcomeCame() {
    this.outcomes -= 1
    this.bounds.budget.used -= outcomeBytes
  }

  private run(open: Batch<Sender>, lines: number, sender: Sender | undefined, label: string | undefined) {
    if (label !== undefined) open.labels ??= open.senders.map(() => undefined)
    open.senders.push(sender)
    open.counts.push(lines)
    open.labels?.push(label)
  }

  /** The turn is over: an idle writer gets what it brought. A busy one comes for it. */
  flush() {
    this.dirty = false
    if (this.open === undefined) return
    if (this.idle === undefined) this.open.settle()
    else this.handOver(this.open)
  }

  private handOver(batch: Batch<Sender>) {
    const idle = this.idle
    if (idle !== undefined) {
      this.idle = undefined
      this.open = undefined
      this.inHand = batch.close()
      idle(Effect.succeed(batch))
    } else if (this.hasWriter && this.queue.unsafeOffer(batch)) {
      batch.close().text.charCodeAt(0) // flat, see `settle`
      this.queued += 1
      this.open = undefined
    }
    // A full queue takes it later: it stays open, and the writer comes for it.
  }

  /** The writer's side: what it can go on with at once, which is the usual case while it is busy. */
  ready(): Batch<Sender> | undefined {
    if (this.queued > 0) return undefined
    const open = this.open?.close()
    this.open = undefined
    this.inHand = open
    return open
  }

  /** The writer's side, when nothing is ready: the first of the queue, or else the next that comes. */
  get next(): Effect.Effect<Batch<Sender>> {
    if (this.queued === 0) return this.wait
    return Effect.map(Queue.take(this.queue), (batch) => {
      this.queued -= 1
      this.inHand = batch
      return batch
    })
  }

  /** Parks the writer. To wake it so costs a third of waking it from an empty `Queue` (benchmark: mesh, window 1). */
  private get wait(): Effect.Effect<Batch<Sender>> {
    return Effect.async((resume) => {
      this.idle = resume
    })
  }

  /** The kernel took all of the batch in hand. True when that makes room for senders that wait for it. */
  taken(batch: Batch<Sender>): boolean {
    this.inHand = undefined
    this.lines -= batch.lines
    this.bytes -= batch.text.length
    const { budget, bytes, lines, outcomes } = this.bounds
    budget.used -= batch.text.length + batch.lines * lineBytes
    const share = budget.share / 2
    const hasRoom = this.full && this.bytes <= bytes / 2 && this.lines <= lines / 2 && this.cost <= share
    const isSettled = this.owed && this.outcomes <= outcomes / 2 && this.outcomes * outcomeBytes <= share
    if (hasRoom) this.full = false
    if (isSettled) this.owed = false
    return (hasRoom || isSettled) && this.waiting.length > 0
  }

  /** Ends the connection behind what stands here. Only the first call counts. */
  end(reason: CloseReason) {
    if (this.ended !== undefined) return
    this.ended = reason
    this.open ??= new Batch<Sender>()
    this.open.last = true
    this.flush()
  }

  /** The connection is broken: wakes the writer, which finds it so. The first reason to break it stands. */
  break(reason: CloseReason) {
    if (this.broken) return
    this.broken = true
    this.end(reason)
    this.ended = reason
  }

  /** Takes what the writer has not come to, when it is at its end; what is put later stays in the open batch. */
  get leftOver(): Effect.Effect<ReadonlyArray<Batch<Sender>>> {
    return Effect.suspend(() => {
      this.hasWriter = false
      this.idle = undefined
      return this.queued === 0 ? Effect.succeed([]) : Effect.map(Queue.takeAll(this.queue), (queued) => [...queued])
    })
  }

  /** Takes what was put after the writer's end. */
  abandon(): ReadonlyArray<Batch<Sender>> {
    const open = this.open?.close()
    this.open = undefined
    return open === undefined ? [] : [open]
  }

  /** Its owner is gone, and what stood here has been taken out: counts nothing of it any more. */
  clear() {
    this.bounds.budget.used -= this.cost
    this.bytes = 0
    this.lines = 0
  }
}
