import * as Effect from "effect/Effect"
import type { Resolver } from "../chat/Directory.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { Destination } from "../chat/Route.js"
import type { ClusterUnavailable } from "../ports/Cluster.js"
import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import * as Name from "../protocol/Name.js"
import type { FateReport } from "./Contents.js"
import type { NodeTraffic } from "./NodeTraffic.js"
import type { OtherNode } from "./OtherNode.js"
import { RemoteRecipient } from "./RemoteRecipient.js"
import * as Unavailable from "./Unavailable.js"

interface Collaborators {
  readonly broker: Pick<
    FeatureContext,
    "cameBack" | "changed" | "discard" | "handedOn" | "outbox" | "recall" | "soon" | "time"
  >
  readonly trafficTo: (node: OtherNode) => NodeTraffic
  /** Whether the node is one of the others at the moment. */
  readonly isHere: (node: OtherNode) => boolean
  readonly where: (name: string) => OtherNode | undefined
  readonly find: (name: string) => Effect.Effect<OtherNode | undefined, ClusterUnavailable>
  /** Runs in a fiber of its own. */
  readonly fork: (effect: Effect.Effect<void>) => void
}

/** Names that are asked for at once. A line to one more unknown name returns as `unavailable`. */
const maxAsked = 256

/** For how long a name that no client had counts as unknown, in milliseconds. */
const unknownMillis = 1_000

/** Unknown names that are remembered; and recipients with nothing to do, so that routes to them stay valid. */
const maxUnknown = 4_096
const maxIdle = 1_024

/** The names at other nodes that lines are sent to from here. Everything happens in the broker's turn. */
export class RemoteRecipients implements Resolver {
  private readonly byName = new Map<string, RemoteRecipient>()
  /** Those with nothing to do, the one that was idle longest first. */
  private readonly idle = new Set<RemoteRecipient>()
  private readonly asked = new Set<string>()
  /** Names that no client had, and until when they count as unknown, in the order of these times. */
  private readonly unknown = new Map<string, number>()
  private isSweeping = false
  /**
   * Pairs whose lines may have been delivered by a node that was lost, or not understood: a part of those that
   * returned.
   */
  inDoubt = 0

  constructor(private readonly cluster: Collaborators) {}

  /**
   * A name that this node does not know is asked for all the same: a line may be faster than the news that a client has
   * logged in elsewhere. Until the answer comes, its lines wait in its outbox.
   */
  resolve(name: string): Destination<Peer> | undefined {
    const node = this.cluster.where(name)
    const isKnown = node !== undefined || this.byName.get(name)?.node !== undefined
    if (!isKnown && !this.asked.has(name)) {
      if (this.unknown.has(name) || Name.parse(name) !== name) return undefined
      if (this.asked.size >= maxAsked) return this.busy(name)
      this.ask(name)
    }
    const recipient = this.of(name)
    if (node !== undefined) recipient.leadTo(node)
    return { outboxes: [recipient.outbox], suffix: "" }
  }

  private of(name: string): RemoteRecipient {
    const known = this.byName.get(name)
    if (known !== undefined) return known
    const { broker, trafficTo } = this.cluster
    const recipient = new RemoteRecipient(name, { broker, trafficTo, rest: (one) => this.rest(one) })
    this.byName.set(name, recipient)
    this.idle.add(recipient)
    return recipient
  }

  /** Too many names are being asked for already. The next line to this one tries again. */
  private busy(name: string): Destination<Peer> {
    const { broker } = this.cluster
    broker.soon(() => broker.changed(name))
    return Unavailable.destination(broker, name)
  }

  private ask(name: string) {
    this.asked.add(name)
    const { broker, find, fork } = this.cluster
    fork(
      Effect.map(Effect.either(find(name)), (found) =>
        broker.soon(() => {
          this.asked.delete(name)
          const recipient = this.byName.get(name)
          // The watch may have been faster, and is never older than what it showed before.
          if (recipient === undefined || recipient.node !== undefined) return
          if (found._tag === "Left") return this.isNowhere(recipient, "unavailable")
          const node = found.right
          if (node !== undefined && this.cluster.isHere(node)) return recipient.leadTo(node)
          this.remember(name)
          this.isNowhere(recipient, "offline")
        })
      )
    )
  }

  private remember(name: string) {
    // Not now, since the address that is being resolved may have a name that is forgotten.
    if (this.unknown.size === maxUnknown) this.cluster.broker.soon(() => this.forgetUnknown(Infinity))
    this.unknown.set(name, this.cluster.broker.time.now() + unknownMillis)
    this.cluster.broker.changed(name)
    if (this.isSweeping) return
    this.isSweeping = true
    this.sweepLater()
  }

  /** Forgets the names that were unknown long enough, and routes without them: the next line asks again. */
  private sweepLater() {
    const { broker, fork } = this.cluster
    const sweep = () => {
      this.forgetUnknown(broker.time.now())
      this.isSweeping = this.unknown.size > 0
      if (this.isSweeping) this.sweepLater()
    }
    fork(
      Effect.delay(
        Effect.sync(() => broker.soon(sweep)),
        unknownMillis
      )
    )
  }

  private forgetUnknown(now: number) {
    for (const [name, until] of this.unknown) {
      if (until > now) return
      this.unknown.delete(name)
      this.cluster.broker.changed(name)
    }
  }

  /** By what this node knows now, a client of this name is at that node, or at none. */
  moved(name: string, node: OtherNode | undefined) {
    this.unknown.delete(name)
    this.cluster.broker.changed(name)
    const recipient = this.byName.get(name)
    if (recipient === undefined) return
    if (node !== undefined) recipient.leadTo(node)
    else if (recipient.node !== undefined) this.isNowhere(recipient, "disconnected")
  }

  /** The next line to the name resolves it again: nothing else would ask where the recipient is. */
  private isNowhere(recipient: RemoteRecipient, reason: UndeliveredReason) {
    this.cluster.broker.changed(recipient.name)
    recipient.isNowhere({ _tag: "Returned", reason })
  }

  report(node: OtherNode, reports: ReadonlyArray<FateReport>) {
    for (const { fates, name } of reports) {
      const recipient = this.byName.get(name)
      this.inDoubt += recipient?.report(node, fates) ?? 0
      // It came and went before the watch showed it.
      const isGone = fates.some(([, word]) => word === "offline") && this.cluster.where(name) === undefined
      if (isGone && recipient?.node === node) this.moved(name, undefined)
    }
  }

  /** What this node reported of these names could not be read. */
  doubt(node: OtherNode, names: ReadonlyArray<string> | "all") {
    for (const name of names === "all" ? [...this.byName.keys()] : names) {
      this.inDoubt += this.byName.get(name)?.doubt(node) ?? 0
    }
  }

  /** What was sent to the node may have been delivered; what was not, has not been. */
  lost(node: OtherNode) {
    for (const recipient of this.byName.values()) {
      this.cluster.broker.changed(recipient.name)
      this.inDoubt += recipient.lost(node)
    }
  }

  cutOff() {
    for (const recipient of this.byName.values()) this.inDoubt += recipient.cutOff()
  }

  /** A recipient may have nothing to do from now on. */
  private rest(recipient: RemoteRecipient) {
    // A second recipient of this name may have taken its place: then this one is forgotten already.
    if (this.byName.get(recipient.name) !== recipient) return
    this.idle.delete(recipient) // it becomes the last
    this.idle.add(recipient)
    if (recipient.node === undefined && !this.asked.has(recipient.name)) this.forget(recipient)
    for (const oldest of this.idle) {
      if (this.idle.size <= maxIdle) return
      this.idle.delete(oldest)
      if (oldest.isIdle && !this.asked.has(oldest.name)) this.forget(oldest)
    }
  }

  private forget(recipient: RemoteRecipient) {
    this.idle.delete(recipient)
    this.byName.delete(recipient.name)
    this.cluster.broker.discard(recipient.outbox)
    this.cluster.broker.changed(recipient.name)
  }
}
