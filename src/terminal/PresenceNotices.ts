interface Change {
  /** `wrote`: joined and wrote at once; the message itself shows that the user is there. */
  readonly what: "joined" | "wrote" | "left"
  readonly at: number
}

/**
 * Collects the users who joined or left, to show them in one line. Each change waits for a while: a client that joins
 * and leaves within that time, as scripts do, or leaves and returns, is not worth a line.
 */
export class PresenceNotices {
  private readonly changes = new Map<string, Change>()

  /** @param settleMillis how long a user stays, or stays away, before it is shown */
  constructor(private readonly settleMillis: number) {}

  joined(name: string, now: number): void {
    this.change(name, { what: "joined", at: now }, now)
  }

  left(name: string, now: number): void {
    this.change(name, { what: "left", at: now }, now)
  }

  /** A message is shown, so its sender's joining need not be. */
  wrote(name: string): void {
    const before = this.changes.get(name)
    if (before?.what === "joined") this.changes.set(name, { ...before, what: "wrote" })
  }

  private change(name: string, change: Change, now: number) {
    const before = this.changes.get(name)
    // Deleted first, because a change of the same user belongs after those of others.
    this.changes.delete(name)
    const cancels = before !== undefined && before.what !== change.what && now - before.at < this.settleMillis
    if (!cancels) this.changes.set(name, change)
  }

  get isEmpty(): boolean {
    return this.changes.size === 0
  }

  clear(): void {
    this.changes.clear()
  }

  /**
   * Returns and forgets the changes that have waited long enough, as `bob, carol joined; dave left`; empty if there are
   * none. Changes that have waited half as long are included, because they would soon need another line.
   */
  takeSettled(now: number): string {
    const isDue = [...this.changes.values()].some(({ at }) => now - at >= this.settleMillis)
    return isDue ? this.take(([, { at }]) => now - at >= this.settleMillis / 2) : ""
  }

  /** Returns and forgets all changes. */
  takeAll(): string {
    return this.take(() => true)
  }

  private take(isDue: (entry: readonly [string, Change]) => boolean): string {
    const due = [...this.changes].filter(isDue)
    for (const [name] of due) this.changes.delete(name)
    return (["joined", "left"] as const)
      .map((what) => {
        const names = due.flatMap(([name, change]) => (change.what === what ? [name] : []))
        const shown = names.slice(0, maxShown).join(", ")
        const more = names.length > maxShown ? ` and ${names.length - maxShown} more` : ""
        return names.length === 0 ? "" : `${shown}${more} ${what}`
      })
      .filter((part) => part !== "")
      .join("; ")
  }
}

const maxShown = 8
