/** Collects the users who joined or left within a short time, to show them in one line. */
export class PresenceNotices {
  private readonly changes = new Map<string, "joined" | "left" | "came and went" | "came back">()

  joined(name: string): void {
    this.changes.set(name, this.changes.get(name) === "left" ? "came back" : "joined")
  }

  left(name: string): void {
    this.changes.set(name, this.changes.get(name) === "joined" ? "came and went" : "left")
  }

  /** Whether a change of this user is pending. It must be shown before the user's next message. */
  has(name: string): boolean {
    return this.changes.has(name)
  }

  get isEmpty(): boolean {
    return this.changes.size === 0
  }

  /** Returns and forgets the changes, as `bob, carol joined; dave left`; empty if there are none. */
  take(): string {
    const changes = [...this.changes]
    this.changes.clear()
    return (["joined", "came back", "came and went", "left"] as const)
      .map((what) => {
        const names = changes.flatMap(([name, change]) => (change === what ? [name] : []))
        const shown = names.slice(0, maxShown).join(", ")
        const more = names.length > maxShown ? ` and ${names.length - maxShown} more` : ""
        return names.length === 0 ? "" : `${shown}${more} ${what}`
      })
      .filter((part) => part !== "")
      .join("; ")
  }
}

const maxShown = 8
