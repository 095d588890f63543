import type { MessageFate } from "../client/Client.js"

/** A message from the user, until all its outcomes are known. */
export interface OwnMessage {
  readonly to: ReadonlyArray<string>
  readonly text: string
  /** `waiting` to be sent; `sent` without an outcome yet; `unknown` because the connection broke before the outcome. */
  readonly phase: "waiting" | "sent" | "unknown"
  /** Whether it was already sent without an outcome, and waits to be sent again. */
  readonly mayHaveArrived?: true
  /** The number in the label that it keeps when it is sent again: an account does not store it twice. */
  readonly label?: number | undefined
}

/** The outcomes of a message, to be shown. */
export interface SettledMessage {
  readonly to: ReadonlyArray<string>
  readonly text: string
  readonly fates: ReadonlyArray<MessageFate>
}

/** Identifies a message in `Outgoing`. */
export type MessageId = number

/**
 * The user's messages that do not have all their outcomes, in the order typed.
 *
 * A message to someone who is expected back is held until all its expected recipients are back. So is every later
 * message to any recipient of a held one, because messages to one recipient keep the order typed. Messages to others
 * overtake it.
 */
export class Outgoing {
  private readonly messages = new Map<MessageId, OwnMessage>()
  private readonly counts: Record<OwnMessage["phase"], number> = { waiting: 0, sent: 0, unknown: 0 }
  /** Waiting messages in the order typed, from index `next` on. */
  private waiting: Array<MessageId> = []
  private next = 0
  /** Messages that were put back and wait again. Once sorted, the first typed is the last here. */
  private back: Array<MessageId> = []
  private isSorted = true
  private lastId = 0
  /** Waiting messages that are held. */
  private held: Array<MessageId> = []
  /** The recipients of held messages, and those of them who are expected back. */
  private readonly heldNames = new Set<string>()
  private readonly awaited = new Set<string>()

  /** @param isExpected whether a recipient is expected back, so that messages to it are held */
  constructor(private readonly isExpected: (name: string) => boolean = () => false) {}

  add(to: ReadonlyArray<string>, text: string): void {
    this.lastId += 1
    this.set(this.lastId, { to, text, phase: "waiting" })
    this.waiting.push(this.lastId)
  }

  /** Returns the first waiting message that is not held, and counts it as sent. */
  take(): (OwnMessage & { readonly id: MessageId }) | undefined {
    const message = this.peek()
    const id = this.shift()
    if (id === undefined || message === undefined) return undefined
    this.set(id, { ...message, phase: "sent" })
    return { id, ...message }
  }

  /** Records the number in the label of a sent message. */
  labelled(id: MessageId, label: number | undefined): void {
    const message = this.messages.get(id)
    if (message !== undefined && label !== undefined) this.set(id, { ...message, label })
  }

  /** The recipients of the messages with unknown outcomes that have labels of their own. */
  get unknownRecipients(): ReadonlyArray<string> {
    return [...new Set(this.all.flatMap((one) => (isRepeatable(one) ? one.to : [])))]
  }

  /** Requeues messages with unknown outcomes that no recipient will get twice. Returns whether there are any. */
  resendTo(kept: ReadonlySet<string>): boolean {
    const may = (message: OwnMessage) => isRepeatable(message) && message.to.every((name) => kept.has(name))
    const isNews = this.all.some(may)
    if (isNews) this.resend(may)
    return isNews
  }

  /** Returns the message that `take` would return. */
  peek(): OwnMessage | undefined {
    for (;;) {
      const id = this.nextId()
      const message = id === undefined ? undefined : this.messages.get(id)
      if (id === undefined || message === undefined) return undefined
      if (!this.isHeld(message.to)) return message
      this.shift()
      this.held.push(id)
      for (const name of message.to) {
        this.heldNames.add(name)
        if (this.isExpected(name)) this.awaited.add(name)
      }
    }
  }

  /** Whether a message to these recipients would be held now. */
  isHeld(to: ReadonlyArray<string>): boolean {
    return to.some((name) => this.isExpected(name) || this.heldNames.has(name))
  }

  /** Requeues the held messages if one of their recipients is no longer expected; returns whether it did. */
  release(): boolean {
    let isNews = false
    for (const name of this.awaited) isNews ||= !this.isExpected(name)
    if (!isNews) return false
    for (const id of this.held) this.back.push(id)
    this.isSorted = false
    this.forgetHeld()
    return true
  }

  private forgetHeld() {
    this.held = []
    this.heldNames.clear()
    this.awaited.clear()
  }

  private shift(): MessageId | undefined {
    const id = this.nextId()
    if (id === undefined) return undefined
    if (id === this.back.at(-1)) return this.back.pop()
    this.next += 1
    return id
  }

  private nextId(): MessageId | undefined {
    if (!this.isSorted) this.back.sort((a, b) => b - a)
    this.isSorted = true
    const [id, again] = [this.waiting[this.next], this.back.at(-1)]
    return again !== undefined && (id === undefined || again < id) ? again : id
  }

  /** Marks a message as unsent: it waits for the next connection. */
  putBack(id: MessageId): void {
    const message = this.messages.get(id)
    if (message === undefined || message.phase === "waiting") return
    this.set(id, { ...message, phase: "waiting" })
    this.back.push(id)
    this.isSorted = false
  }

  /**
   * Records outcomes. Recipients with an unknown outcome remain, because only the user can decide whether to send
   * again. Returns the known outcomes, if there are any.
   */
  settle(id: MessageId, fates: ReadonlyArray<MessageFate>): SettledMessage | undefined {
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

  /** Removes and returns a message that will never be sent, or will never have an outcome. */
  forget(id: MessageId): OwnMessage | undefined {
    const message = this.messages.get(id)
    if (message !== undefined) this.counts[message.phase] -= 1
    this.messages.delete(id)
    return message
  }

  /** Requeues messages with unknown outcomes, by default all of them. */
  resend(may: (message: OwnMessage) => boolean = () => true): void {
    for (const [id, message] of this.messages) {
      if (message.phase === "unknown" && may(message))
        this.set(id, { ...message, phase: "waiting", mayHaveArrived: true })
    }
    // In the order typed: a message that is sent again still precedes those typed after it.
    this.waiting = [...this.messages].flatMap(([id, { phase }]) => (phase === "waiting" ? [id] : []))
    this.next = 0
    this.back = []
    this.forgetHeld()
  }

  /** Forgets and returns all messages with unknown outcomes. */
  drop(): ReadonlyArray<OwnMessage> {
    const dropped = this.all.filter(({ phase }) => phase === "unknown")
    for (const [id, { phase }] of this.messages) if (phase === "unknown") this.forget(id)
    return dropped
  }

  count(phase: OwnMessage["phase"]): number {
    return this.counts[phase]
  }

  /** The oldest messages. */
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

  /** The connection has ended: sent messages without an outcome become unknown. */
  lose(): void {
    for (const [id, message] of this.messages) {
      if (message.phase === "sent") this.set(id, { ...message, phase: "unknown" })
    }
  }

  private set(id: MessageId, message: OwnMessage) {
    const before = this.messages.get(id)
    if (before !== undefined) this.counts[before.phase] -= 1
    this.counts[message.phase] += 1
    this.messages.set(id, message)
  }
}

const isRepeatable = ({ label, phase }: OwnMessage) => phase === "unknown" && label !== undefined
