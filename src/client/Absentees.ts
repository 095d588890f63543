import * as Effect from "effect/Effect"

/** The most names remembered. Beyond it, the oldest is forgotten. */
const maxNames = 10_000

export interface AbsenteesOptions {
  /** How long after a reconnection to expect a recipient that was present before, in milliseconds. */
  readonly returnMillis: number
  /** How long to wait for any other absent recipient, in milliseconds. */
  readonly waitMillis: number
}

/**
 * The recipients that may come back. After a restart of the server its clients return within seconds of each other, so
 * a message to one that is not back yet would be returned. Every `now` is in milliseconds.
 */
export class Absentees {
  /** Names that were present when the client last heard of them. */
  private present = new Set<string>()
  /** Names that were present before the connection was lost. */
  private expected = new Set<string>()
  private expectedUntil = -Infinity
  private readonly waiting = new Map<string, Set<() => void>>()

  constructor(private readonly options: AbsenteesOptions) {}

  /** Records that a client has joined, or has got a message. */
  isHere(name: string): void {
    this.present.add(name)
    if (this.present.size > maxNames) this.present.delete(this.present.values().next().value ?? name)
    for (const wake of this.waiting.get(name) ?? []) wake()
  }

  hasLeft(name: string): void {
    this.present.delete(name)
    this.expected.delete(name)
  }

  /** The client has connected again. */
  reconnected(now: number): void {
    this.expected = new Set([...this.expected, ...this.present].slice(-maxNames))
    this.present = new Set()
    this.expectedUntil = now + this.options.returnMillis
  }

  /** When a message stops waiting for an absent recipient. `since` is when it began to wait. */
  deadline(name: string, since: number): number {
    const waited = since + this.options.waitMillis
    return this.expected.has(name) ? Math.max(waited, this.expectedUntil) : waited
  }

  /** Waits until one of these recipients is here. */
  anyOf(names: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.async((resume) => {
      const wake = () => {
        stop()
        resume(Effect.void)
      }
      const stop = () => {
        for (const name of names) {
          const wakers = this.waiting.get(name)
          wakers?.delete(wake)
          if (wakers?.size === 0) this.waiting.delete(name)
        }
      }
      for (const name of names) this.waiting.set(name, (this.waiting.get(name) ?? new Set()).add(wake))
      return Effect.sync(stop)
    })
  }
}
