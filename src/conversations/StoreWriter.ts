import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type { Batch } from "../chat/Batch.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import type { Peer } from "../chat/Peer.js"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import * as StoreLines from "../ports/StoreLines.js"
import * as Reply from "../protocol/Reply.js"
import type { Cursors } from "./Cursors.js"
import { pendingLines, type Pending } from "./InletLines.js"
import type { KeptLine, KeptRecipient } from "./KeptRecipient.js"
import { numbers } from "./Rendering.js"

/** A batch that the writer has taken from an inlet. Its lines may be stored in several transactions. */
interface Work {
  readonly recipient: KeptRecipient
  readonly batch: Batch<Peer>
  readonly lines: ReadonlyArray<Pending>
  /** Of the first lines, those that were handed to the store. */
  readonly outcomes: Array<LineOutcome>
  /** The lines that were handed to the store, or are in its hands. */
  handed: number
}

/**
 * If lines have come while a transaction of more lines than this was under way, many clients write at once: then the
 * next one begins no sooner than `pauseMillis` after it began. Each transaction costs the event loop as much as a
 * hundred lines, because it wakes the store's thread and all recipients (benchmark: outcomes). Postgres has
 * `commit_delay` and `commit_siblings` for the same.
 */
const fewLines = 16
const pauseMillis = 2

/** How often it is checked in the hold time whether the store has answered. */
const checks = 8

interface Collaborators {
  readonly store: StoreService
  readonly cursors: Cursors
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number
  readonly inTurn: FeatureContext["inTurn"]
  readonly atEnd: FeatureContext["atEnd"]
  /** Reports a failure, and waits before the next transaction. Meanwhile, the inlets hold their senders. */
  readonly failed: (error: StoreError) => Effect.Effect<void>
  /** How long lines wait for a store that does not answer. */
  readonly holdTime: () => Duration.Duration
  /** Reports that the store has not answered for that long. */
  readonly overdue: Effect.Effect<void>
  /** Reports that the store works, if it did not before. */
  readonly works: Effect.Effect<void>
  /** Reports a defect in a step, and then waits as well. */
  readonly surviving: (step: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * Stores what is put into the inlets. Group commit: everything that waits becomes one transaction, of at most
 * `maxBatchLines` lines and `maxBatchBytes` bytes, and the next one grows while the store is at work on it. A store in
 * memory answers at once, so that a line is stored and given in the turn in which it was read.
 */
export class StoreWriter {
  private readonly work: Array<Work> = []
  private hasGivenUp = false
  /** A transaction follows although no line waits for it. */
  private isDue = false
  /** A transaction is under way, or a step between two of them. */
  private isBusy = false
  /** When the next transaction may begin. */
  private pauseEnd = -Infinity
  /** While a transaction is under way, its number; other steps count if no other server is waited for in them. */
  private underWay: number | undefined = undefined
  private begun = 0
  /** The store has not answered for the hold time: what it does not have in its hands returns, until it answers. */
  private isOverdue = false
  private readonly isWatched = Effect.unsafeMakeLatch(false)
  private readonly isFree = Effect.unsafeMakeLatch(true)
  private readonly hasWork = Effect.unsafeMakeLatch(false)
  private fork: ((transaction: Effect.Effect<void>) => unknown) | undefined = undefined
  /** The broker's turn starts a transaction: until the store makes it wait, everything happens in that turn. */
  private isStarting = false

  constructor(private readonly broker: Collaborators) {}

  /** In the broker's turn: takes a batch, to store it with the next transaction. */
  take(recipient: KeptRecipient, batch: Batch<Peer>) {
    const work: Work = { recipient, batch, lines: pendingLines(recipient, batch), outcomes: [], handed: 0 }
    this.work.push(work)
    if (this.isReturning) this.settle(work)
    else this.startSoon()
  }

  /**
   * In the broker's turn: returns everything that the store does not have yet. The fate of what it has is decided as
   * usual.
   */
  giveUp() {
    this.hasGivenUp = true
    for (const work of this.work.slice()) this.settle(work) // it removes them
  }

  /** Saves the cursors that have moved with the next transactions, or in transactions of their own. */
  get saveCursors(): Effect.Effect<void> {
    return this.broker.inTurn(() => {
      this.broker.cursors.setDue()
      this.isDue = true
      this.startSoon()
    })
  }

  /** A last transaction, with what the devices were given. */
  get finish(): Effect.Effect<void> {
    return Effect.ignore(this.broker.cursors.save(this.broker.store))
  }

  /** Runs `step` while no line is in the hands of the store that a device will be given. */
  between<A, E>(step: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const begin: Effect.Effect<void> = Effect.suspend(() =>
      this.isBusy
        ? Effect.zipRight(this.isFree.await, begin)
        : Effect.sync(() => this.begin(this.broker.store.sharing === undefined))
    )
    const end = this.broker.inTurn(() => this.end())
    return Effect.acquireUseRelease(
      Effect.interruptible(begin),
      () => step,
      () => end
    )
  }

  /** Stores, one transaction after the other, for ever. */
  get run(): Effect.Effect<never> {
    return Effect.scoped(
      Effect.flatMap(FiberSet.makeRuntime<never>(), (fork) => {
        this.fork = fork
        this.hasWork.unsafeOpen() // lines may have come before
        const start = Effect.sync(() => this.start())
        const next = Effect.suspend(() => {
          this.hasWork.unsafeClose()
          const pause = this.pauseEnd - this.broker.now()
          return pause > 0 ? Effect.zipRight(Effect.sleep(pause), start) : start
        })
        const loop = Effect.whileLoop({
          while: () => true,
          body: () => Effect.zipRight(this.hasWork.await, next),
          step: () => {}
        })
        return Effect.zipRight(loop, Effect.never)
      })
    )
  }

  /**
   * In the broker's turn: starts the next transaction at its end, if the store is in memory, and otherwise after its
   * writes. Otherwise what the clients write in response would be spread over more and smaller transactions (benchmark:
   * stored-10).
   */
  private startSoon() {
    if (this.broker.store.kind === "memory") this.broker.atEnd(this.startInTurn)
    else this.hasWork.unsafeOpen()
  }

  private readonly startInTurn = () => {
    this.isStarting = true
    this.start()
    this.isStarting = false
  }

  /**
   * Returns what waits for a store that does not answer, for ever. Counts checks instead of reading a clock, because a
   * process that was stopped has not waited.
   */
  get watch(): Effect.Effect<never> {
    let seen: number | undefined = undefined
    let unanswered = 0
    const check = (): boolean => {
      if (this.underWay === undefined) this.isWatched.unsafeClose()
      unanswered = this.underWay === seen ? unanswered + 1 : 0
      seen = this.underWay
      if (seen === undefined || this.isOverdue || unanswered < checks) return false
      this.returnWaiting()
      return true
    }
    const pause = Effect.suspend(() => Effect.sleep(Duration.times(this.broker.holdTime(), 1 / checks)))
    const step = Effect.flatMap(this.broker.inTurn(check), (isOverdue) =>
      isOverdue ? this.broker.overdue : Effect.void
    )
    return Effect.forever(Effect.zipRight(Effect.zipRight(this.isWatched.await, pause), step))
  }

  /** In the broker's turn. */
  private returnWaiting() {
    this.isOverdue = true
    for (const work of this.work.slice()) this.settle(work) // it removes them
    for (const { recipient } of this.work) recipient.stuck()
  }

  /** Lines that the store does not have return, instead of waiting for it. */
  private get isReturning(): boolean {
    return this.hasGivenUp || this.isOverdue
  }

  /**
   * Starts the next transaction, unless one is under way. In a fiber of its own, which runs at once until it has to
   * wait.
   */
  private start() {
    if (this.isBusy || this.fork === undefined || !(this.isDue || this.hasWaiting)) return
    this.begin(true)
    this.fork(this.transaction())
  }

  private begin(isStoreAlone: boolean) {
    this.isBusy = true
    this.isFree.unsafeClose()
    if (!isStoreAlone) return
    this.underWay = this.begun += 1
    this.isWatched.unsafeOpen()
  }

  /** In the broker's turn: the next transaction may follow. */
  private end() {
    this.isBusy = false
    this.underWay = undefined
    this.isOverdue = false
    this.isFree.unsafeOpen()
    if (this.isDue || this.hasWaiting) this.startSoon()
  }

  /** Whether there are lines to hand to the store. They are handed over in order. */
  private get hasWaiting(): boolean {
    const last = this.work.at(-1)
    return last !== undefined && last.handed < last.lines.length
  }

  private inTurn<A>(run: () => A): Effect.Effect<A> {
    return Effect.suspend(() => (this.isStarting ? Effect.sync(run) : this.broker.inTurn(run)))
  }

  /** The next transaction follows in the turn in which this one is answered, and otherwise after a while. */
  private transaction(): Effect.Effect<void> {
    let isOver = false
    const end = () => {
      if (!isOver) this.end()
      isOver = true
    }
    return Effect.zipRight(
      this.broker.surviving(Effect.suspend(() => this.commit(end))),
      Effect.suspend(() => (isOver ? Effect.void : this.inTurn(end)))
    )
  }

  /**
   * Nothing interrupts a transaction between the store's answer and the fate of its lines. They meet one as well if the
   * store has a defect: the inlets would hold their senders for ever otherwise.
   */
  private commit(end: () => void): Effect.Effect<void> {
    const { broker } = this
    const parts = this.takeParts()
    const lines: Array<StoreLines.NewLine> = []
    for (const part of parts) for (const { line } of part.lines) if (!isOutcome(line)) lines.push(line)
    const now = broker.now()
    const cursors = broker.cursors.take(now)
    this.isDue = broker.cursors.hasDue
    const answered = (answers: ReadonlyArray<StoreLines.Appended>) =>
      this.inTurn(() => {
        this.answered(parts, answers)
        if (lines.length > fewLines && this.hasWaiting) this.pauseEnd = now + pauseMillis
        end()
      })
    if (lines.length === 0 && cursors.length === 0) return answered([])
    const append = broker.store.append(lines, cursors)
    return Effect.uninterruptible(
      Effect.flatMap(Effect.exit(append), (answer) => {
        if (Exit.isSuccess(answer)) {
          broker.cursors.saved()
          return Effect.zipRight(answered(answer.value), broker.works)
        }
        broker.cursors.putBack(cursors)
        const settle = this.inTurn(() => this.answered(parts, undefined))
        return Effect.zipRight(settle, Effect.catchAll(answer, broker.failed))
      })
    )
  }

  /** The lines of the next transaction. */
  private takeParts(): ReadonlyArray<Part> {
    const parts: Array<Part> = []
    let lines = 0
    let bytes = 0
    for (const work of this.work) {
      const from = work.handed
      for (; work.handed < work.lines.length; work.handed++) {
        const { line } = work.lines[work.handed] as Pending // in range
        if (isOutcome(line)) continue
        const { length } = line.text
        if (lines > 0 && (lines === StoreLines.maxBatchLines || bytes + length > StoreLines.maxBatchBytes)) break
        lines += 1
        bytes += length
      }
      if (work.handed > from) parts.push({ work, lines: work.lines.slice(from, work.handed) })
      if (work.handed < work.lines.length) break
    }
    return parts
  }

  /** The store has answered, or has failed: nothing of the transaction was stored then. */
  private answered(parts: ReadonlyArray<Part>, answers: ReadonlyArray<StoreLines.Appended> | undefined) {
    this.underWay = undefined // after a failure, a pause follows in which the store is not waited for
    this.isOverdue = false
    let index = 0
    for (const { lines, work } of parts) {
      const { outcomes, recipient } = work
      const kept: Array<KeptLine> = []
      for (const { line, sender } of lines) {
        if (isOutcome(line)) {
          outcomes.push(line)
          continue
        }
        const answer = answers?.[index++]
        outcomes.push(answer === undefined ? unavailable : outcomeOf(answer, sender, recipient))
        if (answer?._tag === "Stored") kept.push({ line, by: sender, answer })
      }
      if (kept.length > 0) recipient.stored(kept)
      this.settle(work)
    }
  }

  /** Reports the fates of a batch, once all of its lines have one. */
  private settle(work: Work) {
    const { batch, lines, outcomes, recipient } = work
    if (this.isReturning && outcomes.length === work.handed) {
      while (outcomes.length < lines.length) outcomes.push(unavailable)
      work.handed = lines.length
    }
    if (outcomes.length < lines.length) return
    this.work.splice(this.work.indexOf(work), 1)
    recipient.settled(batch, outcomes)
  }
}

interface Part {
  readonly work: Work
  readonly lines: ReadonlyArray<Pending>
}

/**
 * The outcome of nearly all lines. One object, because the next ones come 50,000 times a second (benchmark: outcomes).
 */
const stored: LineOutcome = { _tag: "Delivered", fate: "stored", params: "" }

const unavailable: LineOutcome = { _tag: "Returned", reason: "unavailable" }

const isOutcome = (line: StoreLines.NewLine | LineOutcome): line is LineOutcome => "_tag" in line

const outcomeOf = (
  answer: StoreLines.Appended,
  { words }: Peer,
  { goneReason }: Pick<KeptRecipient, "goneReason">
): LineOutcome => {
  switch (answer._tag) {
    case "Stored": {
      const params = numbers(words, answer.seq, answer.at) + (answer.again ? Reply.again : "")
      return params === "" ? stored : { _tag: "Delivered", fate: "stored", params }
    }
    case "LabelUsed":
      return { _tag: "Refused", refusal: Reply.labelUsed }
    case "Full":
      return { _tag: "Returned", reason: "full" }
    case "Removed":
      return { _tag: "Returned", reason: goneReason }
  }
}
