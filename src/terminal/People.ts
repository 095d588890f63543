/** Users who are present, users with whom messages were exchanged, and ignored users. */
export class People {
  /** Names with whom messages were exchanged, the most recent last. */
  private readonly spoken = new Set<string>()
  private present = new Set<string>()
  private readonly ignored = new Set<string>()
  /** Users who were present when the server announced the end of the connection. */
  private presentAtEnd = new Set<string>()
  /** Users who were present on the previous connection, and have not been seen on this one. */
  private readonly expected = new Set<string>()
  /** Sender of the last message, for `/reply`. */
  lastSender: string | undefined = undefined

  /** @param own the login, which is never offered as a recipient */
  constructor(public own: string) {}

  /** Returns whether this changes anything. */
  joined(name: string): boolean {
    const isNew = !this.present.has(name)
    this.present.add(name)
    this.expected.delete(name)
    return isNew
  }

  /** Returns whether this changes anything. */
  left(name: string): boolean {
    return this.present.delete(name)
  }

  /** Replaces the present users with those in a reply to `/who`. */
  listed(names: Iterable<string>): void {
    this.present = new Set(names)
    for (const name of this.present) this.expected.delete(name)
  }

  /** A sender is present, even if the notice arrives later. */
  wrote(name: string): void {
    this.present.add(name)
    this.expected.delete(name)
    if (name !== this.own) this.lastSender = name
    this.speak(name)
  }

  /** The server will end the connection. Users who leave from now on may come back after it. */
  ending(): void {
    this.presentAtEnd = new Set(this.present)
  }

  /** The connection has ended: everyone who was present is expected back on the next one. */
  ended(): void {
    for (const name of [...this.presentAtEnd, ...this.present]) if (name !== this.own) this.expected.add(name)
    this.presentAtEnd.clear()
  }

  /** Whether a user was present on the previous connection, and is not back yet. */
  isExpected(name: string): boolean {
    return this.expected.has(name)
  }

  /** Those who are not back yet are absent. */
  expectNoOne(): void {
    this.expected.clear()
  }

  addressed(names: ReadonlyArray<string>): void {
    for (const name of names) this.speak(name)
  }

  private speak(name: string) {
    this.spoken.delete(name)
    this.spoken.add(name)
    // Bounded, because a client may run for months.
    if (this.spoken.size > maxSpoken) for (const oldest of this.spoken) return void this.spoken.delete(oldest)
  }

  isKnown(name: string): boolean {
    return this.present.has(name) || this.spoken.has(name) || name === this.own
  }

  isIgnored(name: string): boolean {
    return this.ignored.has(name)
  }

  /** Ignores a name, or stops ignoring it; returns whether it is ignored now. */
  toggleIgnored(name: string): boolean {
    if (this.ignored.delete(name)) return false
    this.ignored.add(name)
    return true
  }

  get ignoredNames(): ReadonlyArray<string> {
    return [...this.ignored]
  }

  /** All known names, the likeliest recipients first: present users before others, the most recent contacts first. */
  get names(): ReadonlyArray<string> {
    const recent = [...this.spoken].toReversed()
    const others = [...this.present].filter((name) => !this.spoken.has(name)).toSorted()
    return [
      ...recent.filter((name) => this.present.has(name)),
      ...others,
      ...recent.filter((name) => !this.present.has(name))
    ].filter((name) => name !== this.own)
  }
}

const maxSpoken = 1_000
