import type { Time } from "../ports/Time.js"
import type { CloseReason } from "../protocol/CloseReason.js"
import * as Wire from "../protocol/Wire.js"
import * as Metrics from "../telemetry/Metrics.js"
import { connectionBytes, type Budget } from "./Budget.js"
import type { Directory } from "./Directory.js"
import type { Ledger } from "./Ledger.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/** A report on a running server. Durations are in milliseconds; points in time are milliseconds since 1970. */
export interface Inspection {
  readonly now: number
  readonly isDraining: boolean
  /**
   * Fields are read from the live connection on access, so that a caller pays only for the entries that it looks at.
   */
  readonly connections: ReadonlyArray<ConnectionInfo>
  /** The connections that ended most recently, latest first. */
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
  /** Time since the last read. */
  readonly idleMillis: number
  readonly queueLines: number
  readonly queueBytes: number
  /** Lines that were written to a client with `ack` and that it has not acknowledged yet. */
  readonly unacknowledgedLines: number
  /**
   * `held`: waits for room in a recipient's queue, or for an answer. `jammed`: takes nothing; its senders get `busy`.
   */
  readonly state: "login" | "open" | "held" | "jammed" | "leaving"
}

export interface ClosedInfo extends Info {
  readonly at: number
  readonly reason: CloseReason
}

/** Number of ended connections that are remembered. */
const maxClosed = 1000

/** Reports on the peers of a broker. Runs in the broker's turn. */
export class Inspector {
  private closed: Array<ClosedInfo> = []
  /** The sums over the connections that have ended. */
  private readonly departed: Metrics.Traffic = { linesIn: 0, linesOut: 0, bytesIn: 0, bytesOut: 0 }

  private readonly published: Metrics.Traffic = { linesIn: 0, linesOut: 0, bytesIn: 0, bytesOut: 0 }

  constructor(
    private readonly broker: {
      readonly budget: Budget
      readonly directory: Directory
      readonly ledger: Ledger
      readonly lifecycle: Lifecycle
      /** The outboxes whose writers are not sockets. */
      readonly outboxes: ReadonlySet<Outbox<Peer>>
    }
  ) {}

  /** Records a peer whose connection has ended. Called after the broker has removed it. */
  left(peer: Peer, reason: CloseReason, at: number) {
    const { inbox, name, since, socket, traffic } = peer
    const { bytesOut, linesIn, linesOut } = traffic
    const bytesIn = inbox.bytesRead
    // Not `infoOf`: copying its properties would take as long as the rest of this function (benchmark: churn).
    const remote = socket.remote
    this.closed.push({ name: Wire.decode(name), remote, since, linesIn, linesOut, bytesIn, bytesOut, at, reason })
    // Cut only at twice the length: cutting every time would move a thousand entries whenever a connection ends.
    if (this.closed.length >= 2 * maxClosed) this.closed = this.closed.slice(-maxClosed)
    this.departed.linesIn += linesIn
    this.departed.linesOut += linesOut
    this.departed.bytesIn += bytesIn
    this.departed.bytesOut += bytesOut
  }

  inspect(time: Time, isDraining: boolean): Inspection {
    const now = time.now()
    return {
      now: time.wall(),
      isDraining,
      connections: Array.from(this.broker.lifecycle.peers, (peer) => new View(peer, now)),
      closed: this.closed.slice(-maxClosed).toReversed()
    }
  }

  /**
   * Updates all metrics. Those that are sums over the peers are updated only here. Allocates nothing per peer: with ten
   * thousand peers, all clients would notice the delay (benchmark: bystander beside /metrics).
   */
  measure(inboxEvents: number): Metrics.Gauges {
    const sums = { peers: 0, held: 0, ahead: 0, lines: 0, bytes: 0, unacknowledged: 0, pairs: 0, memory: 0 }
    const traffic = { ...this.departed }
    const { budget, directory, ledger, lifecycle, outboxes } = this.broker
    for (const peer of lifecycle.peers) {
      const { inbox, outbox } = peer
      if (peer.phase._tag === "Present") sums.peers += 1
      if (peer.hold !== undefined) sums.held += 1
      sums.ahead += inbox.bytesAhead
      sums.lines += outbox.lines
      sums.bytes += outbox.bytes
      sums.unacknowledged += outbox.unacknowledged?.lines ?? 0
      sums.pairs += peer.inFlight + outbox.returns + pendingPairs(peer)
      sums.memory += costOf(peer)
      traffic.linesIn += peer.traffic.linesIn
      traffic.linesOut += peer.traffic.linesOut
      traffic.bytesIn += inbox.bytesRead
      traffic.bytesOut += peer.traffic.bytesOut
    }
    for (const outbox of outboxes) {
      sums.lines += outbox.lines
      sums.bytes += outbox.bytes
      sums.memory += outbox.cost
    }
    for (const orphan of lifecycle.orphans) {
      sums.pairs += orphan.inFlight + pendingPairs(orphan)
      sums.memory += costOf(orphan)
    }
    sums.memory += directory.cost + budget.connections * connectionBytes + budget.listeners.used
    const { inFlight } = ledger
    const gauges: Metrics.Gauges = {
      connections: lifecycle.peers.size,
      peers: sums.peers,
      heldSenders: sums.held,
      inboxEvents,
      inboxBytes: sums.ahead,
      outboxLines: sums.lines,
      outboxBytes: sums.bytes,
      unacknowledgedLines: sums.unacknowledged,
      memoryBytes: budget.used,
      memoryLimitBytes: budget.limit,
      memoryUnaccountedBytes: budget.used - sums.memory,
      pairsInFlight: inFlight,
      pairsUnaccounted: inFlight - sums.pairs
    }
    ledger.publish()
    Metrics.publish(traffic, this.published, gauges)
    return gauges
  }
}

/** The memory that the budget counts for a peer, besides its connection. */
export const costOf = ({ inbox, outbox }: Peer): number => inbox.cost + outbox.cost + outbox.costOfOutcomes

/** Pairs in a report that has not been sent yet. */
const pendingPairs = ({ pendingReply }: Peer) =>
  pendingReply?._tag === "Undelivered" ? pendingReply.count * pendingReply.names.length : 0

const infoOf = (peer: Peer): Info => ({
  name: Wire.decode(peer.name),
  remote: peer.socket.remote,
  since: peer.since,
  linesIn: peer.traffic.linesIn,
  linesOut: peer.traffic.linesOut,
  bytesIn: peer.inbox.bytesRead,
  bytesOut: peer.traffic.bytesOut
})

/** A view rather than a copy: copying ten thousand connections would block the server for 40 ms, mostly in the GC. */
class View implements ConnectionInfo {
  constructor(
    private readonly peer: Peer,
    /** On the monotonic clock. */
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
    return Math.max(0, Math.round(this.now - this.peer.heardAt))
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

  get unacknowledgedLines() {
    return this.peer.outbox.unacknowledged?.lines ?? 0
  }

  get state() {
    return stateOf(this.peer)
  }

  toJSON(): ConnectionInfo {
    const { idleMillis, queueBytes, queueLines, state, unacknowledgedLines } = this
    return { ...infoOf(this.peer), idleMillis, queueLines, queueBytes, unacknowledgedLines, state }
  }
}

const stateOf = (peer: Peer): ConnectionInfo["state"] => {
  if (peer.phase._tag === "Leaving") return "leaving"
  if (peer.outbox.isJammed) return "jammed"
  if (peer.hold !== undefined) return "held"
  return peer.name === "" ? "login" : "open"
}
