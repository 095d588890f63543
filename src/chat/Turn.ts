interface Flushable {
  touch(): boolean
  flush(): void
}

/** Keeps track of the outboxes that the broker has put something into in this turn. */
export class Turn {
  /** When the turn began, on the monotonic clock. */
  startedAt = 0
  /** Bytes since the last `flush`. */
  bytes = 0
  private touched: Array<Flushable> = []

  /** Registers an outbox to be flushed at the end of the turn. */
  touch(outbox: Flushable) {
    if (outbox.touch()) this.touched.push(outbox)
  }

  /** Ends the turn: flushes the outboxes to their writers. */
  flush() {
    const touched = this.touched
    this.touched = []
    this.bytes = 0
    for (const outbox of touched) outbox.flush()
  }
}
