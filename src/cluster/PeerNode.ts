import type { OtherNode } from "./OtherNode.js"
import type { Term } from "./Term.js"

/** Another node, and what this one knows of it. */
export class PeerNode implements OtherNode {
  /** When this node last heard it. */
  heardAt: number
  /** The number of the heartbeat heard last; 0: none. */
  beat = 0
  /**
   * When the heartbeat of this node was sent that the other one has heard last. Until it has heard the first, the time
   * at which this node learnt of it: it can bury this node only a term after it was named by a heartbeat of this node.
   */
  grantedAt: number
  /** Whether it knows this node, and so does not write without being heard by it. */
  knowsUs = false
  /**
   * The lease as it was read while the node was silent, and when; it can be buried at this revision only.
   * `isForgotten`: it was of another incarnation, because the engine has lost that of this one.
   */
  suspicion: { readonly revision: number; readonly since: number; readonly isForgotten: boolean } | undefined =
    undefined
  isBeingRead = false
  /**
   * The revision of the lease at which this node buries it. Until the outcome is known, its heartbeats are not
   * acknowledged: it would otherwise write although it may be buried already.
   */
  burial: { readonly revision: number; isAsked: boolean } | undefined = undefined

  constructor(
    readonly name: string,
    readonly incarnation: string,
    /** The longer one of its own term and that of this node: it may write as long as its own one lets it. */
    readonly term: Term,
    now: number
  ) {
    this.heardAt = now
    this.grantedAt = now
  }
}
