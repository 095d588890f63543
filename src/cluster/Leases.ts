import type * as Either from "effect/Either"
import type * as Effect from "effect/Effect"
import type { ClusterDirectory, ClusterUnavailable, Entry } from "../ports/Cluster.js"
import * as Incarnation from "./Incarnation.js"

/** Runs an effect on the directory; the answer comes in the broker's turn. */
export type Ask = <A>(
  effect: Effect.Effect<A, ClusterUnavailable>,
  then: (answer: Either.Either<A, ClusterUnavailable>) => void
) => void

/** The leases of the nodes in the directory. */
export class Leases {
  constructor(
    private readonly directory: ClusterDirectory,
    private readonly ask: Ask
  ) {}

  read(node: string, then: (answer: Either.Either<Entry | undefined, ClusterUnavailable>) => void) {
    this.ask(this.directory.get("nodes", node), then)
  }

  /** Sets a lease, if it has this revision; the answer is the new one, or undefined if it has another. */
  swap(
    node: string,
    revision: number,
    lease: Incarnation.Lease,
    then: (answer: Either.Either<number | undefined, ClusterUnavailable>) => void
  ) {
    this.ask(this.directory.swap("nodes", node, revision, Incarnation.showLease(lease)), then)
  }
}
