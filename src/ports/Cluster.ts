import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The port between the nodes of a cluster and the engine that connects them. An engine provides a directory, on whose
 * entries all nodes agree, and a link, which carries frames without guarantees. The folder `cluster/` builds the chat's
 * guarantees across nodes from these two. It also has the adapters; the chat itself imports neither.
 */

/**
 * The engine cannot be reached, or has not answered in time. After `swap`, the entry may or may not have changed: read
 * it.
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
   * Increases with every change of the table. Never 0, and never reused, not even if the engine has lost its entries:
   * otherwise a swap that was requested before would succeed. Only an engine that has gone back to an earlier state
   * reuses revisions, until this node notices.
   */
  readonly revision: number
}

/**
 * The events of a watched table: `restarted`, all current entries, `current`, and then changes in the order of their
 * revisions. If an entry changes several times, only the last change may be reported, even if it is the removal of an
 * entry that was never reported: NATS keeps one message for each key and may replace it before a lagging server has
 * delivered it. After the connection to the engine was lost, the watch restarts. Entries that it does not report then
 * were removed in the meantime.
 *
 * An engine may go back to an earlier state and so forget changes that it had confirmed. A watch that has reported
 * forgotten changes restarts with the next change, or within about a term. Other watches continue: a change that this
 * node has written and that its watch never reports may have been forgotten.
 */
export interface TableEvents {
  /**
   * @param isEmptied whether the engine has lost all or the latest entries since the last start, so that nodes still
   * have to rewrite theirs
   */
  readonly restarted: (isEmptied: boolean) => void
  readonly put: (entry: Entry) => void
  /** `revision` is that of the removal. */
  readonly removed: (key: string, revision: number) => void
  readonly current: () => void
}

/** Entries on which all nodes agree, even while some of the engine's servers are down. */
export interface ClusterDirectory {
  /** The latest entry; undefined if there is none. Never older than one that a `swap` of this node has written. */
  readonly get: (table: Table, key: string) => Effect.Effect<Entry | undefined, ClusterUnavailable>
  /**
   * Sets an entry, or removes it (undefined), if it has this revision, or if there is none (0). Succeeds with the new
   * revision, or with undefined if the entry has another revision.
   */
  readonly swap: (
    table: Table,
    key: string,
    revision: number,
    value: string | undefined
  ) => Effect.Effect<number | undefined, ClusterUnavailable>
  /** Watches a table until the scope closes. If events are lost, `restarted` follows. */
  readonly watch: (table: Table, events: TableEvents) => Effect.Effect<void, ClusterUnavailable, Scope.Scope>
}

/** The events of a link, reported synchronously. None after its scope has closed. */
export interface LinkEvents {
  /** A frame for this node or for all nodes. The array is valid only until the handler returns. */
  readonly frame: (frame: Uint8Array) => void
  /** The engine can be reached again. Frames may have been lost. */
  readonly up: () => void
}

/** Carries frames. A frame may be lost silently, duplicated or reordered, but never altered or truncated. */
export interface Link {
  /** The largest frame in bytes. */
  readonly maxFrameBytes: number
  /** Whether the engine can be reached, as far as this node knows. If not, frames are dropped. */
  readonly isUp: () => boolean
  /** Sends to one node. The frame must not change while it may still be on its way. */
  readonly send: (node: string, frame: Uint8Array) => void
  /** Sends to all other nodes. */
  readonly broadcast: (frame: Uint8Array) => void
}

export interface ClusterService {
  /** The name of this node: 1 to 32 lower-case letters, digits and `-`. No other node of the cluster may have it. */
  readonly node: string
  readonly directory: ClusterDirectory
  /** Connects this node to the others until the scope closes. May be called once for each service. */
  readonly link: (events: LinkEvents) => Effect.Effect<Link, ClusterUnavailable, Scope.Scope>
}

/** The port to the other nodes. A server without it has no cluster. */
export class Cluster extends Context.Tag("a-chat/Cluster")<Cluster, ClusterService>() {}
