import * as Effect from "effect/Effect"
import * as Claim from "../../src/cluster/Claim.js"
import { Claims } from "../../src/cluster/Claims.js"
import { MemoryTables } from "../../src/cluster/MemoryTables.js"
import { ClusterUnavailable } from "../../src/ports/Cluster.js"

const unavailable = new ClusterUnavailable({ reason: "no answer" })

export const mine = "00000000000000aa"
export const other = "00000000000000bb"
export const bob = Claim.keyOf("bob")

type Fate = "ok" | "lost" | "late" | "slow" | "unanswered"

/** The claims of node a. Requests have their fates in turn, and then all is well. */
export const claimsWorld = () => {
  const tables = new MemoryTables()
  const fates: Array<Fate> = []
  const late: Array<() => void> = []
  const alive = new Set([mine, other])
  const state = { incarnation: mine, canClaim: true, requests: 0, elsewhere: undefined as string | undefined }
  const taken: Array<string> = []
  const request = <A>(run: () => A) =>
    Effect.suspend((): Effect.Effect<A, ClusterUnavailable> => {
      state.requests += 1
      const fate = fates.shift() ?? "ok"
      if (fate === "ok") return Effect.sync(run)
      if (fate === "slow") {
        const value = run()
        return Effect.async((resume) => void late.push(() => resume(Effect.succeed(value))))
      }
      if (fate === "unanswered") run()
      if (fate === "late") late.push(run)
      return Effect.fail(unavailable)
    })
  const claims = new Claims({
    self: "a",
    directory: {
      get: (table, key) => request(() => tables.get(table, key)),
      swap: (table, key, revision, value) => request(() => tables.swap(table, key, revision, value)),
      watch: () => Effect.void
    },
    incarnation: () => state.incarnation,
    canClaim: () => state.canClaim,
    isAlive: (_node, incarnation) => Effect.sync(() => alive.has(incarnation)),
    elsewhere: () => state.elsewhere
  })
  const put = (claim: Claim.NameClaim) =>
    tables.swap("names", bob, tables.get("names", bob)?.revision ?? 0, Claim.show(claim))
  return {
    tables,
    claims,
    fates,
    alive,
    state,
    taken,
    put,
    work: claims.work((_likeness, name) => void taken.push(name)),
    entry: () => tables.get("names", bob)?.value,
    /** What was given up is carried out. */
    catchUp: () => {
      for (const run of late.splice(0)) run()
    }
  }
}

export const revisionOf = ({ tables }: ReturnType<typeof claimsWorld>) => tables.get("names", bob)?.revision ?? 0
