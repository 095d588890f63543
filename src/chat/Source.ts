/**
 * Where the lines in an outbox come from if no client waits for their fate: a log that keeps them until they have been
 * delivered. They are not in the ledger. What was not delivered when the connection ends stays in the log.
 */
export interface Source {
  /** So many of its lines, the first that were put, have been written, or acknowledged by a client with `ack`. */
  readonly delivered: (lines: number) => void
}

/** A source of lines that are no messages: a client with `ack` does not count them, so they are delivered once written. */
export class NoticeSource implements Source {
  constructor(readonly delivered: (lines: number) => void) {}
}
