/** Who is there, who was spoken with, and who is not listened to. */
export class People {
  /** The newest last: a name that is spoken with again moves to the end. */
  private readonly spoken = new Set<string>()
  private present = new Set<string>()
  private readonly ignored = new Set<string>()
  /** Who wrote last, for `/reply`. */
  lastSender: string | undefined = undefined

  /** @param own the login, which is nobody to talk to by default */
  constructor(public own: string) {}

  /** Returns whether that is news. */
  joined(name: string): boolean {
    const isNew = !this.present.has(name)
    this.present.add(name)
    return isNew
  }

  /** Returns whether that is news. */
  left(name: string): boolean {
    return this.present.delete(name)
  }

  /** All who are present, as the server told. */
  counted(names: Iterable<string>): void {
    this.present = new Set(names)
  }

  /** Who writes is here, even if a notice that tells so comes later. */
  wrote(name: string): void {
    this.present.add(name)
    if (name !== this.own) this.lastSender = name
    this.speak(name)
  }

  addressed(names: ReadonlyArray<string>): void {
    for (const name of names) this.speak(name)
  }

  private speak(name: string) {
    this.spoken.delete(name)
    this.spoken.add(name)
    // Senders come and go, and a session may last for months.
    if (this.spoken.size > maxSpoken) for (const oldest of this.spoken) return void this.spoken.delete(oldest)
  }

  isKnown(name: string): boolean {
    return this.present.has(name) || this.spoken.has(name) || name === this.own
  }

  isIgnored(name: string): boolean {
    return this.ignored.has(name)
  }

  /** Returns whether the name is ignored from now on: it is not, if it was. */
  toggleIgnored(name: string): boolean {
    if (this.ignored.delete(name)) return false
    this.ignored.add(name)
    return true
  }

  get ignoredNames(): ReadonlyArray<string> {
    return [...this.ignored]
  }

  /** Everybody known, as one would look for them: who is present first, of these whom one spoke with last. */
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
