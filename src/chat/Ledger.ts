import * as Record from "effect/Record"
import * as Fate from "../protocol/Fate.js"
import * as Metrics from "../telemetry/Metrics.js"

/**
 * The ledger of accepted (line, recipient) pairs: `accepted` is the sum of all fates and of what is in flight (protocol,
 * section 4). Plain numbers, because they change with every message.
 */
export class Ledger {
  /** Pairs taken over from their senders. */
  accepted = 0
  /** How many pairs have met each fate. */
  readonly settled: Record<Fate.Fate, number> = { ...none }

  private published: Record<"accepted" | Fate.Fate, number> = { accepted: 0, ...none }

  constructor() {
    // A counter that appears together with its first event hides that event from `rate()`.
    for (const count of Record.values(counters)) count(0)
  }

  /** Accepted, and no fate yet: what is in queues. 0 at rest. */
  get inFlight(): number {
    const { settled } = this
    let inFlight = this.accepted
    for (const fate of Fate.all) inFlight -= settled[fate]
    return inFlight
  }

  /** Updates the metrics; once a turn and once a write, because the figures change with every message. */
  publish() {
    const { accepted, published, settled } = this
    if (accepted !== published.accepted) counters.accepted(accepted - published.accepted)
    published.accepted = accepted
    for (const fate of Fate.all) {
      const count = settled[fate]
      if (count === published[fate]) continue
      counters[fate](count - published[fate])
      published[fate] = count
    }
  }

  snapshot(): LedgerSnapshot {
    return { accepted: this.accepted, ...this.settled, inFlight: this.inFlight }
  }
}

export interface LedgerSnapshot extends Readonly<Record<Fate.Fate, number>> {
  readonly accepted: number
  /** Pairs that are in queues: accepted, and none of the fates yet. 0 at rest. */
  readonly inFlight: number
}

const none = Record.map(Fate.fates, () => 0)

const counters: Record<"accepted" | Fate.Fate, (count: number) => void> = {
  accepted: Metrics.pairs("accepted", "Pairs of a line and a recipient that the server took over from their senders"),
  ...Record.map(Fate.fates, ({ about }, fate) => Metrics.pairs(fate, `Pairs of which ${about}`))
}
