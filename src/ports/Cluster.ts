import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The port between the nodes of a cluster and the engine that connects them. An engine gives two things: a directory,
 * in which all nodes agree on entries, and a link, which carries frames and promises nothing. What the chat promises
 * over several nodes is made of these in the folder `cluster/`. The folder also has the adapters; the chat knows
 * neither.
 */

/**
 * The engine cannot be reached, or has not answered in time. After `swap`, nobody knows whether the entry was changed:
 * read it.
 */
export class ClusterUnavailable extends Data.TaggedError("ClusterUnavailable")<{
  /** What happened, in one line. */
  readonly reason: string
  readonly cause?: unknown
}> {
  override get message() {
    return this.reason
  }
}

/** The entries of a directory: the names of clients, and the leases of the nodes. */
export type Table = "names" | "nodes"

export interface Entry {
  /** ASCII letters, digits, `-` and `_`, up to 1,024. */
  readonly key: string
  readonly value: string
  /**
   * Grows with every change of the table. Never 0, and never one that was used before: not even if the engine has lost
   * its entries, because a swap that was asked for before would then succeed. Only an engine that has gone back to an
   * earlier state uses some again, until this node notices that.
   */
  readonly revision: number
}

/**
 * What a watcher learns of a table: after `restarted` every entry as it is, then `current`, then changes in the order
 * of their revisions. Of several changes of one entry, only the last may be reported, which may be the removal of an
 * entry that was never reported: NATS keeps one message for each key, and replaces it before a lagging server has
 * delivered it. After the connection to the engine was lost, the watch starts again: entries that it does not report
 * then were removed in the meantime.
 *
 * An engine may go back to an earlier state, although it had confirmed what it forgets. A watch that reported what is
 * forgotten starts again with the next change, or else within about a term. Any other watch continues: what this node
 * has written and the watch never reports may be forgotten.
 */
export interface TableEvents {
  /**
   * @param isEmptied since the last start, the engine has lost all entries or the last ones: nodes have yet to write
   * theirs again
   */
  readonly restarted: (isEmptied: boolean) => void
  readonly put: (entry: Entry) => void
  /** The revision is that of the removal. */
  readonly removed: (key: string, revision: number) => void
  readonly current: () => void
}

/** Entries on which all nodes agree, also while some of the engine's servers are down. */
export interface ClusterDirectory {
  /** The latest entry; undefined if there is none. Never an older one than a `swap` of this node has written. */
  readonly get: (table: Table, key: string) => Effect.Effect<Entry | undefined, ClusterUnavailable>
  /**
   * Sets an entry, or removes it (undefined), if its revision is this one; 0: if there is none. Succeeds with the new
   * revision, or with undefined if the entry has another revision.
   */
  readonly swap: (
    table: Table,
    key: string,
    revision: number,
    value: string | undefined
  ) => Effect.Effect<number | undefined, ClusterUnavailable>
  /** Watches a table until the scope closes. Events are lost only where `restarted` follows. */
  readonly watch: (table: Table, events: TableEvents) => Effect.Effect<void, ClusterUnavailable, Scope.Scope>
}

/** What a link reports: synchronously, and nothing after its scope has closed. */
export interface LinkEvents {
  /** A frame for this node, or for all. The array is only valid until the handler returns. */
  readonly frame: (frame: Uint8Array) => void
  /** The engine can be reached again. Frames may have been lost. */
  readonly up: () => void
}

/**
 * Carries frames. A frame may be lost without a word, come twice, or come after one that was sent later. It is never
 * altered or cut.
 */
export interface Link {
  /** The largest frame in bytes. */
  readonly maxFrameBytes: number
  /** Whether the engine can be reached, as far as this node knows. Frames that are sent while it cannot are dropped. */
  readonly isUp: () => boolean
  /** The frame must not change as long as it may be on its way. */
  readonly send: (node: string, frame: Uint8Array) => void
  /** Sends to all other nodes. */
  readonly broadcast: (frame: Uint8Array) => void
}

export interface ClusterService {
  /** The name of this node: 1 to 32 lower-case letters, digits and `-`. No other node of the cluster may have it. */
  readonly node: string
  readonly directory: ClusterDirectory
  /** Connects this node to the others until the scope closes. Once for each service. */
  readonly link: (events: LinkEvents) => Effect.Effect<Link, ClusterUnavailable, Scope.Scope>
}

/** The other nodes. A server without it is alone. */
export class Cluster extends Context.Tag("a-chat/Cluster")<Cluster, ClusterService>() {}
