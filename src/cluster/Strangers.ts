interface Stranger {
  readonly incarnation: string
  /** When it was first heard, or its lease was last asked for. */
  since: number
  heardAt: number
}

export interface StrangersOptions {
  readonly now: () => number
  /** For how long, in milliseconds, the watch may be later than the heartbeats. */
  readonly patience: number
  /** Reads the lease of the node of this name. */
  readonly read: (name: string) => void
}

/**
 * Nodes that are heard and are not peers: new ones, which the watch of the leases has not reported yet, and those that
 * were taken for lost. A watch may fall silent although its engine answers: of three NATS servers (2.9.22) one that had
 * discarded its log after a partition was seen to deliver nothing new for more than half a minute, with heartbeats. So
 * the lease of a node that goes on being heard is read: nothing else would ever report it, and what it sends is
 * dropped.
 */
export class Strangers {
  private readonly byName = new Map<string, Stranger>()

  constructor(private readonly options: StrangersOptions) {}

  /** A heartbeat of an incarnation that is not a peer. */
  heard(name: string, incarnation: string) {
    const { patience, read } = this.options
    const now = this.options.now()
    const before = this.byName.get(name)
    if (before?.incarnation !== incarnation || now - before.heardAt > patience) {
      this.byName.set(name, { incarnation, since: now, heardAt: now })
      return
    }
    before.heardAt = now
    if (now - before.since < patience) return
    before.since = now
    read(name)
  }
}
