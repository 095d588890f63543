import type { ClusterDirectory } from "../ports/Cluster.js"
import type { Ask } from "./Leases.js"
import type { PeerNode } from "./PeerNode.js"
import type * as Term from "./Term.js"

export interface MembershipOptions {
  /** The name of this node. */
  readonly self: string
  readonly term: Term.Term
  readonly directory: ClusterDirectory
  readonly ask: Ask
  readonly broadcast: (frame: Uint8Array) => void
  readonly isUp: () => boolean
  readonly now: () => number
  readonly wall: () => number
  readonly random: () => number
}

export interface MembershipEvents {
  readonly appeared: (peer: PeerNode) => void
  readonly lost: (peer: PeerNode) => void
  /** Called in the broker's turn. From now on `isSuspended` is true until `resumed`. */
  readonly suspended: () => void
  readonly resumed: () => void
  /**
   * Runs the rebirth of this node, in which every other one is lost and appears again: to the chat, that is one moment.
   */
  readonly bearing: (run: () => void) => void
  /** This node has a new incarnation, and calls `reclaimed` when it may write. */
  readonly reborn: () => void
  /** A node that speaks another version of the protocol has a lease. It does not become a peer. */
  readonly otherVersion: (name: string, version: number) => void
  /** Another process has taken the name of this node, which stays suspended for good. */
  readonly replaced: () => void
}
