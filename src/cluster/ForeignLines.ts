import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { Source } from "../chat/Source.js"
import type { Delivered } from "../protocol/Fate.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import type { Fates, RoutedLines } from "./Contents.js"
import type { OtherNode } from "./OtherNode.js"
import * as ReceivedForm from "./ReceivedForm.js"

type Fate = [lines: number, word: Delivered | UndeliveredReason]

/**
 * What has become of lines of other nodes: `received = delivered + returned + queued`. Their own ledgers have them as
 * well.
 */
export interface ForeignLedger {
  received: number
  delivered: number
  returned: number
}

/**
 * How long reports of delivered lines wait for others if no client waits for them, in milliseconds. Each report takes a
 * system call here, one at the other node, and two in between, which is a third of the work for a hundred lines
 * (benchmark: nodes-100). They do not wait that long if they free much of an outbox at the other node.
 */
export const reportAfter = 5

/**
 * When this part of a client's bounds is delivered and not reported, nothing waits: half of what a node sends ahead.
 */
const promptPart = 1 / 8

interface Collaborators {
  readonly broker: Pick<FeatureContext, "give" | "options" | "present" | "soon">
  /** Runs a function in the broker's turn, `reportAfter` from now. */
  readonly later: (run: () => void) => void
  /** Whether this node may hand messages to its clients at the moment. */
  readonly isOpen: () => boolean
  readonly report: (node: OtherNode, name: string, fates: Fates) => void
}

/** Lines for one recipient that came together. The source of these lines in the recipient's outbox. */
class Arrival implements Source {
  /** The lines that were delivered, the first ones, and not reported yet. */
  private delivery: Array<Fate> = []
  /** Those that return: the last ones, and those before them that are known since the last report. */
  private last: Array<Fate> = []
  private fresh: Array<Fate> = []

  constructor(
    /** The lines that have no fate yet. */
    private left: number,
    /** Whose outbox they are in. */
    readonly peer: Peer | undefined,
    private readonly ledger: ForeignLedger,
    /** Called with the number of lines, and whether their fate is to be reported at once. */
    private readonly changed: (lines: number, isUrgent: boolean) => void
  ) {}

  get isSettled(): boolean {
    return this.left === 0
  }

  delivered(lines: number, fate: Delivered) {
    this.ledger.delivered += lines
    this.count(this.delivery, lines, fate)
    this.changed(lines, false)
  }

  returned(lines: number, reason: UndeliveredReason) {
    this.ledger.returned += lines
    this.count(this.fresh, lines, reason)
    this.changed(lines, true) // the sender is notified
  }

  private count(fates: Array<Fate>, lines: number, word: Fate[1]) {
    this.left -= lines
    const last = fates.at(-1)
    if (last?.[1] === word) last[0] += lines
    else fates.push([lines, word])
  }

  /**
   * Lines that return while others before them are with the writer are the last ones: those follow later
   * (`Outbox.retract`).
   */
  endTurn() {
    this.last = [...this.fresh, ...this.last]
    this.fresh = []
  }

  /** The fates that can be reported, in the order of the lines. */
  take(): ReadonlyArray<Fate> {
    const { delivery } = this
    this.delivery = []
    return this.isSettled ? [...delivery, ...this.last] : delivery
  }
}

/** The lines of one node to one recipient, in the order in which they came. */
interface Arrivals {
  readonly node: OtherNode
  readonly name: string
  readonly queue: Array<Arrival>
  /** Lines whose fate has not been reported yet. */
  lines: number
  bytes: number
}

/**
 * Lines of other nodes, on their way to clients here. A node is never kept waiting for a client: what it sent is put
 * into the outbox even if that is full, because its own outbox for that client bounds it. The fates are reported in the
 * order of the lines.
 */
export class ForeignLines {
  readonly ledger: ForeignLedger = { received: 0, delivered: 0, returned: 0 }
  private readonly byNode = new Map<OtherNode, Map<string, Arrivals>>()
  private changed = new Map<Arrival, Arrivals>()
  /** `report` follows: soon, and later. */
  private isUrgent = false
  private isDue = false
  /** Those with lines that have no fate yet. */
  private readonly unsettled = new Set<Arrival>()

  constructor(private readonly cluster: Collaborators) {}

  /** Lines that have no fate yet. */
  get queued(): number {
    const { delivered, received, returned } = this.ledger
    return received - delivered - returned
  }

  /** In the broker's turn. */
  receive(node: OtherNode, pieces: ReadonlyArray<RoutedLines>) {
    for (const piece of pieces) this.take(node, piece)
  }

  private take(node: OtherNode, { isAwaited, lines, name, text }: RoutedLines) {
    const { broker } = this.cluster
    const peer = broker.present(name)
    const arrivals = this.arrivalsOf(node, name)
    const bytes = text.length / lines
    const arrival: Arrival = new Arrival(lines, peer, this.ledger, (count, isUrgent) => {
      arrivals.lines += count
      arrivals.bytes += count * bytes
      this.hasChanged(arrival, arrivals, isUrgent || isAwaited === true)
    })
    arrivals.queue.push(arrival)
    this.ledger.received += lines
    if (text === "" || !this.cluster.isOpen()) return arrival.returned(lines, "unavailable")
    if (peer === undefined || peer.outbox.ended !== undefined) return arrival.returned(lines, "offline")
    if (peer.outbox.isJammed) return arrival.returned(lines, peer.outbox.jamReason)
    this.unsettled.add(arrival)
    broker.give(peer, ReceivedForm.render(text, peer.outbox.form), lines, arrival)
  }

  private arrivalsOf(node: OtherNode, name: string): Arrivals {
    let byName = this.byNode.get(node)
    if (byName === undefined) this.byNode.set(node, (byName = new Map()))
    let arrivals = byName.get(name)
    if (arrivals === undefined) byName.set(name, (arrivals = { node, name, queue: [], lines: 0, bytes: 0 }))
    return arrivals
  }

  /** Called by writers as well, outside of the broker's turn. */
  private hasChanged(arrival: Arrival, arrivals: Arrivals, isUrgent: boolean) {
    if (arrival.isSettled) this.unsettled.delete(arrival)
    this.changed.set(arrival, arrivals)
    if (isUrgent || this.isMuch(arrivals)) this.reportSoon()
    else if (!this.isDue) {
      this.isDue = true
      this.cluster.later(() => {
        this.isDue = false
        this.report()
      })
    }
  }

  /** Other nodes have the same bounds, as a rule. */
  private isMuch({ bytes, lines }: Arrivals): boolean {
    const { outboxBytes, outboxLines } = this.cluster.broker.options.current
    return bytes >= promptPart * outboxBytes || lines >= promptPart * outboxLines
  }

  /** Reports everything in the next turn of the broker, or this one. */
  reportSoon() {
    if (this.isUrgent || this.changed.size === 0) return
    this.isUrgent = true
    this.cluster.broker.soon(() => {
      this.isUrgent = false
      this.report()
    })
  }

  private report() {
    const { changed } = this
    this.changed = new Map()
    for (const arrival of changed.keys()) arrival.endTurn()
    for (const arrivals of new Set(changed.values())) this.reportFirst(arrivals)
  }

  private reportFirst(arrivals: Arrivals) {
    const { name, node, queue } = arrivals
    arrivals.lines = 0
    arrivals.bytes = 0
    const fates: Array<Fate> = []
    let settled = 0
    for (const arrival of queue) {
      for (const [lines, word] of arrival.take()) {
        const last = fates.at(-1)
        if (last?.[1] === word) last[0] += lines
        else fates.push([lines, word])
      }
      if (!arrival.isSettled) break
      settled += 1
    }
    queue.splice(0, settled)
    const byName = this.byNode.get(node)
    if (byName === undefined) return // the node is lost
    if (queue.length === 0) byName.delete(name)
    if (fates.length > 0) this.cluster.report(node, name, fates)
  }

  /** The node is lost: nothing is reported to it any more. Its lines that are here are delivered all the same. */
  lost(node: OtherNode) {
    this.byNode.delete(node)
  }

  /** The clients to whom lines of other nodes are still to be written. */
  get unwritten(): ReadonlySet<Peer> {
    const peers = new Set<Peer>()
    for (const { peer } of this.unsettled) if (peer !== undefined && peer.outbox.lines > 0) peers.add(peer)
    return peers
  }
}
