import * as Record from "effect/Record"
import * as Fate from "../protocol/Fate.js"
import * as Metrics from "../telemetry/Metrics.js"

/**
 * The ledger of accepted (line, recipient) pairs: `accepted` equals the sum of all fates plus the pairs in flight
 * (protocol, section 4). Plain numbers, because they change with every message.
 */
export class Ledger {
  /** Pairs accepted from their senders. */
  accepted = 0
  /** The number of pairs that have met each fate. */
  readonly settled: Record<Fate.Fate, number> = { ...none }

  private published: Record<"accepted" | Fate.Fate, number> = { accepted: 0, ...none }

  constructor() {
    // A counter that appears together with its first event hides that event from `rate()`.
    for (const count of Record.values(counters)) count(0)
  }

  /** Accepted pairs without a fate, which are in queues. 0 when the server is idle. */
  get inFlight(): number {
    const { settled } = this
    let inFlight = this.accepted
    for (const fate of Fate.all) inFlight -= settled[fate]
    return inFlight
  }

  /** Updates the metrics. Called once per turn and per write rather than once per message. */
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
  /** Accepted pairs without a fate, which are in queues. 0 when the server is idle. */
  readonly inFlight: number
}

const none = Record.map(Fate.fates, () => 0)

const counters: Record<"accepted" | Fate.Fate, (count: number) => void> = {
  accepted: Metrics.pairs("accepted", "Pairs of a line and a recipient that the server took over from their senders"),
  ...Record.map(Fate.fates, ({ about }, fate) => Metrics.pairs(fate, `Pairs of which ${about}`))
}
