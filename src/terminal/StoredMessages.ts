import type { MessageFate } from "../client/Client.js"
import type { Receipt } from "../client/Received.js"
import * as RoomReports from "../client/RoomReports.js"
import type { SettledMessage } from "./Outgoing.js"

/** How long a stored message waits to be received before it is shown as only stored, in milliseconds. */
const waitMillis = 1_000

/** Bounded, because a client may run for months, and the server chooses the names. */
const maxNames = 1_000
const maxLater = 10_000

/** A stored message that is not in the scrollback yet. */
interface Waiting {
  readonly settled: SettledMessage
  readonly until: number
}

/**
 * The user's messages that are stored for accounts. Most are received at once, and are shown only then, so that each
 * has one row. The others are shown as stored; a separate row reports when they are received.
 */
export class StoredMessages {
  private waiting: Array<Waiting> = []
  /** The last line of this account that each account has got. */
  private readonly given = new Map<string, number>()
  /** The messages shown as stored, by recipient. */
  private readonly later = new Map<string, Array<number>>()

  /** @param show shows a message in the scrollback, with whether all recipients have received it */
  constructor(private readonly show: (settled: SettledMessage, isReceived: boolean) => void) {}

  /** The messages that wait, in the order of their outcomes. */
  get messages(): ReadonlyArray<SettledMessage> {
    return this.waiting.map(({ settled }) => settled)
  }

  /** Handles a message with its outcomes. Returns whether it waits to be received; otherwise it has been shown. */
  settle(settled: SettledMessage, now: number): boolean {
    if (this.isReceived(settled)) this.show(settled, true)
    else if (!settled.fates.every((fate) => isReceived(fate) || isAwaited(fate))) this.showStored(settled)
    else {
      this.waiting.push({ settled, until: now + waitMillis })
      return true
    }
    return false
  }

  /** Handles a receipt. Returns how many of its messages had been shown as stored. */
  take({ name, seq }: Receipt): number {
    this.given.set(name, Math.max(seq, this.given.get(name) ?? 0))
    if (this.given.size > maxNames) for (const oldest of this.given.keys()) if (this.given.delete(oldest)) break
    this.waiting = this.waiting.filter(({ settled }) => {
      const isReceived = this.isReceived(settled)
      if (isReceived) this.show(settled, true)
      return !isReceived
    })
    const before = this.later.get(name) ?? []
    const left = before.filter((number) => number > seq)
    if (left.length === 0) this.later.delete(name)
    else this.later.set(name, left)
    return before.length - left.length
  }

  /** Shows the messages that have waited for long enough; returns whether others still wait. */
  showLate(now: number): boolean {
    this.waiting = this.waiting.filter(({ settled, until }) => {
      if (until <= now) this.showStored(settled)
      return until > now
    })
    return this.waiting.length > 0
  }

  private showStored(settled: SettledMessage) {
    this.show(settled, false)
    for (const fate of settled.fates) {
      if (!isAwaited(fate) || this.isGiven(fate)) continue
      const [name = ""] = fate.names
      const numbers = this.later.get(name) ?? []
      if (numbers.length < maxLater) this.later.set(name, [...numbers, fate.seq])
    }
    if (this.later.size > maxNames) for (const oldest of this.later.keys()) if (this.later.delete(oldest)) break
  }

  private isReceived({ fates }: SettledMessage): boolean {
    return fates.every((fate) => isReceived(fate) || this.isGiven(fate))
  }

  private isGiven(fate: MessageFate): boolean {
    return isAwaited(fate) && fate.seq <= (this.given.get(fate.names[0] ?? "") ?? 0)
  }
}

type Stored = Extract<MessageFate, { readonly _tag: "Written" }> & { readonly seq: number }

const isStored = (fate: MessageFate): fate is Stored =>
  fate._tag === "Written" && fate.code === "stored" && fate.seq !== undefined && fate.names.length === 1

/** Lines to rooms get no receipts. */
const isAwaited = (fate: MessageFate): fate is Stored => isStored(fate) && !fate.names.some(RoomReports.isRoom)

const isReceived = (fate: MessageFate) => fate._tag === "Written" && fate.code === "received"
