import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { type ClusterDirectory, ClusterUnavailable } from "../ports/Cluster.js"
import * as Incarnation from "./Incarnation.js"
import * as Term from "./Term.js"

export interface TakeLeaseOptions {
  /** The name of this node. */
  readonly self: string
  readonly term: Term.Term
  readonly directory: ClusterDirectory
  readonly now: () => number
  readonly wall: () => number
  readonly random: () => number
}

export interface TakenLease {
  readonly incarnation: string
  readonly revision: number
  /** When the swap began that has taken it. */
  readonly started: number
}

/** The lease of an earlier process, and since when it has not changed. */
interface Reading {
  readonly revision: number
  readonly since: number
}

/** How often a swap may fail, or stay without an answer. */
const maxAttempts = 8

/**
 * Takes the lease of this node, for a process that starts. If it is alive, an earlier process of this name may still
 * write: waits until that one has left, was buried, or has not renewed its lease for as long as a node demands that it
 * may not know. The swap then proves that it was not renewed at the last moment. Waits for ever while that process goes
 * on.
 */
export const takeLease = (options: TakeLeaseOptions): Effect.Effect<TakenLease, ClusterUnavailable> =>
  Effect.gen(function* () {
    const { directory, now, self, term } = options
    let incarnation: string | undefined
    let earlier: Reading | undefined
    let renewals = 0
    for (let attempts = 0; attempts < maxAttempts;) {
      const read = yield* Effect.either(directory.get("nodes", self))
      if (Either.isLeft(read)) {
        if (earlier === undefined) return yield* read.left
        yield* Effect.sleep(term.beat) // what was read before still counts
        continue
      }
      const entry = read.right
      const lease = Incarnation.leaseIn(entry)
      incarnation = nextIncarnation(options, lease, incarnation)
      // It has the incarnation of this process: the swap was done, although its answer was lost.
      const mayWrite = lease?.isAlive === true && lease.incarnation !== incarnation
      const revision = entry?.revision ?? 0
      if (mayWrite && earlier?.revision !== revision) {
        if (renewals < 2) yield* logWaiting(self, renewals > 0)
        renewals += 1
        earlier = { revision, since: now() }
      }
      if (mayWrite && earlier !== undefined && now() - earlier.since < Term.longer(term, lease.termMillis).slowBury) {
        yield* Effect.sleep(term.beat)
        continue
      }
      attempts += 1
      const started = now()
      const value = Incarnation.showLease({ incarnation, isAlive: true, termMillis: term.bury })
      const written = yield* Effect.either(directory.swap("nodes", self, revision, value))
      if (Either.isRight(written) && written.right !== undefined)
        return { incarnation, revision: written.right, started }
    }
    return yield* new ClusterUnavailable({ reason: `the lease of the node ${self} could not be taken` })
  })

/** An incarnation that was asked for is kept, unless it was buried or another process was faster. */
const nextIncarnation = (
  { random, wall }: TakeLeaseOptions,
  lease: Incarnation.Lease | undefined,
  asked: string | undefined
): string => {
  if (asked !== undefined && (lease === undefined || lease.incarnation < asked)) return asked
  if (asked !== undefined && lease?.incarnation === asked && lease.isAlive) return asked
  return Incarnation.after(lease?.incarnation, wall(), random)
}

const logWaiting = (node: string, isRenewed: boolean) =>
  Effect.annotateLogs(
    Effect.logWarning(
      isRenewed
        ? "an earlier server of this name still runs: give each server a --node of its own"
        : "waiting for the lease of an earlier server of this name"
    ),
    { node }
  )
