import * as Effect from "effect/Effect"
import type { ClusterDirectory } from "../ports/Cluster.js"
import type { NamesElsewhere } from "./NamesElsewhere.js"

export interface SweepOptions {
  readonly directory: ClusterDirectory
  readonly names: Pick<NamesElsewhere, "entriesOf" | "owners">
  readonly now: () => number
  /** How long an incarnation must have been dead, in milliseconds: its clients may come back and claim their names. */
  readonly restMillis: number
  readonly isDead: (node: string, incarnation: string) => boolean
  /** Whether it is this node that removes them now. Two would only get in each other's way. */
  readonly mayWork: () => boolean
  readonly fork: (effect: Effect.Effect<unknown>) => void
}

/** Entries that are removed with one tick at most, and how many of them at once. */
const most = 64
const concurrency = 4

/**
 * Removes the entries of lost nodes that no node has claimed again: their names are free, but an entry for each would
 * stay in the directory and at every node. A claim in the meantime changes the revision, so that the removal fails.
 */
export class Sweep {
  /** By incarnation: since when it is known to be dead, in milliseconds. */
  private readonly deadSince = new Map<string, number>()
  private isWorking = false

  constructor(private readonly options: SweepOptions) {}

  /** To be called every `Term.beat` while the engine can be reached. */
  tick() {
    const { directory, fork, mayWork, names, now, restMillis } = this.options
    this.findDead()
    if (this.isWorking || this.deadSince.size === 0 || !mayWork()) return
    const [incarnation] = [...this.deadSince].find(([, since]) => now() - since >= restMillis) ?? []
    if (incarnation === undefined) return
    this.isWorking = true
    const remove = ([key, revision]: readonly [string, number]) =>
      Effect.ignore(directory.swap("names", key, revision, undefined)) // the next tick tries again
    fork(
      Effect.forEach(names.entriesOf(incarnation, most), remove, { concurrency, discard: true }).pipe(
        Effect.ensuring(Effect.sync(() => (this.isWorking = false)))
      )
    )
  }

  private findDead() {
    const { isDead, names, now } = this.options
    const dead = new Set<string>()
    for (const { incarnation, node } of names.owners()) if (isDead(node, incarnation)) dead.add(incarnation)
    for (const incarnation of this.deadSince.keys()) if (!dead.has(incarnation)) this.deadSince.delete(incarnation)
    for (const incarnation of dead) if (!this.deadSince.has(incarnation)) this.deadSince.set(incarnation, now())
  }
}
