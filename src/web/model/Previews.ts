import type { Conversation } from "./Conversation.js"
import { RequestFailed } from "./PageConnection.js"
import type { Timers } from "./Ports.js"
import type { NumberedLine } from "./Timeline.js"

/**
 * The time between two requests where the server limits how fast lines may come, in milliseconds: the user goes first.
 */
const pacedMillis = 1_000

export interface PreviewsOptions {
  readonly timers: Timers
  /** Whether the server sends past lines of a conversation now. */
  readonly canLoad: (conversation: Conversation) => boolean
  /** Whether the server limits how fast lines may come. */
  readonly isPaced: () => boolean
  /** Asks the server for the last line of a conversation; undefined if there is none that it can read. */
  readonly last: (conversation: Conversation) => Promise<NumberedLine | undefined>
}

/**
 * Loads the last lines of those conversations in the list from which no line has come, such as after the page was
 * loaded again. One at a time, since a thousand conversations may be in the list.
 */
export class Previews {
  private readonly wanted = new Set<Conversation>()
  /** Those that the server was asked for on this connection. */
  private asked = new WeakSet<Conversation>()
  private isLoading = false

  constructor(private readonly options: PreviewsOptions) {}

  /** The conversation is in sight. */
  want(conversation: Conversation): void {
    if (this.asked.has(conversation)) return
    this.wanted.add(conversation)
    void this.load()
  }

  /** It is out of sight. */
  leave(conversation: Conversation): void {
    this.wanted.delete(conversation)
  }

  disconnected(): void {
    this.wanted.clear()
    this.asked = new WeakSet()
  }

  private async load() {
    if (this.isLoading) return
    this.isLoading = true
    try {
      for (let next = this.next(); next !== undefined; next = this.next()) {
        if (this.options.isPaced()) await this.pause()
        await this.loadOne(next)
      }
    } finally {
      this.isLoading = false
    }
  }

  private next(): Conversation | undefined {
    for (const one of this.wanted) {
      if (one.lastMessage.peek() === undefined && this.options.canLoad(one)) return one
      this.wanted.delete(one)
    }
    return undefined
  }

  private async loadOne(one: Conversation) {
    const { asked } = this
    asked.add(one)
    try {
      const line = await this.options.last(one)
      // Not for an earlier connection: the server may have begun from nothing since.
      if (line !== undefined && asked === this.asked) one.learnLast(line)
    } catch (error) {
      if (error instanceof RequestFailed && error.reason === "slow-down") {
        asked.delete(one)
        return this.pause()
      }
    }
    this.wanted.delete(one)
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.options.timers.after(pacedMillis, resolve))
  }
}
