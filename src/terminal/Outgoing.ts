import type { Fate } from "../client/Client.js"

/** A message of one's own, until all is known of it. */
export interface OwnMessage {
  readonly to: ReadonlyArray<string>
  readonly text: string
  /** `waiting` to be sent; `sent`, and nothing is known; `unknown` since the connection broke before it was told. */
  readonly phase: "waiting" | "sent" | "unknown"
}

/** What became known of a message, to be told. */
export interface SettledMessage {
  readonly to: ReadonlyArray<string>
  readonly text: string
  readonly fates: ReadonlyArray<Fate>
}

/** Names a message here, as long as it is one. */
export type MessageId = number

/** One's own messages of which not all is known, in the order typed. */
export class Outgoing {
  private readonly messages = new Map<MessageId, OwnMessage>()
  private readonly counts: Record<OwnMessage["phase"], number> = { waiting: 0, sent: 0, unknown: 0 }
  /** Those that wait, in the order typed, from `next` on. */
  private waiting: Array<MessageId> = []
  private next = 0
  /** Those that were put back and wait, too: the first typed is the last here, once they are sorted. */
  private back: Array<MessageId> = []
  private isSorted = true
  private lastId = 0

  add(to: ReadonlyArray<string>, text: string): void {
    this.lastId += 1
    this.set(this.lastId, { to, text, phase: "waiting" })
    this.waiting.push(this.lastId)
  }

  /** The first that waits, which is sent from now on. */
  take(): (OwnMessage & { readonly id: MessageId }) | undefined {
    const id = this.shift()
    const message = id === undefined ? undefined : this.messages.get(id)
    if (id === undefined || message === undefined) return undefined
    this.set(id, { ...message, phase: "sent" })
    return { id, ...message }
  }

  private shift(): MessageId | undefined {
    if (!this.isSorted) this.back.sort((a, b) => b - a)
    this.isSorted = true
    const [id, again] = [this.waiting[this.next], this.back.at(-1)]
    if (again !== undefined && (id === undefined || again < id)) return this.back.pop()
    if (id !== undefined) this.next += 1
    return id
  }

  /** It was not sent after all, and waits for the next connection. */
  putBack(id: MessageId): void {
    const message = this.messages.get(id)
    if (message === undefined || message.phase === "waiting") return
    this.set(id, { ...message, phase: "waiting" })
    this.back.push(id)
    this.isSorted = false
  }

  /**
   * What became of it. Recipients of whom nothing is known stay: it is for the person to say whether to send it to
   * them again. Returns what there is to tell.
   */
  settle(id: MessageId, fates: ReadonlyArray<Fate>): SettledMessage | undefined {
    const message = this.messages.get(id)
    if (message === undefined) return undefined
    const known = fates.filter((fate) => fate._tag !== "Unknown")
    const lost = fates.flatMap((fate) => (fate._tag === "Unknown" ? fate.names : []))
    if (lost.length === 0) this.forget(id)
    else this.set(id, { ...message, to: lost, phase: "unknown" })
    const unknown = new Set(lost)
    const to = message.to.filter((name) => !unknown.has(name))
    return known.length === 0 ? undefined : { to, text: message.text, fates: known }
  }

  /** It will never be sent, or nothing will ever be known of it. */
  forget(id: MessageId): void {
    const message = this.messages.get(id)
    if (message !== undefined) this.counts[message.phase] -= 1
    this.messages.delete(id)
  }

  /** What is unknown is sent again. */
  resend(): void {
    this.change("unknown", "waiting")
    // All in the order typed, so that what was typed first goes first, also when it goes again.
    this.waiting = [...this.messages].flatMap(([id, { phase }]) => (phase === "waiting" ? [id] : []))
    this.next = 0
    this.back = []
  }

  /** Forgets what is unknown, and returns it. */
  drop(): ReadonlyArray<OwnMessage> {
    const dropped = this.all.filter(({ phase }) => phase === "unknown")
    for (const [id, { phase }] of this.messages) if (phase === "unknown") this.forget(id)
    return dropped
  }

  count(phase: OwnMessage["phase"]): number {
    return this.counts[phase]
  }

  /** The oldest. */
  first(count: number): ReadonlyArray<OwnMessage> {
    const found: Array<OwnMessage> = []
    for (const message of this.messages.values()) {
      if (found.length === count) break
      found.push(message)
    }
    return found
  }

  get all(): ReadonlyArray<OwnMessage> {
    return [...this.messages.values()]
  }

  get size(): number {
    return this.messages.size
  }

  /** The connection is over: of what was sent and is not settled, nothing will be known. */
  lose(): void {
    this.change("sent", "unknown")
  }

  private change(from: OwnMessage["phase"], phase: OwnMessage["phase"]) {
    for (const [id, message] of this.messages) if (message.phase === from) this.set(id, { ...message, phase })
  }

  private set(id: MessageId, message: OwnMessage) {
    const before = this.messages.get(id)
    if (before !== undefined) this.counts[before.phase] -= 1
    this.counts[message.phase] += 1
    this.messages.set(id, message)
  }
}
