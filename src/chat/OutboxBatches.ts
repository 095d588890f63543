import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { Batch } from "./Batch.js"
import { OutboxLoad } from "./OutboxLoad.js"
import type { SharedText } from "./SharedText.js"
import type { Source } from "./Source.js"

/** A batch of this size is handed over before the end of the turn. It is the size of one read. */
const batchBytes = 65_536

/**
 * Takes a batch for a writer that waits for one. At the end of a turn, the batch may be written before this returns.
 * Returns whether the writer waits for the next one.
 */
type IdleWriter<Sender> = (batch: Batch<Sender>, isEndOfTurn: boolean) => boolean

/** What a writer with a fiber does with a batch. */
export interface BatchWriter<Sender, A> {
  /** Writes a batch in the writer's fiber, and continues. */
  go(batch: Batch<Sender>): Effect.Effect<A>
  /**
   * Writes a batch at the end of the broker's turn, without waking the writer. Returns what the writer must do next;
   * undefined if it should wait for the next batch. Waking a fiber for each write would take a tenth of the server's
   * time (benchmarks: mesh, 1 to 100).
   */
  write(batch: Batch<Sender>): Effect.Effect<A> | undefined
}

/**
 * The lines of an outbox, and their way to its writer: a base class of `Outbox` (see `OutboxLoad`).
 *
 * The broker puts lines into an open batch. An idle writer gets the batch at the end of the turn. While the writer is
 * busy, the batch keeps collecting lines, and goes into the `Queue` once it is large, so that a slow socket gets few
 * large writes.
 */
export abstract class OutboxBatches<Sender> extends OutboxLoad<Sender> {
  /** The batches in the `Queue`. */
  private queued = 0
  protected handed: Batch<Sender> | undefined = undefined
  protected open: Batch<Sender> | undefined = undefined
  private madeQueue: Queue.Queue<Batch<Sender>> | undefined = undefined
  protected idle: IdleWriter<Sender> | undefined = undefined

  /** The batch that the writer has taken but not settled yet. */
  get inHand(): Batch<Sender> | undefined {
    return this.handed
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

  /**
   * Puts whole lines from a sender or a log; exactly one line if there is a label. Benchmark: every row.
   *
   * @param shared the same text, if it is put into other outboxes as well
   */
  put(text: string, lines: number, sender: Sender | Source, label: string | undefined, shared?: SharedText) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(text, lines, sender, label, shared)
    this.count(text, lines)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  /** Puts whole lines from the server, which report `returns` returned pairs to the owner. */
  reply(text: string, returns: number, lines = 1) {
    const open = (this.open ??= new Batch<Sender>())
    open.add(text, lines, undefined, undefined, undefined)
    open.returns += returns
    this.countReturns(returns)
    this.count(text, lines)
    if (open.bytes >= batchBytes) this.handOver(open)
  }

  /** Ends the turn: an idle writer writes the open batch at once. A busy writer takes it when it is ready. */
  flush() {
    const { idle, open } = this
    if (open === undefined) return
    if (idle === undefined) open.settle()
    else if (idle(this.hand(open), true)) this.idle = idle
  }

  /** Hands over a batch before the end of the turn, to be written after it. */
  protected handOver(batch: Batch<Sender>) {
    const { idle } = this
    if (idle !== undefined) idle(this.hand(batch), false)
    else if (this.hasWriter && this.queue.unsafeOffer(batch)) {
      batch.flatten()
      this.queued += 1
      this.open = undefined
    }
    // If the queue is full, the batch stays open until the writer takes it.
  }

  /** Gives a batch to the idle writer, which then has it in hand. */
  private hand(batch: Batch<Sender>): Batch<Sender> {
    this.idle = undefined
    this.open = undefined
    this.handed = batch.close()
    return batch
  }

  /** Takes all batches out of the `Queue`. */
  protected takeAllQueued(): ReadonlyArray<Batch<Sender>> {
    if (this.queued === 0) return none
    this.queued = 0
    return [...Effect.runSync(Queue.takeAll(this.queue))]
  }

  /** Takes the open batch, which is the last one. */
  protected takeOpen(): Batch<Sender> | undefined {
    const open = this.open?.close()
    this.open = undefined
    return open
  }

  // The writer's side.

  /** Starts a writer, which waits for its first batch. `resume` gets what the writer must do in its fiber. */
  begin<A>(writer: BatchWriter<Sender, A>, resume: (rest: Effect.Effect<A>) => void) {
    this.await(writer, resume)
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
    this.handed = this.takeOpen()
    return this.handed
  }

  /**
   * Continues with the next batch after `ready` returned none: the first in the queue, or the next one handed over.
   * Effect may run other fibers before each operation of the writer, and the broker may then put lines or retract the
   * queue. So the queue is checked again in the very operation that takes a batch or parks the writer.
   */
  next<A>(writer: BatchWriter<Sender, A>): Effect.Effect<A> {
    if (this.queued === 0) return this.park(writer)
    return Effect.suspend(() => {
      const batch = this.takeQueued()
      return batch === undefined ? this.park(writer) : writer.go(batch)
    })
  }

  private park<A>(writer: BatchWriter<Sender, A>): Effect.Effect<A> {
    return Effect.async((resume) => {
      const batch = this.takeQueued() ?? this.ready()
      if (batch !== undefined) return resume(writer.go(batch))
      this.await(writer, resume)
    })
  }

  /** Hands the next batch to this writer. What it does not finish at once, its fiber does. */
  private await<A>(writer: BatchWriter<Sender, A>, resume: (rest: Effect.Effect<A>) => void) {
    this.idle = (batch, isEndOfTurn) => {
      const rest = isEndOfTurn ? attempt(writer, batch) : Effect.suspend(() => writer.go(batch))
      if (rest !== undefined) resume(rest)
      return rest === undefined
    }
  }

  /** Takes the first batch in the queue as the one in hand; undefined if the queue is empty. */
  private takeQueued(): Batch<Sender> | undefined {
    if (this.queued === 0) return undefined
    this.queued -= 1
    this.handed = Effect.runSync(Queue.take(this.queue))
    return this.handed
  }
}

const none: ReadonlyArray<never> = []

/** A defect belongs to the writer, not to the broker, in whose turn it occurred. */
const attempt = <Sender, A>(writer: BatchWriter<Sender, A>, batch: Batch<Sender>): Effect.Effect<A> | undefined => {
  try {
    return writer.write(batch)
  } catch (defect) {
    return Effect.die(defect)
  }
}
