import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Ledger } from "./Ledger.js"
import type { Peer } from "./Peer.js"

/** What a running server tells of itself. Times are in milliseconds, instants since 1970. */
export interface Inspection {
  readonly now: number
  readonly isDraining: boolean
  /** Accepted pairs that the account has in flight and that stand in no queue: always 0. */
  readonly unaccounted: number
  readonly connections: ReadonlyArray<ConnectionInfo>
  /** Those that ended last, the latest first. */
  readonly closed: ReadonlyArray<ClosedInfo>
}

interface Info {
  /** Empty before the login. */
  readonly name: string
  readonly remote: string
  readonly since: number
  readonly linesIn: number
  readonly linesOut: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface ConnectionInfo extends Info {
  /** How long nothing was read from it. */
  readonly idleMillis: number
  readonly queueLines: number
  readonly queueBytes: number
  /** `held`: waits for room in a recipient's queue. `jammed`: takes nothing, and its senders are told so. */
  readonly state: "login" | "open" | "held" | "jammed" | "leaving"
}

export interface ClosedInfo extends Info {
  readonly at: number
  readonly reason: CloseReason
}

/** How many of those that ended are remembered. */
const maxClosed = 1000

/** Watches the peers of a broker, in whose turns all of this runs. */
export class Inspector {
  private closed: Array<ClosedInfo> = []
  /** Gone with lines of their own still in flight, or still to be routed. */
  private readonly orphans = new Set<Peer>()
  /** Of those that have ended. */
  private readonly departed: Metrics.Traffic = { linesIn: 0, linesOut: 0, bytesIn: 0, bytesOut: 0 }

  private readonly published: Metrics.Traffic = { linesIn: 0, linesOut: 0, bytesIn: 0, bytesOut: 0 }

  constructor(
    private readonly peers: ReadonlySet<Peer>,
    private readonly ledger: Ledger
  ) {}

  /** It has ended, and the broker has taken leave of it. */
  left(peer: Peer, reason: CloseReason, now: number) {
    const info = infoOf(peer)
    this.closed.push({ ...info, at: now, reason })
    // Cut at twice the length, so that an end costs no move of a thousand others.
    if (this.closed.length >= 2 * maxClosed) this.closed = this.closed.slice(-maxClosed)
    add(this.departed, info)
    if (isOrphan(peer)) this.orphans.add(peer)
  }

  /** Brings the metrics up to date, too: nothing else does so for those that are sums over the peers. */
  inspect(now: number, isDraining: boolean, inboxEvents: number): Inspection {
    const sums = { peers: 0, held: 0, lines: 0, bytes: 0, pairs: 0 }
    const traffic = { ...this.departed }
    for (const peer of this.peers) {
      const { outbox, untold } = peer
      if (peer.present) sums.peers += 1
      if (peer.heldBy !== undefined) sums.held += 1
      sums.lines += outbox.lines
      sums.bytes += outbox.bytes
      sums.pairs += peer.inFlight + outbox.returns + (untold === undefined ? 0 : untold.count * untold.names.length)
      add(traffic, trafficOf(peer))
    }
    for (const orphan of this.orphans) {
      if (!isOrphan(orphan)) this.orphans.delete(orphan)
      sums.pairs += orphan.inFlight
    }
    const { inFlight } = this.ledger.snapshot()
    const unaccounted = inFlight - sums.pairs
    this.ledger.publish()
    Metrics.publish(traffic, this.published, {
      connections: this.peers.size,
      peers: sums.peers,
      heldSenders: sums.held,
      inboxEvents,
      outboxLines: sums.lines,
      outboxBytes: sums.bytes,
      pairsInFlight: inFlight,
      pairsUnaccounted: unaccounted
    })
    return {
      now,
      isDraining,
      unaccounted,
      connections: Array.from(this.peers, (peer) => connectionOf(peer, now)),
      closed: this.closed.slice(-maxClosed).toReversed()
    }
  }
}

const isOrphan = (gone: Peer) => gone.inFlight > 0 || gone.heldBy !== undefined

const add = (sum: Metrics.Traffic, more: Readonly<Metrics.Traffic>) => {
  sum.linesIn += more.linesIn
  sum.linesOut += more.linesOut
  sum.bytesIn += more.bytesIn
  sum.bytesOut += more.bytesOut
}

const trafficOf = ({ bytesOut, inlet, linesIn, linesOut }: Peer): Metrics.Traffic => ({
  linesIn,
  linesOut,
  bytesIn: inlet.bytesRead,
  bytesOut
})

const infoOf = (peer: Peer): Info => ({
  name: Wire.decode(peer.name),
  remote: peer.socket.remote,
  since: peer.since,
  ...trafficOf(peer)
})

const connectionOf = (peer: Peer, now: number): ConnectionInfo => ({
  ...infoOf(peer),
  idleMillis: Math.max(0, now - peer.heardAt),
  queueLines: peer.outbox.lines,
  queueBytes: peer.outbox.bytes,
  state: stateOf(peer)
})

const stateOf = (peer: Peer): ConnectionInfo["state"] => {
  if (peer.leaving !== undefined) return "leaving"
  if (peer.outbox.jammed) return "jammed"
  if (peer.heldBy !== undefined) return "held"
  return peer.name === "" ? "login" : "open"
}
