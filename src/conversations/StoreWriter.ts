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
  /** The outcomes of the first lines, as far as the store has answered. */
  readonly outcomes: Array<LineOutcome>
  /** How many lines were handed to the store, answered or not. */
  handed: number
}

/**
 * If lines arrive during a transaction of more lines than this, many clients write at once. The next transaction then
 * starts at least `pauseMillis` after the start of this one. Each transaction costs the event loop as much as a hundred
 * lines, because it wakes the store's thread and all recipients (benchmark: outcomes). Compare `commit_delay` and
 * `commit_siblings` of Postgres.
 */
const fewLines = 16
const pauseMillis = 2

/** How many times per hold time the writer checks whether the store has answered. */
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
  /** Reports that the store works. Called after each transaction. */
  readonly works: Effect.Effect<void>
  /** Reports a defect in a step, and then waits. */
  readonly surviving: (step: Effect.Effect<void>) => Effect.Effect<void>
}

/**
 * Stores the lines of the inlets by group commit: all waiting lines become one transaction, of at most `maxBatchLines`
 * lines and `maxBatchBytes` bytes, and the next one grows while the store commits. A store in memory answers at once,
 * so a line is stored and given in the turn in which it was read.
 */
export class StoreWriter {
  private readonly work: Array<Work> = []
  private hasGivenUp = false
  /** A transaction is needed even if no line waits. */
  private isDue = false
  /** A transaction is under way, or a step between two of them. */
  private isBusy = false
  /** When the next transaction may begin. */
  private pauseEnd = -Infinity
  /**
   * The number of the transaction under way. A step between transactions counts as one unless it waits for other
   * servers.
   */
  private underWay: number | undefined = undefined
  private begun = 0
  /** The store has not answered for the hold time. Until it does, lines that were not handed to it return. */
  private isOverdue = false
  private readonly isWatched = Effect.unsafeMakeLatch(false)
  private readonly isFree = Effect.unsafeMakeLatch(true)
  private readonly hasWork = Effect.unsafeMakeLatch(false)
  private fork: ((transaction: Effect.Effect<void>) => unknown) | undefined = undefined
  /** A transaction is being started in the broker's turn. Until the store suspends it, everything runs in that turn. */
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
   * In the broker's turn: returns all lines that were not handed to the store. The fates of the others are decided as
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

  /** Saves the cursors that have moved, in a last transaction. */
  get finish(): Effect.Effect<void> {
    return Effect.ignore(this.broker.cursors.save(this.broker.store))
  }

  /** Runs `step` while the store is working on no line that a device will get. */
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

  /** Stores lines, one transaction after the other, forever. */
  get run(): Effect.Effect<never> {
    return Effect.scoped(
      Effect.flatMap(FiberSet.makeRuntime<never>(), (fork) => {
        this.fork = fork
        this.hasWork.unsafeOpen() // lines may already be waiting
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
   * In the broker's turn: starts the next transaction at the end of the turn if the store is in memory, and otherwise
   * after the turn's writes. If it started sooner, the clients' responses would be spread over more and smaller
   * transactions (benchmark: stored-10).
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
   * Returns the lines that wait for a store that does not answer, forever. Counts checks instead of reading a clock,
   * because the time in which the process was stopped does not count.
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

  /** Whether lines that were not handed to the store return instead of waiting. */
  private get isReturning(): boolean {
    return this.hasGivenUp || this.isOverdue
  }

  /**
   * Starts the next transaction unless one is under way, in a fiber of its own that runs immediately until it has to
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

  /** Whether lines wait to be handed to the store, which happens in order. */
  private get hasWaiting(): boolean {
    const last = this.work.at(-1)
    return last !== undefined && last.handed < last.lines.length
  }

  private inTurn<A>(run: () => A): Effect.Effect<A> {
    return Effect.suspend(() => (this.isStarting ? Effect.sync(run) : this.broker.inTurn(run)))
  }

  /**
   * The next transaction starts in the turn in which the store answers this one, or after a pause if this one failed.
   */
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
   * A transaction is uninterruptible between the store's answer and the fates of its lines. The fates are decided even
   * if the store has a defect, because otherwise the inlets would hold their senders forever.
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

  /** The store has answered, or has failed and stored nothing of the transaction. */
  private answered(parts: ReadonlyArray<Part>, answers: ReadonlyArray<StoreLines.Appended> | undefined) {
    this.underWay = undefined // nothing waits for the store in the pause after a failure
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
 * The outcome of nearly all lines. One shared object, because it is needed 50,000 times a second (benchmark: outcomes).
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
