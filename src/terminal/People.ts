/** Users who are present, users who exchanged messages with this one, and ignored users. */
export class People {
  /** Names of users who exchanged messages with this one, the most recent last. */
  private readonly spoken = new Set<string>()
  private present = new Set<string>()
  /** Users who were present before, the last to leave last. */
  private readonly gone = new Set<string>()
  /** Names that were addressed, without those that turned out to be absent. */
  private readonly tried = new Set<string>()
  private readonly ignored = new Set<string>()
  /** Users who were present when the server announced the end of the connection. */
  private presentAtEnd = new Set<string>()
  /** Users who were present on the previous connection, and have not yet been seen on this one. */
  private readonly expected = new Set<string>()
  /** Sender of the last message, for `/reply`. */
  lastSender: string | undefined = undefined
  /** The other recipients of that message, for `/all`. */
  lastOthers: ReadonlyArray<string> = []

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
    if (!this.present.delete(name)) return false
    addBounded(this.gone, name)
    return true
  }

  /** Replaces the present users with those in a reply to `/who`. */
  listed(names: Iterable<string>): void {
    const before = this.present
    this.present = new Set(names)
    for (const name of before) if (!this.present.has(name)) addBounded(this.gone, name)
    for (const name of this.present) this.expected.delete(name)
  }

  /**
   * A sender is present, even if the notice arrives later.
   *
   * @param others the other recipients of the message
   */
  wrote(name: string, others: ReadonlyArray<string> = []): void {
    this.present.add(name)
    this.expected.delete(name)
    this.speak(name)
    if (name === this.own) return
    this.lastSender = name
    this.lastOthers = others.filter((other) => other !== name && other !== this.own)
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

  /** Users who are not back yet count as absent. */
  expectNoOne(): void {
    this.expected.clear()
  }

  addressed(names: ReadonlyArray<string>): void {
    for (const name of names) {
      this.speak(name)
      addBounded(this.tried, name)
    }
  }

  /** A user has written in a room. */
  speak(name: string): void {
    addBounded(this.spoken, name)
  }

  /** The server reported that these names are absent. */
  missed(names: ReadonlyArray<string>): void {
    for (const name of names) this.tried.delete(name)
  }

  /** Whether a user of that name is or was present, or was addressed and not reported as absent. */
  mayExist(name: string): boolean {
    return this.present.has(name) || this.gone.has(name) || this.tried.has(name) || name === this.own
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

  /** All known names, preceded by the members of the current room. */
  namesWith(members: Iterable<string>): ReadonlyArray<string> {
    const here = new Set(members)
    if (here.size === 0) return this.names
    const { names } = this
    const known = new Set(names)
    const others = [...here].filter((name) => !known.has(name) && name !== this.own)
    return [...names.filter((name) => here.has(name)), ...others, ...names.filter((name) => !here.has(name))]
  }
}

/** Bounded, because a client may run for months. */
const maxNames = 1_000

const addBounded = (names: Set<string>, name: string): void => {
  names.delete(name)
  names.add(name)
  if (names.size > maxNames) for (const oldest of names) return void names.delete(oldest)
}
