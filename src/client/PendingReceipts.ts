import type { Receipt } from "./Received.js"
import type { SentLineOutcome, SentLine } from "./SentLine.js"

/** The most lines that may wait. No further line is sent until some have been received. */
const maxWaiting = 4096

/** A stored line that no device of its recipient has got yet. */
export interface PendingReceipt {
  /** The recipient, and the number of the line in the conversation with it. */
  readonly name: string
  readonly seq: number
  readonly what: SentLineOutcome
  readonly line: SentLine
  /** The number in the line's label. */
  readonly label: number
}

/** The stored lines that wait until their recipients have received them (`receipts`, protocol, section 10). */
export class PendingReceipts {
  private waiting: Array<PendingReceipt> = []
  /** The last line that each recipient has got. A receipt may arrive before the outcome of its line. */
  private readonly given = new Map<string, number>()

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  get hasRoom(): boolean {
    return this.waiting.length < maxWaiting
  }

  isReceived(name: string, seq: number): boolean {
    return seq <= (this.given.get(name) ?? 0)
  }

  add(pending: PendingReceipt): void {
    this.waiting.push(pending)
  }

  /** Removes and returns the lines that a receipt is about. */
  received({ name, seq }: Receipt): ReadonlyArray<PendingReceipt> {
    this.given.set(name, Math.max(seq, this.given.get(name) ?? 0))
    const settled = this.waiting.filter((one) => this.isReceived(one.name, one.seq))
    if (settled.length > 0) this.waiting = this.waiting.filter((one) => !this.isReceived(one.name, one.seq))
    return settled
  }

  /** Removes and returns all lines: no receipt will come. */
  takeAll(): ReadonlyArray<PendingReceipt> {
    const { waiting } = this
    this.waiting = []
    this.given.clear()
    return waiting
  }
}
