import * as Metrics from "../telemetry/Metrics.js"

/**
 * The account of every accepted (line, recipient) pair: `accepted = written + returned + dead + in flight`
 * (protocol, section 4). Plain numbers, since they change with every message.
 */
export class Ledger {
  /** Pairs taken over from their senders. */
  accepted = 0
  /** The kernel took all bytes of the line for the recipient's socket. */
  written = 0
  /** The sender was told that the recipient did not get it. */
  returned = 0
  /** Returned, but the sender had left and could not be told. */
  dead = 0

  private published = { accepted: 0, written: 0, returned: 0, dead: 0 }

  /** Brings the metrics up to date; once a turn and once a write, since the figures change with every message. */
  publish() {
    const { accepted, dead, returned, written } = this
    const last = this.published
    if (accepted !== last.accepted) Metrics.accepted(accepted - last.accepted)
    if (written !== last.written) Metrics.written(written - last.written)
    if (returned !== last.returned) Metrics.returned(returned - last.returned)
    if (dead !== last.dead) Metrics.dead(dead - last.dead)
    last.accepted = accepted
    last.written = written
    last.returned = returned
    last.dead = dead
  }

  snapshot(): Snapshot {
    const { accepted, dead, returned, written } = this
    return { accepted, written, returned, dead, inFlight: accepted - written - returned - dead }
  }
}

export interface Snapshot {
  readonly accepted: number
  readonly written: number
  readonly returned: number
  readonly dead: number
  /** Neither written nor returned yet: what stands in queues. 0 at rest. */
  readonly inFlight: number
}
