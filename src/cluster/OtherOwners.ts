import * as Effect from "effect/Effect"
import type { ClusterDirectory, ClusterUnavailable, Entry } from "../ports/Cluster.js"
import * as Claim from "./Claim.js"

interface OtherNodes {
  /** The name of this node. */
  readonly self: string
  readonly directory: ClusterDirectory
  readonly isAlive: (node: string, incarnation: string) => Effect.Effect<boolean, ClusterUnavailable>
  readonly elsewhere: (likeness: string) => string | undefined
}

/** Which names other living nodes have, so that this one does not claim them. */
export class OtherOwners {
  constructor(private readonly options: OtherNodes) {}

  /** The name of a claim of another living node. */
  ofEntry(entry: Entry | undefined): Effect.Effect<string | undefined, ClusterUnavailable> {
    const owner = Claim.claimIn(entry)
    if (owner === undefined || owner.node === this.options.self) return Effect.succeed(undefined)
    return Effect.map(this.options.isAlive(owner.node, owner.incarnation), (isAlive) =>
      isAlive ? owner.name : undefined
    )
  }

  /**
   * The name of a client that another living node has according to the watch, if the directory agrees: this saves a
   * write that would fail. Also if the directory does not have the claim any more, although nobody has removed it: the
   * engine has lost its entries, and that node is about to write it again. Undefined: there is none.
   */
  of(likeness: string, key: string): Effect.Effect<string | undefined, ClusterUnavailable> {
    const { directory, elsewhere } = this.options
    return Effect.gen(this, function* () {
      if (elsewhere(likeness) === undefined) return undefined
      const entry = yield* directory.get("names", key)
      if (entry !== undefined) return yield* this.ofEntry(entry)
      // The watch may not have reported the removal yet.
      for (let i = 0; i < removalChecks && elsewhere(likeness) !== undefined; i++)
        yield* Effect.sleep(removalCheckEvery)
      return elsewhere(likeness)
    })
  }
}

/** How long a removal may take from the directory to the watch. */
const removalChecks = 20
const removalCheckEvery = "25 millis"
