import type { Batch } from "../chat/Batch.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { LineOutcome } from "../chat/LineOutcome.js"
import * as LineForm from "../chat/LineForm.js"
import type { Outbox, WriterKind } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import * as Fate from "../protocol/Fate.js"
import * as OutcomeReply from "../protocol/OutcomeReply.js"
import * as ClusterMetrics from "../telemetry/ClusterMetrics.js"
import type { Fates } from "./Contents.js"
import type { NodeTraffic, NodeSender } from "./NodeTraffic.js"
import type { OtherNode } from "./OtherNode.js"

/** What was sent is in another node's hands. What was not is returned at the end of a shutdown. */
const linkWriter: WriterKind = { jamReason: "busy", decidesAlone: false, isFirst: true }

/** The part of a client's bounds for one name at another node: several nodes may fill one client's queue. */
const part = 1 / 4

type Returned = LineOutcome & { readonly _tag: "Returned" }

/** This node cannot know what has become of a line. */
const inDoubt: Returned = { _tag: "Returned", reason: "node-lost" }

interface Collaborators {
  readonly broker: Pick<FeatureContext, "cameBack" | "handedOn" | "outbox" | "recall" | "time">
  readonly trafficTo: (node: OtherNode) => NodeTraffic
  /** Nothing is here or on its way any more. */
  readonly rest: (recipient: RemoteRecipient) => void
}

/**
 * A name that is addressed here, and present at another node, as far as this node knows. The link to that node is the
 * writer of its outbox. Lines that were sent count in the outbox until the node reports what has become of them.
 */
export class RemoteRecipient implements NodeSender {
  readonly outbox: Outbox<Peer>
  private target: OtherNode | undefined = undefined
  /** The node that has the lines which were sent. */
  private sentTo: OtherNode | undefined = undefined
  /** A node with a report that could not be read: from then on, its reports may be about other lines than they seem. */
  private doubted: OtherNode | undefined = undefined
  /** The batches of which lines are on their way, and when each was sent. */
  private readonly sent: Array<{ lines: number; readonly at: number }> = []
  /** The node to which the batch in hand goes when there is room on the link. */
  private offeredTo: OtherNode | undefined = undefined

  constructor(
    readonly name: string,
    private readonly cluster: Collaborators
  ) {
    this.outbox = cluster.broker.outbox(name, linkWriter, part)
    this.outbox.form = LineForm.all
    this.outbox.expectOutcomes()
    this.await()
  }

  /** Where lines go to; undefined while that is being found out, or if no client has the name any more. */
  get node(): OtherNode | undefined {
    return this.target
  }

  isOffered(batch: Batch<Peer>, node: OtherNode): boolean {
    return batch === this.outbox.inHand && this.offeredTo === node
  }

  /** Nothing waits here, and nothing is on its way. */
  get isIdle(): boolean {
    return this.outbox.isEmpty && !this.outbox.hasWaiting
  }

  private get linesSent(): number {
    return this.outbox.unacknowledged?.lines ?? 0
  }

  private await() {
    this.outbox.onBatch((batch) => this.take(batch))
  }

  /**
   * Sends a batch once its destination is known and nothing is on its way to another node: the lines of a recipient
   * that has moved would otherwise overtake earlier ones.
   */
  private take(batch: Batch<Peer>) {
    const { sentTo, target } = this
    if (target === undefined || target === this.offeredTo) return
    if (sentTo !== undefined && sentTo !== target) return
    this.offeredTo = target
    this.cluster.trafficTo(target).offer(this, batch)
  }

  wasSent(batch: Batch<Peer>, node: OtherNode) {
    this.sentTo = node
    this.offeredTo = undefined
    const before = this.linesSent
    this.cluster.broker.handedOn(this.outbox, batch)
    this.sent.push({ lines: this.linesSent - before, at: this.cluster.broker.time.now() })
    this.await()
  }

  /** From now on lines go to this node. */
  leadTo(node: OtherNode) {
    if (this.target === node) return
    this.target = node
    this.offeredTo = undefined
    this.goOn()
  }

  /** No client has this name. What was not sent returns. */
  isNowhere(outcome: Returned) {
    this.target = undefined
    this.offeredTo = undefined
    this.cluster.broker.recall(this.outbox, outcome)
    this.await()
    if (this.isIdle) this.cluster.rest(this)
  }

  /**
   * A node has reported the fates of the first lines that it was sent. Returns how many of them it may have delivered.
   */
  report(node: OtherNode, fates: Fates): number {
    if (node !== this.sentTo) return 0
    let doubtful = 0
    for (const [lines, word] of fates) {
      const outcome = node === this.doubted ? inDoubt : outcomeOf(word)
      const count = this.cameBack(lines, outcome)
      if (outcome === inDoubt) doubtful += count
    }
    return doubtful
  }

  /** The first lines on their way have an outcome, or are in doubt. */
  private arrived(lines: number, isReported: boolean) {
    const now = this.cluster.broker.time.now()
    let left = lines
    let whole = 0
    for (const batch of this.sent) {
      const part = Math.min(left, batch.lines)
      if (isReported && part > 0) ClusterMetrics.outcomes.record((now - batch.at) / 1000, part)
      left -= part
      batch.lines -= part
      if (batch.lines > 0) break
      whole += 1
    }
    this.sent.splice(0, whole)
  }

  /** A report of a node could not be read. Returns how many lines the node may have delivered. */
  doubt(node: OtherNode): number {
    this.doubted = node
    return this.sentTo === node ? this.cutOff() : 0
  }

  /** A node is lost. Returns how many lines it may have delivered. */
  lost(node: OtherNode): number {
    const isTarget = this.target === node
    if (isTarget) this.target = undefined // nothing more is sent there
    const doubtful = this.sentTo === node ? this.cutOff() : 0
    if (isTarget) this.isNowhere({ _tag: "Returned", reason: "disconnected" })
    return doubtful
  }

  /** The time to deliver is over. Returns how many lines may still be delivered. */
  cutOff(): number {
    return this.cameBack(this.linesSent, inDoubt)
  }

  private cameBack(lines: number, outcome: Parameters<FeatureContext["cameBack"]>[2]): number {
    const count = Math.min(lines, this.linesSent)
    this.arrived(count, outcome !== inDoubt)
    this.cluster.broker.cameBack(this.outbox, count, outcome)
    if (this.linesSent > 0) return count
    this.sentTo = undefined
    this.goOn()
    if (this.isIdle) this.cluster.rest(this)
    return count
  }

  private goOn() {
    const { inHand } = this.outbox
    if (inHand !== undefined) this.take(inHand)
  }
}

const isDelivered = (word: string): word is Fate.Delivered => Fate.delivered.some((fate) => fate === word)

/** @param word as the other node reports it; of a later version, it may be an unknown one */
const outcomeOf = (word: string): Parameters<FeatureContext["cameBack"]>[2] => {
  if (isDelivered(word)) return { _tag: "Delivered", fate: word, params: "" }
  return OutcomeReply.isReason(word) ? { _tag: "Returned", reason: word } : inDoubt
}
