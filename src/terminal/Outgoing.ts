import type { Fate } from "../client/Client.js"

/** A message of one's own, until all is known of it. */
export interface Message {
  readonly to: ReadonlyArray<string>
  readonly text: string
  /** `waiting` to be sent; `sent`, and nothing is known; `unknown` since the connection broke before it was told. */
  readonly phase: "waiting" | "sent" | "unknown"
}

/** What became known of a message, to be told. */
export interface Told {
  readonly to: ReadonlyArray<string>
  readonly text: string
  readonly fates: ReadonlyArray<Fate>
}

/** Names a message here, as long as it is one. */
export type Id = number

/** One's own messages of which not all is known, in the order typed. */
export class Outgoing {
  private readonly messages = new Map<Id, Message>()
  /** Those that wait, in the order typed, from `next` on. */
  private waiting: Array<Id> = []
  private next = 0
  private lastId = 0

  add(to: ReadonlyArray<string>, text: string): void {
    this.lastId += 1
    this.messages.set(this.lastId, { to, text, phase: "waiting" })
    this.waiting.push(this.lastId)
  }

  /** The first that waits, which is sent from now on. */
  take(): (Message & { readonly id: Id }) | undefined {
    const id = this.waiting[this.next]
    const message = id === undefined ? undefined : this.messages.get(id)
    if (id === undefined || message === undefined) return undefined
    this.next += 1
    this.messages.set(id, { ...message, phase: "sent" })
    return { id, ...message }
  }

  /** It was not sent after all, and waits for the next connection. */
  putBack(id: Id): void {
    this.change([id], "waiting")
  }

  /**
   * What became of it. Recipients of whom nothing is known stay: it is for the person to say whether to send it to
   * them again. Returns what there is to tell.
   */
  settle(id: Id, fates: ReadonlyArray<Fate>): Told | undefined {
    const message = this.messages.get(id)
    if (message === undefined) return undefined
    const known = fates.filter((fate) => fate._tag !== "Unknown")
    const lost = fates.flatMap((fate) => (fate._tag === "Unknown" ? fate.names : []))
    if (lost.length === 0) this.messages.delete(id)
    else this.messages.set(id, { ...message, to: lost, phase: "unknown" })
    const unknown = new Set(lost)
    const to = message.to.filter((name) => !unknown.has(name))
    return known.length === 0 ? undefined : { to, text: message.text, fates: known }
  }

  /** It will never be sent, or nothing will ever be known of it. */
  forget(id: Id): void {
    this.messages.delete(id)
  }

  /** What is unknown is sent again. */
  resend(): void {
    this.change(
      [...this.messages].flatMap(([id, { phase }]) => (phase === "unknown" ? [id] : [])),
      "waiting"
    )
  }

  /** Forgets what is unknown, and returns it. */
  drop(): ReadonlyArray<Message> {
    const dropped = this.all.filter(({ phase }) => phase === "unknown")
    for (const [id, { phase }] of this.messages) if (phase === "unknown") this.messages.delete(id)
    return dropped
  }

  count(phase: Message["phase"]): number {
    let count = 0
    for (const message of this.messages.values()) if (message.phase === phase) count += 1
    return count
  }

  /** The oldest. */
  first(count: number): ReadonlyArray<Message> {
    const found: Array<Message> = []
    for (const message of this.messages.values()) {
      if (found.length === count) break
      found.push(message)
    }
    return found
  }

  get all(): ReadonlyArray<Message> {
    return [...this.messages.values()]
  }

  get size(): number {
    return this.messages.size
  }

  /** The connection is over: of what was sent and is not settled, nothing will be known. */
  lose(): void {
    this.change(
      [...this.messages].flatMap(([id, { phase }]) => (phase === "sent" ? [id] : [])),
      "unknown"
    )
  }

  /** Of every message in its order, so that what was typed first goes first, also when it goes again. */
  private change(ids: ReadonlyArray<Id>, phase: Message["phase"]) {
    for (const id of ids) {
      const message = this.messages.get(id)
      if (message !== undefined) this.messages.set(id, { ...message, phase })
    }
    this.waiting = [...this.messages].flatMap(([id, message]) => (message.phase === "waiting" ? [id] : []))
    this.next = 0
  }
}
