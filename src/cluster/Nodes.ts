import type * as Effect from "effect/Effect"
import type { ClusterUnavailable } from "../ports/Cluster.js"
import type { OtherNode } from "./OtherNode.js"

/**
 * The bytes at the start of a content that `Nodes.send` fills in: the number of the frame, and what it acknowledges.
 */
export const headerBytes = 64

/** What the chat learns about the other nodes: in order, and in the broker's turn except for `read`. */
export interface NodesEvents<Content> {
  /**
   * Reads a content, without its first `headerBytes`, as soon as it comes. The array is only valid until this returns.
   * What was read may be dropped, or come twice.
   */
  readonly read: (content: Uint8Array) => Content
  /** Another node can be written to, and may claim names, from now on. */
  readonly appeared: (node: OtherNode) => void
  /**
   * A content of this node: each exactly once, in the order in which it was sent. It is acknowledged when this returns.
   */
  readonly received: (node: OtherNode, content: Content) => void
  /** `Nodes.send` to this node takes contents again. */
  readonly hasRoom: (node: OtherNode) => void
  /**
   * The node is no longer part of the cluster, and has been silent before: it writes nothing any more. Its names are
   * free. What was sent to it may have arrived; nothing comes from it any more.
   */
  readonly lost: (node: OtherNode) => void
  /** A client with this name can be addressed at this node, or at none (undefined). */
  readonly nameMoved: (name: string, node: OtherNode | undefined) => void
  /**
   * The other nodes may take this node for lost from now on: it must not write any message to a client until `resumed`.
   * Logins are to be refused, and lines returned, as `unavailable`.
   */
  readonly suspended: () => void
  /** No other node has taken this one for lost: it continues where it stopped. */
  readonly resumed: () => void
  /**
   * The other nodes took this node for lost, and it is a new one now. Follows `suspended`, before `resumed`; `lost` was
   * reported for every other node first, and `appeared` follows for them; `nameMoved` only after that, for names that
   * are with another `OtherNode` than before. This node claims its names again by itself, and stays suspended until
   * that is done.
   */
  readonly reborn: () => void
  /**
   * A name that this node had is no longer its own, because another node has claimed it meanwhile: between `reborn` and
   * `resumed`, or after an engine has lost its entries. Its clients here have to go.
   */
  readonly nameTaken: (likeness: string, name: string) => void
}

/**
 * The result of a claim: whose the name is. `taken` has the name that the client elsewhere goes by, which may look the
 * same only.
 */
export type Claimed = { readonly _tag: "Yours" } | { readonly _tag: "Taken"; readonly by: string }

/** This node among the others. Every member but the effects is for the broker's turn. */
export interface Nodes {
  /** The name of this node. */
  readonly self: string
  /** Of two nodes, the one with the lesser text joined first, by the clocks of both. */
  readonly incarnation: string
  /** The others, without those that were lost. */
  readonly others: Iterable<OtherNode>
  /** Whether this node is suspended. Compares with the clock: a process that slept finds out before it writes. */
  readonly isSuspended: () => boolean
  /**
   * Takes a name for the clients of this node, if no other node has it or one that looks the same. Idempotent; the
   * latest call decides under which of several names that look the same it is known. Both names are in wire form.
   *
   * @param likeness the key of the name for look-alikes (`Names.likenessOf`)
   */
  readonly claim: (likeness: string, name: string) => Effect.Effect<Claimed, ClusterUnavailable>
  /**
   * Frees a name, now or when the engine can be reached. After the end of its last claim, or after that was
   * interrupted; a claim that follows calls it off.
   */
  readonly release: (likeness: string) => void
  /** Where a client of this name is, by what this node knows. Undefined: nowhere, or not known yet (`find`). */
  readonly where: (name: string) => OtherNode | undefined
  /** Asks the directory where a client of this name is; undefined if nowhere. */
  readonly find: (name: string) => Effect.Effect<OtherNode | undefined, ClusterUnavailable>
  /** The name at another node that looks the same, by what this node knows. */
  readonly alike: (likeness: string) => string | undefined
  /** The largest content that can be sent, in bytes. */
  readonly maxContentBytes: number
  /** Memory for a content of this size, which is reused after `send` has taken the content and it has arrived. */
  readonly frame: (bytes: number) => Uint8Array
  /**
   * Sends a content, whose first `headerBytes` are free. It is sent again until it has arrived, or the node is lost.
   * False, and nothing is sent, while unacknowledged bytes fill the window: `hasRoom` follows.
   */
  readonly send: (node: OtherNode, content: Uint8Array) => boolean
}
