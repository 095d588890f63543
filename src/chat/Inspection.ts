import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Budget } from "./Budget.js"
import type { Ledger } from "./Ledger.js"
import type { Peer, Undelivered } from "./Peer.js"

/** What a running server tells of itself. Times are in milliseconds, instants since 1970. */
export interface Inspection {
  readonly now: number
  readonly isDraining: boolean
  /** Each is read from the connection at the moment when it is looked at: who wants a few of many pays for a few. */
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
    private readonly broker: {
      readonly peers: ReadonlySet<Peer>
      readonly ledger: Ledger
      readonly budget: Budget
    }
  ) {}

  /** It has ended, and the broker has taken leave of it. */
  left(peer: Peer, reason: CloseReason, now: number) {
    const info = infoOf(peer)
    this.closed.push({ ...info, at: now, reason })
    // Cut at twice the length, so that an end costs no move of a thousand others.
    if (this.closed.length >= 2 * maxClosed) this.closed = this.closed.slice(-maxClosed)
    this.departed.linesIn += info.linesIn
    this.departed.linesOut += info.linesOut
    this.departed.bytesIn += info.bytesIn
    this.departed.bytesOut += info.bytesOut
    if (isOrphan(peer)) this.orphans.add(peer)
  }

  inspect(now: number, isDraining: boolean): Inspection {
    return {
      now,
      isDraining,
      connections: Array.from(this.broker.peers, (peer) => new View(peer, now)),
      closed: this.closed.slice(-maxClosed).toReversed()
    }
  }

  /**
   * Brings the metrics up to date: nothing else does so for those that are sums over the peers. Makes nothing for each
   * of them, since ten thousand would be felt by everybody (bystander beside /metrics).
   */
  measure(inboxEvents: number): Metrics.Gauges {
    const sums = { peers: 0, held: 0, ahead: 0, lines: 0, bytes: 0, pairs: 0 }
    const traffic = { ...this.departed }
    for (const peer of this.broker.peers) {
      const { inbox, outbox, undelivered } = peer
      if (peer.phase._tag === "Present") sums.peers += 1
      if (peer.hold !== undefined) sums.held += 1
      sums.ahead += inbox.bytesAhead
      sums.lines += outbox.lines
      sums.bytes += outbox.bytes
      sums.pairs += peer.inFlight + outbox.returns + pairsIn(undelivered)
      traffic.linesIn += peer.traffic.linesIn
      traffic.linesOut += peer.traffic.linesOut
      traffic.bytesIn += inbox.bytesRead
      traffic.bytesOut += peer.traffic.bytesOut
    }
    for (const orphan of this.orphans) {
      if (!isOrphan(orphan)) this.orphans.delete(orphan)
      sums.pairs += orphan.inFlight
    }
    const { inFlight } = this.broker.ledger
    const gauges: Metrics.Gauges = {
      connections: this.broker.peers.size,
      peers: sums.peers,
      heldSenders: sums.held,
      inboxEvents,
      inboxBytes: sums.ahead,
      outboxLines: sums.lines,
      outboxBytes: sums.bytes,
      memoryBytes: this.broker.budget.used,
      memoryLimitBytes: this.broker.budget.limit,
      pairsInFlight: inFlight,
      pairsUnaccounted: inFlight - sums.pairs
    }
    this.broker.ledger.publish()
    Metrics.publish(traffic, this.published, gauges)
    return gauges
  }
}

const pairsIn = (undelivered: Undelivered | undefined) =>
  undelivered === undefined ? 0 : undelivered.count * undelivered.names.length

const isOrphan = (gone: Peer) => gone.inFlight > 0 || gone.hold !== undefined

const infoOf = (peer: Peer): Info => ({
  name: Wire.decode(peer.name),
  remote: peer.socket.remote,
  since: peer.since,
  linesIn: peer.traffic.linesIn,
  linesOut: peer.traffic.linesOut,
  bytesIn: peer.inbox.bytesRead,
  bytesOut: peer.traffic.bytesOut
})

/** A record of ten thousand connections would hold everybody up for 40 ms, most of it garbage collection. */
class View implements ConnectionInfo {
  constructor(
    private readonly peer: Peer,
    private readonly now: number
  ) {}

  get name() {
    return Wire.decode(this.peer.name)
  }

  get remote() {
    return this.peer.socket.remote
  }

  get since() {
    return this.peer.since
  }

  get idleMillis() {
    return Math.max(0, this.now - this.peer.heardAt)
  }

  get linesIn() {
    return this.peer.traffic.linesIn
  }

  get linesOut() {
    return this.peer.traffic.linesOut
  }

  get bytesIn() {
    return this.peer.inbox.bytesRead
  }

  get bytesOut() {
    return this.peer.traffic.bytesOut
  }

  get queueLines() {
    return this.peer.outbox.lines
  }

  get queueBytes() {
    return this.peer.outbox.bytes
  }

  get state() {
    return stateOf(this.peer)
  }

  toJSON(): ConnectionInfo {
    const { idleMillis, queueBytes, queueLines, state } = this
    return { ...infoOf(this.peer), idleMillis, queueLines, queueBytes, state }
  }
}

const stateOf = (peer: Peer): ConnectionInfo["state"] => {
  if (peer.phase._tag === "Leaving") return "leaving"
  if (peer.outbox.isJammed) return "jammed"
  if (peer.hold !== undefined) return "held"
  return peer.name === "" ? "login" : "open"
}
