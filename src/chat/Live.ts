/**
 * A value that may be replaced while the program runs. Read `current` each time. A module that caches something derived
 * from it must derive it again in `onChange`.
 */
export interface Live<out A> {
  readonly current: A
  /** Calls the listener after each change, in the same turn. Listeners run in the order in which they were added. */
  onChange(listener: (current: A) => void): void
}

/** The writable side of a `Live`. Only the owner keeps it; other modules get the `Live`. */
export class LiveSource<A extends object> implements Live<A> {
  private readonly listeners: Array<(current: A) => void> = []

  constructor(private value: A) {}

  get current(): A {
    return this.value
  }

  /** Replaces the value by a copy with these changes, and notifies the listeners. */
  set(changes: Partial<A>) {
    this.value = { ...this.value, ...changes }
    for (const listener of this.listeners) listener(this.value)
  }

  onChange(listener: (current: A) => void) {
    this.listeners.push(listener)
  }
}
