import * as Effect from "effect/Effect"
import * as Wire from "../protocol/Wire.js"
import * as Outcomes from "./Outcomes.js"
import type { SentLineOutcome, SentLine } from "./SentLine.js"

/**
 * The interval of retries for an absent recipient: a server drops the notice that it joined if this client's queue is
 * full.
 */
const absencePollMillis = 2000

/** A line to be sent again: its last outcome, and the earliest time to send it (`performance.now`). */
export interface Retry extends SentLine {
  readonly outcome: SentLineOutcome
  at: number
}

/** The lines to be sent again, in the order of the input, and the absent recipients that some of them wait for. */
export class RetryQueue {
  /** Opened when an absent recipient of a queued line has joined. */
  readonly joined = Effect.unsafeMakeLatch(false)
  private readonly queue: Array<Retry> = []
  /** Recipients that were absent, and the end of the wait for each. */
  private readonly absentUntil = new Map<string, number>()

  /**
   * @param absenceMillis how long to wait for an absent recipient; 0 waits for none
   * @param giveUp called with the outcome of absent recipients for which the line no longer waits
   */
  constructor(
    private readonly absenceMillis: number,
    private readonly giveUp: (outcome: SentLineOutcome) => void
  ) {}

  get size(): number {
    return this.queue.length
  }

  get first(): Retry | undefined {
    return this.queue[0]
  }

  /** Removes the first line. */
  shift(): void {
    this.queue.shift()
  }

  /** The last outcomes of all queued lines. */
  get outcomes(): ReadonlyArray<SentLineOutcome> {
    return this.queue.map(({ outcome }) => outcome)
  }

  add(line: SentLine, outcome: SentLineOutcome, { at, label, tries }: Pick<Retry, "at" | "label" | "tries">): void {
    // A copy: a slice would keep the whole read alive while the line waits.
    const text = Wire.copy(line.text)
    const retry = { ...line, recipients: new Outcomes.Recipients(outcome.names), text, tries, label, outcome, at }
    let place = this.queue.length
    while (place > 0 && (this.queue[place - 1] as Retry).number > line.number) place -= 1
    this.queue.splice(place, 0, retry)
  }

  /** Adds a line for those of its absent recipients that are still waited for; returns whether there are any. */
  addForAbsent(line: SentLine, what: SentLineOutcome): boolean {
    const { outcome } = what
    if (this.absenceMillis === 0 || outcome._tag !== "Returned") return false
    const now = performance.now()
    const expected: Array<string> = []
    const given: Array<string> = []
    let at = now + absencePollMillis
    for (const name of outcome.names) {
      const until = this.absentUntil.get(name) ?? now + this.absenceMillis
      this.absentUntil.set(name, until)
      if (until <= now) given.push(name)
      else {
        expected.push(name)
        at = Math.min(at, until)
      }
    }
    if (expected.length === 0) return false
    if (given.length > 0) this.giveUp({ ...what, outcome: { ...outcome, names: given }, names: given })
    const rest = { ...what, outcome: { ...outcome, names: expected }, names: expected }
    this.add(line, rest, { tries: line.tries, at, label: undefined })
    return true
  }

  /** Records that these recipients got a line: if one is absent again, a new wait for it begins. */
  reached(names: ReadonlyArray<string>): void {
    if (this.absentUntil.size > 0) for (const name of names) this.absentUntil.delete(name)
  }

  /** A client has joined: the lines for it are due. */
  hasJoined(name: string): void {
    for (const retry of this.queue) {
      if (!retry.recipients.shown.includes(name)) continue
      retry.at = 0
      this.joined.unsafeOpen()
    }
  }

  /**
   * Removes and returns the lines that may already be stored and are unsafe to send again to one of their recipients.
   */
  takeUnsafe(isSafe: (names: ReadonlyArray<string>) => boolean): ReadonlyArray<Retry> {
    const taken = this.queue.filter(({ label, outcome }) => label !== undefined && !isSafe(outcome.names))
    for (const retry of taken) this.queue.splice(this.queue.indexOf(retry), 1)
    return taken
  }

  /** There is a new connection: the lines that wait for absent recipients are due. */
  reconnected(): void {
    for (const retry of this.queue) if (retry.outcome.outcome._tag === "Returned") retry.at = 0
  }
}
