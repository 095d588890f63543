import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Batch } from "../chat/Batch.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import { Peer } from "../chat/Peer.js"
import type { StoreService } from "../ports/Store.js"
import type { StoreError } from "../ports/StoreError.js"
import * as StoreLines from "../ports/StoreLines.js"
import * as Reply from "../protocol/Reply.js"
import type { Cursors } from "./Cursors.js"
import type { KeptLine, KeptRecipient, SentLine } from "./KeptRecipient.js"
import * as LineHead from "./LineHead.js"
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

interface Pending {
  readonly sender: Peer
  /** The line, or what has become of it without the store. */
  readonly line: StoreLines.NewLine | LineOutcome
}

interface Collaborators {
  readonly store: StoreService
  readonly cursors: Cursors
  /** The monotonic clock. */
  readonly now: () => number
  readonly inTurn: <A>(run: () => A) => Effect.Effect<A>
  /** Reports a failure, and waits before the next transaction. Meanwhile, the inlets hold their senders. */
  readonly failed: (error: StoreError) => Effect.Effect<void>
  /** Reports that the store works, if it did not before. */
  readonly works: Effect.Effect<void>
}

/**
 * Stores what is put into the inlets. Group commit: everything that waits becomes one transaction, of at most
 * `maxBatchLines` lines and `maxBatchBytes` bytes, and the next one grows while the store is at work on it.
 */
export class StoreWriter {
  private readonly work: Array<Work> = []
  private readonly hasWork = Effect.unsafeMakeLatch(false)
  private hasGivenUp = false
  private readonly oneByOne = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly broker: Collaborators) {}

  /** In the broker's turn: takes a batch, to store it with the next transaction. */
  take(recipient: KeptRecipient, batch: Batch<Peer>) {
    const work: Work = { recipient, batch, lines: linesOf(recipient, batch), outcomes: [], handed: 0 }
    this.work.push(work)
    if (this.hasGivenUp) this.settle(work)
    else this.hasWork.unsafeOpen()
  }

  /** In the broker's turn: returns everything that the store does not have yet. What it has meets its fate as always. */
  giveUp() {
    this.hasGivenUp = true
    for (const work of this.work.slice()) this.settle(work) // it removes them
  }

  /** Saves the cursors that have moved with the next transactions, or in transactions of their own. */
  saveCursors() {
    this.broker.cursors.setDue()
    this.hasWork.unsafeOpen()
  }

  /** A last transaction, with what the devices were given. */
  get finish(): Effect.Effect<void> {
    return Effect.ignore(this.broker.cursors.save(this.broker.store))
  }

  /** Runs `step` while no line is in the hands of the store that a device will be given. */
  between<A, E>(step: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.oneByOne.withPermits(1)(step)
  }

  /** Stores, one transaction after the other, for ever. */
  get run(): Effect.Effect<never> {
    const commit = this.oneByOne.withPermits(1)(Effect.suspend(() => this.commit()))
    const next = Effect.zipRight(this.hasWork.await, commit)
    // Not `Effect.forever`, which yields after each transaction: each waits for the store anyway (benchmark: outcomes).
    return Effect.zipRight(Effect.whileLoop({ while: () => true, body: () => next, step: () => {} }), Effect.never)
  }

  /**
   * One transaction. Nothing interrupts it between the store's answer and the fate of its lines. They meet one as well if
   * the store has a defect: the inlets would hold their senders for ever otherwise.
   */
  private commit(): Effect.Effect<void> {
    const { broker } = this
    this.hasWork.unsafeClose()
    const parts = this.takeParts()
    const lines: Array<StoreLines.NewLine> = []
    for (const part of parts) for (const { line } of part.lines) if (!isOutcome(line)) lines.push(line)
    const cursors = broker.cursors.take(broker.now())
    if (broker.cursors.hasDue) this.hasWork.unsafeOpen()
    if (parts.length === 0 && cursors.length === 0) return Effect.void
    if (lines.length === 0 && cursors.length === 0) return broker.inTurn(() => this.answered(parts, []))
    const append = broker.store.append(lines, cursors)
    return Effect.uninterruptible(
      Effect.flatMap(Effect.exit(append), (answer) => {
        const settle = broker.inTurn(() => this.answered(parts, Exit.isSuccess(answer) ? answer.value : undefined))
        if (Exit.isSuccess(answer)) return Effect.zipRight(settle, broker.works)
        broker.cursors.putBack(cursors)
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
      if (work.handed < work.lines.length) {
        this.hasWork.unsafeOpen()
        break
      }
    }
    return parts
  }

  /** The store has answered, or has failed: nothing of the transaction was stored then. */
  private answered(parts: ReadonlyArray<Part>, answers: ReadonlyArray<StoreLines.Appended> | undefined) {
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
    if (this.hasGivenUp && outcomes.length === work.handed) {
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

/** The outcome of nearly all lines. One object, because the next ones come 50,000 times a second (benchmark: outcomes). */
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

/** The lines of a batch, as the store gets them. */
const linesOf = (recipient: KeptRecipient, batch: Batch<Peer>): ReadonlyArray<Pending> => {
  const { counts, labels, senders, text } = batch
  const lines: Array<Pending> = []
  let at = 0
  senders.forEach((sender, run) => {
    if (!(sender instanceof Peer)) throw new Error("only clients write to accounts and rooms")
    const label = labels?.[run]
    const plain = Reply.messageHead(sender.name)
    for (let left = counts[run] as number; left > 0; left--) {
      const end = text.indexOf("\n", at)
      // Most lines have no parameters. To parse them as those that have some took a tenth of the time (benchmark: outcomes).
      const sent: SentLine = text.startsWith(plain, at)
        ? { sender, label, isAuto: false, to: "", text: text.slice(at + plain.length, end) }
        : { sender, label, ...LineHead.parse(text.slice(at, end)) }
      lines.push({ sender, line: recipient.newLine(sent) })
      at = end + 1
    }
  })
  return lines
}

/** The part of a new line that follows from its sender. */
export const authorOf = ({
  isAuto,
  label,
  sender: { device, name, words },
  text,
  to
}: SentLine): Omit<StoreLines.NewLine, "conversation" | "isLive"> => ({
  account: device?.account.id,
  author: name,
  text,
  isAuto,
  to,
  once: onceOf(device, words, label)
})

export const onceOf = (
  device: Peer["device"],
  words: Peer["words"],
  label: string | undefined
): StoreLines.NewLine["once"] =>
  device !== undefined && label !== undefined && words.has("once") ? { device: device.name, label } : undefined
