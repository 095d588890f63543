import type { Acknowledgement } from "./Acknowledgement.js"
import type { KeptPlace, LastSeen } from "./LastSeen.js"

/** A line whose processing, or that of an earlier line of the connection, has not been reported yet. */
interface Slot {
  /** Messages that the server counts: 1, or 0 for any other line. */
  readonly messages: number
  readonly place: KeptPlace | undefined
  isProcessed: boolean
}

/**
 * The lines of a connection, which a program may process in any order. An acknowledgement is a number of messages, and
 * a conversation's place is its last line: both imply that all earlier lines have been processed. So a line counts once
 * all earlier ones do.
 */
export class InOrder {
  private slots: Array<Slot> = []
  private first = 0
  /** The number of additions and completions. It shows whether the program makes progress. */
  progress = 0

  constructor(
    private readonly acknowledgement: Acknowledgement,
    private readonly seen: LastSeen | undefined
  ) {}

  /** Adds a line, and returns what to call once it is processed. */
  add(messages: number, place?: KeptPlace): () => void {
    const slot: Slot = { messages, place, isProcessed: false }
    this.slots.push(slot)
    this.progress += 1
    return () => {
      if (slot.isProcessed) return
      slot.isProcessed = true
      this.progress += 1
      this.settle()
    }
  }

  /** Whether the program has lines. */
  get isBusy(): boolean {
    return this.first < this.slots.length
  }

  private settle() {
    for (let slot = this.slots[this.first]; slot?.isProcessed === true; slot = this.slots[this.first]) {
      this.first += 1
      this.acknowledgement.add(slot.messages)
      if (slot.place !== undefined) this.seen?.passed(slot.place)
    }
    if (this.first < this.slots.length && this.first < maxSettled) return
    this.slots = this.slots.slice(this.first)
    this.first = 0
  }
}

/** Settled lines that stay in the array, so that it is not copied for each line. */
const maxSettled = 1_000
