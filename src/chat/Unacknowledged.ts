import type { Batch } from "./Batch.js"
import type { Budget } from "./Budget.js"
import { Runs } from "./Runs.js"
import { NoticeSource } from "./Source.js"

/** Memory of a run that waits for its acknowledgement: its places in three arrays, which grow by half at a time. */
const runBytes = 48

/** Memory of an object that holds runs, with its arrays. */
const objectBytes = 400

/** Written lines that wait for their acknowledgement, without their text. */
class WrittenLines<Sender> extends Runs<Sender> {
  /** The size of the lines. */
  bytes = 0
}

/**
 * Small batches are kept as one object until it has this many lines or bytes: an object for each would take more memory
 * than its lines.
 */
const enoughLines = 1_024
const enoughBytes = 65_536

/**
 * The lines that were written to a client with `ack`, and that it has not acknowledged yet (protocol, section 4). They
 * keep counting against the bounds of its outbox, so that a client which reads but does not process holds its senders.
 */
export class Unacknowledged<Sender> {
  /** Lines that wait for their acknowledgement. */
  lines = 0
  /** The bytes that these lines had. */
  bytes = 0
  /** Whether the lines count against the bounds of the outbox. */
  isCounted = true
  /** The client can no longer acknowledge anything. */
  isOver = false
  /** Lines that returned to their senders without an acknowledgement. */
  returned = 0
  private runs = 0
  /** Messages written since the client said `ack`, and how many of these it has acknowledged. */
  private written = 0
  private acknowledged = 0
  private readonly waiting: Array<WrittenLines<Sender>> = []

  constructor(
    /** The client; undefined if the writer is not that of a socket. */
    readonly owner: Sender | undefined,
    /** Lines in the queue that were put before the client said `ack`: they settle as written. */
    private earlier: number,
    private readonly budget: Budget
  ) {}

  /** The memory of the waiting lines. */
  get cost(): number {
    return this.runs * runBytes + this.waiting.length * objectBytes
  }

  /**
   * The client has acknowledged lines that are not settled yet: they were written only now, or were too many to settle
   * at once.
   */
  get isAhead(): boolean {
    return this.lines > 0 && this.acknowledged > this.written - this.lines
  }

  /**
   * The kernel has taken a batch: its messages wait from now on. Returns the lines that do not: those that were put
   * before the client said `ack`, and those of a `NoticeSource`.
   */
  wrote(batch: Batch<Sender>): Runs<Sender> | undefined {
    const written = this.earlier > 0 || batch.senders.some(isNotice) ? new Runs<Sender>() : undefined
    let last = this.waiting.at(-1)
    if (last === undefined || last.lines >= enoughLines || last.bytes >= enoughBytes) last = new WrittenLines<Sender>()
    const linesBefore = last.lines
    const runsBefore = last.senders.length
    this.split(batch, written, last)
    this.earlier = Math.max(0, this.earlier - batch.lines)
    const lines = last.lines - linesBefore
    if (lines === 0) return written
    if (linesBefore === 0) {
      this.waiting.push(last)
      this.budget.used += objectBytes
    }
    last.bytes += batch.text.length
    this.bytes += batch.text.length
    this.lines += lines
    this.written += lines
    this.count(last.senders.length - runsBefore)
    return written
  }

  /** Copies the lines of a batch: those that settle as written, and the messages that wait. */
  private split(batch: Batch<Sender>, written: Runs<Sender> | undefined, waiting: Runs<Sender>) {
    let left = this.earlier
    const { counts, labels, senders } = batch
    for (let run = 0; run < senders.length; run++) {
      const sender = senders[run]
      const count = counts[run] as number // in range: parallel to the senders
      const before = Math.min(left, count)
      left -= before
      if (before > 0) written?.count(before, sender, labels?.[run])
      if (sender === undefined || before === count) continue
      const runs = isNotice(sender) ? written : waiting
      runs?.count(count - before, sender, labels?.[run])
    }
  }

  /**
   * Acknowledges the first `messages` messages. Undefined if the client cannot have got that many, even with those
   * being written. Otherwise returns whether this acknowledges any for the first time.
   */
  acknowledge(messages: number, inHand: Batch<Sender> | undefined): boolean | undefined {
    if (messages > this.written && messages > this.written + this.messagesIn(inHand)) return undefined
    if (messages <= this.acknowledged) return false
    this.acknowledged = messages
    return true
  }

  /**
   * The number of messages in a batch that the kernel may not have taken whole: the client may have read some of them.
   */
  private messagesIn(batch: Batch<Sender> | undefined): number {
    if (batch?.isOffered !== true) return 0
    const messages = new Runs<Sender>()
    this.split(batch, undefined, messages)
    return messages.lines
  }

  /**
   * The number of lines that the client has got of the batch being written: those up to the last that it has
   * acknowledged.
   */
  linesGot({ counts, senders }: Batch<Sender>): number {
    let messages = this.acknowledged - this.written
    let earlier = this.earlier
    let lines = 0
    for (let run = 0; messages > 0; run++) {
      const count = counts[run] as number // in range: `acknowledge` has checked the number of messages
      const before = Math.min(earlier, count)
      earlier -= before
      const sender = senders[run]
      const some = sender === undefined || isNotice(sender) ? 0 : Math.min(messages, count - before)
      messages -= some
      lines += messages > 0 ? count : before + some
    }
    return lines
  }

  /** Removes and returns the first lines that were acknowledged, at most this many. */
  takeAcknowledged(most: number): ReadonlyArray<Runs<Sender>> {
    const acknowledged = Math.min(this.acknowledged, this.written) - (this.written - this.lines)
    return this.take(Math.min(acknowledged, most))
  }

  /** Removes and returns all lines. A later acknowledgement of them has no effect. */
  takeAll(): ReadonlyArray<Runs<Sender>> {
    this.acknowledged = Math.max(this.acknowledged, this.written)
    this.returned += this.lines
    return this.take(this.lines)
  }

  /** Removes and returns the first `lines` lines. There must be at least that many. */
  take(lines: number): ReadonlyArray<Runs<Sender>> {
    const taken: Array<Runs<Sender>> = []
    for (let left = lines; left > 0;) {
      const first = this.waiting[0] as WrittenLines<Sender> // there are as many lines in it as in `lines`
      const moved = Math.min(first.lines, left)
      const bytes = Math.floor((first.bytes * moved) / first.lines)
      left -= moved
      this.lines -= moved
      this.bytes -= bytes
      first.bytes -= bytes
      if (moved === first.lines) {
        this.waiting.shift()
        this.budget.used -= objectBytes
        this.count(-first.senders.length)
        taken.push(first)
        continue
      }
      const runs = first.senders.length
      const part = new Runs<Sender>()
      first.moveFirst(moved, part)
      this.count(first.senders.length - runs)
      taken.push(part)
    }
    return taken
  }

  private count(runs: number) {
    this.runs += runs
    this.budget.used += runs * runBytes
  }
}

/** Whether lines come from a log but are not messages. */
const isNotice = (sender: unknown): boolean => sender instanceof NoticeSource
