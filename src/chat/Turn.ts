interface Flushable {
  touch(): boolean
  flush(): void
}

/** What the broker has put into outboxes in this turn. */
export class Turn {
  /** Bytes since the last `flush`. */
  bytes = 0
  private touched: Array<Flushable> = []

  /** Something is put into this outbox: it is flushed when the turn ends. */
  touch(outbox: Flushable) {
    if (outbox.touch()) this.touched.push(outbox)
  }

  /** Hands to the writers what the turn has brought. */
  flush() {
    const touched = this.touched
    this.touched = []
    this.bytes = 0
    for (const outbox of touched) outbox.flush()
  }
}
