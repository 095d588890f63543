import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { ClusterUnavailable, type ClusterService, type Entry } from "../ports/Cluster.js"
import * as Time from "../ports/Time.js"
import * as Incarnation from "./Incarnation.js"
import { protocolVersion } from "./ProtocolVersion.js"
import * as Term from "./Term.js"

interface Seen extends Entry {
  readonly lease: Required<Incarnation.Lease>
  /** Since when it has not changed, in milliseconds. */
  readonly since: number
}

/**
 * Fails if a node that speaks another version of the protocol is part of the cluster. A node may be gone and have left
 * its lease behind. That shows after some time, and its lease is then swapped for a dead one. Succeeds at once if there
 * is none.
 */
export const refuse = (
  { directory }: Pick<ClusterService, "directory">,
  termMillis: number
): Effect.Effect<void, ClusterUnavailable> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { now } = Time.of(yield* Clock.clockWith(Effect.succeed))
      const own = Term.of(termMillis)
      const others = new Map<string, Seen>()
      const found: { isCurrent: boolean; renewed?: Seen } = { isCurrent: false }
      yield* directory.watch("nodes", {
        restarted: () => {},
        put: (entry) => {
          const lease = Incarnation.parseLease(entry.value)
          const before = others.get(entry.key)
          if (lease?.isAlive !== true || lease.version === protocolVersion) return void others.delete(entry.key)
          if (before?.revision === entry.revision) return
          const seen = { ...entry, lease, since: now() }
          others.set(entry.key, seen)
          if (before !== undefined) found.renewed = seen
        },
        removed: (key) => void others.delete(key),
        current: () => void (found.isCurrent = true)
      })
      const begun = now()
      let isSaid = false
      // Without an answer the server starts all the same: its nodes do not take up the others either.
      while (!found.isCurrent && now() - begun < termMillis) yield* Effect.sleep(20)
      while (others.size > 0) {
        if (found.renewed !== undefined) return yield* otherVersion(found.renewed)
        if (!isSaid) yield* logWaiting([...others.keys()])
        isSaid = true
        yield* Effect.sleep(own.beat)
        for (const { key, lease, revision, since } of others.values()) {
          if (now() - since < Term.longer(own, lease.termMillis).slowBury) continue
          yield* Effect.ignore(
            directory.swap("nodes", key, revision, Incarnation.showLease({ ...lease, isAlive: false, hasLeft: false }))
          )
        }
      }
    })
  )

const otherVersion = ({ key, lease }: Seen) =>
  new ClusterUnavailable({
    reason:
      `the node ${key} speaks version ${lease.version} of the protocol between nodes, and this program speaks ` +
      `version ` +
      `${protocolVersion}: stop all nodes of the other version first, or use another --cluster-name`
  })

const logWaiting = (nodes: ReadonlyArray<string>) =>
  Effect.annotateLogs(Effect.logWarning("waiting for the leases of nodes of another version"), {
    nodes: nodes.join(", ")
  })
