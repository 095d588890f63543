import type * as Outcomes from "./Outcomes.js"

/** A line on its way to its recipients, and its outcomes. */

export interface SentLine {
  /** From 1, in the order of the input. */
  readonly number: number
  /** In wire form. */
  readonly text: string
  readonly recipients: Outcomes.Recipients
  /** How often the line has been sent again. */
  readonly tries: number
  /** The number in the label that the line must keep because it may be stored with it; by default it gets a new one. */
  readonly label?: number | undefined
}

export interface SentLineOutcome {
  /** Number of the line, from 1. */
  readonly line: number
  readonly outcome: Outcomes.Outcome
  /** The recipients with this outcome. For a refused or unknown line, all recipients without another outcome. */
  readonly names: ReadonlyArray<string>
}

/**
 * A line that waits for outcomes. A class rather than closures: thousands exist at any moment, and this takes one
 * object per line.
 */
export class AwaitedSentLine implements Outcomes.AwaitedLine {
  due: Outcomes.AwaitedLine["due"] = undefined
  constructor(
    private readonly line: SentLine,
    private readonly label: number,
    private readonly settle: (outcome: SentLineOutcome, line: SentLine, isLast: boolean, label: number) => void
  ) {}
  get recipients() {
    return this.line.recipients
  }
  accept(outcome: Outcomes.Outcome, names: ReadonlyArray<string>, isLast: boolean) {
    this.settle({ line: this.line.number, outcome, names }, this.line, isLast, this.label)
  }
}
