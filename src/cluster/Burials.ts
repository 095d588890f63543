import * as Either from "effect/Either"
import type { Entry } from "../ports/Cluster.js"
import * as Incarnation from "./Incarnation.js"
import type { Leases } from "./Leases.js"
import type { PeerNode } from "./PeerNode.js"

interface Members {
  readonly leases: Leases
  readonly now: () => number
  /** The other node of this incarnation, if it is part of the cluster. */
  readonly peerOf: (incarnation: string) => PeerNode | undefined
  /** A lease has been read. */
  readonly learnt: (entry: Entry) => void
  /** Whether this node must not write, and so must not bury. */
  readonly isSuspended: () => boolean
}

/**
 * Buries nodes that are silent: swaps the lease of each for a dead one, at the revision that it had while it was
 * silent, so that a renewal in time makes the burial fail.
 */
export class Burials {
  constructor(private readonly members: Members) {}

  /** The lease of another node was renewed. */
  moved(peer: PeerNode | undefined, revision: number) {
    if (peer === undefined) return
    if (peer.burial !== undefined && peer.burial.revision !== revision) peer.burial = undefined
    const { suspicion } = peer
    if (suspicion !== undefined && (suspicion.revision !== revision || suspicion.isForgotten))
      peer.suspicion = { revision, since: this.members.now(), isForgotten: false }
  }

  /** Buries a node that is silent for long enough. */
  watch(peer: PeerNode, isSuspended: boolean) {
    const { bury, slowBury, suspect, write, beat } = peer.term
    if (peer.burial !== undefined) return this.resolve(peer, peer.burial, isSuspended)
    const now = this.members.now()
    const silence = now - peer.heardAt
    if (silence < suspect) return
    const { suspicion } = peer
    if (suspicion === undefined) return this.suspect(peer)
    const still = now - suspicion.since
    if (isSuspended || silence < bury || still < (peer.knowsUs ? write + beat : slowBury)) return
    peer.burial = { revision: suspicion.revision, isAsked: false }
    this.bury(peer, peer.burial)
  }

  private suspect(peer: PeerNode) {
    if (peer.isBeingRead) return
    peer.isBeingRead = true
    this.members.leases.read(peer.name, (answer) => {
      peer.isBeingRead = false
      if (Either.isLeft(answer) || this.members.peerOf(peer.incarnation) !== peer) return
      const entry = answer.right
      if (entry !== undefined) this.members.learnt(entry)
      const lease = Incarnation.leaseIn(entry)
      // An earlier one: the engine has forgotten its lease. If it still ran, it would write it again.
      const isForgotten = lease === undefined || lease.incarnation < peer.incarnation
      if (!isForgotten && (lease.incarnation !== peer.incarnation || !lease.isAlive)) return
      if (this.members.now() - peer.heardAt < peer.term.suspect) return
      peer.suspicion = { revision: entry?.revision ?? 0, since: this.members.now(), isForgotten }
    })
  }

  private bury(peer: PeerNode, burial: NonNullable<PeerNode["burial"]>) {
    burial.isAsked = true
    const dead = { incarnation: peer.incarnation, isAlive: false, termMillis: peer.term.bury }
    this.members.leases.swap(peer.name, burial.revision, dead, (answer) => {
      burial.isAsked = false
      if (Either.isLeft(answer) || peer.burial !== burial) return // `resolve` reads what became of it
      if (answer.right === undefined) return this.resolve(peer, burial, true)
      this.members.learnt({ key: peer.name, value: Incarnation.showLease(dead), revision: answer.right })
    })
  }

  /**
   * The dead stay dead. A node that this one has taken for lost was once seen to go on, with an entry that showed it
   * alive, as if the engine had lost a burial that it had confirmed. Such a node may not know any better: its names are
   * free, and nobody takes what it sends.
   */
  buryAgain(name: string, revision: number, { incarnation, termMillis }: Omit<Incarnation.Lease, "isAlive">) {
    const { isSuspended, leases } = this.members
    if (!isSuspended()) leases.swap(name, revision, { incarnation, isAlive: false, termMillis }, () => {})
  }

  /** Reads whether a burial was done. At the same revision it may still be on its way, so it is asked for again. */
  private resolve(peer: PeerNode, burial: NonNullable<PeerNode["burial"]>, isSuspended: boolean) {
    if (burial.isAsked) return
    burial.isAsked = true
    this.members.leases.read(peer.name, (answer) => {
      burial.isAsked = false
      if (Either.isLeft(answer) || this.members.peerOf(peer.incarnation) !== peer || peer.burial !== burial) return
      const entry = answer.right
      if (entry !== undefined) this.members.learnt(entry)
      if (this.members.peerOf(peer.incarnation) !== peer) return
      if ((entry?.revision ?? 0) !== burial.revision) {
        peer.burial = undefined
        if (peer.suspicion?.isForgotten !== true) peer.suspicion = undefined
      } else if (!isSuspended && !this.members.isSuspended()) this.bury(peer, burial)
    })
  }
}
