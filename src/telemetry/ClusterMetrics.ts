import * as Metric from "effect/Metric"

/** The metrics of a node of a cluster. They exist only in a server that is one. */

/** Another node, as this one sees it. */
export interface OtherNodeState {
  readonly name: string
  readonly incarnation: string
  /** Since this node last heard it. */
  readonly silentMillis: number
  /** Bytes sent to it that it has not acknowledged. */
  readonly inFlightBytes: number
  /** Contents that were sent to it again, since it was met. */
  readonly resent: number
  /** Contents of it that came twice, or before an earlier one. */
  readonly repeated: number
  readonly gaps: number
}

/** What this node knows of itself and the others. */
export interface NodesState {
  readonly node: string
  readonly incarnation: string
  /** It writes no messages, because the other nodes may take it for lost. */
  readonly isSuspended: boolean
  /** The age of what allows it to write. */
  readonly grantMillis: number
  /** The names that were asked for, by result. */
  readonly claims: { readonly yours: number; readonly taken: number; readonly unavailable: number }
  /** Names of clients at other nodes. */
  readonly names: number
  readonly others: ReadonlyArray<OtherNodeState>
}

/** The same, and what became of lines between nodes. */
export interface ClusterState extends NodesState {
  /** The most bytes to one other node that are not acknowledged. */
  readonly windowBytes: number
  /** Pairs that returned although they may have arrived, because a node was lost. */
  readonly inDoubt: number
  /** Lines of other nodes to clients here: received = delivered + returned + queued. */
  readonly foreign: { readonly received: number; readonly delivered: number; readonly returned: number }
  readonly queued: number
}

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

/** A counter of something that is counted elsewhere. */
const total = (name: string, description: string) => {
  const metric = Metric.counter(name, { description, incremental: true })
  const before = new Map<string, number>()
  return (value: number, tag?: readonly [string, string]) => {
    const key = tag?.join("=") ?? ""
    const series = tag === undefined ? metric : Metric.tagged(metric, ...tag)
    series.unsafeUpdate(Math.max(0, value - (before.get(key) ?? 0)), [])
    before.set(key, value)
  }
}

const nodes = gauge("achat_cluster_nodes", "Nodes of the cluster that this one knows, with itself")
const suspended = gauge(
  "achat_cluster_suspended",
  "1 while this node writes no messages, because the other nodes may take it for lost; otherwise 0"
)
const grantAge = gauge(
  "achat_cluster_grant_age_seconds",
  "Age of what allows this node to write; it stops at two thirds of --cluster-term"
)
const names = gauge("achat_cluster_names", "Names of clients at other nodes")
const window = gauge(
  "achat_cluster_link_window_bytes",
  "Bytes sent to another node that it has not acknowledged; at most --cluster-window and a frame"
)
const silence = gauge("achat_cluster_silence_seconds", "Since this node last heard another one")
const queued = gauge("achat_cluster_foreign_lines", "Lines of other nodes that wait for clients of this one")

const totals = {
  claims: total("achat_cluster_claims_total", "Names that were asked for, by result"),
  resent: total("achat_cluster_frames_resent_total", "Frames that were sent to another node again"),
  repeated: total("achat_cluster_frames_repeated_total", "Frames of another node that came twice"),
  gaps: total("achat_cluster_frames_early_total", "Frames of another node that came before an earlier one"),
  inDoubt: total(
    "achat_cluster_indoubt_total",
    "Pairs that returned although they may have been delivered, because a node was lost"
  ),
  received: total("achat_cluster_foreign_received_total", "Lines of other nodes for clients of this one"),
  delivered: total("achat_cluster_foreign_delivered_total", "Lines of other nodes that were delivered here"),
  returned: total("achat_cluster_foreign_returned_total", "Lines of other nodes that were returned to these")
}

/** Sums over the incarnations of all nodes: a link that ends takes its counts along. */
const sums = new Map<string, { resent: number; repeated: number; gaps: number }>()

/** The nodes that were ever seen: their series have to go to 0. */
const known = new Set<string>()

export const publish = (state: ClusterState) => {
  nodes.unsafeUpdate(state.others.length + 1, [])
  suspended.unsafeUpdate(state.isSuspended ? 1 : 0, [])
  grantAge.unsafeUpdate(state.grantMillis / 1000, [])
  names.unsafeUpdate(state.names, [])
  queued.unsafeUpdate(state.queued, [])
  for (const { gaps, incarnation, repeated, resent } of state.others) sums.set(incarnation, { gaps, repeated, resent })
  const sum = { gaps: 0, repeated: 0, resent: 0 }
  for (const { gaps, repeated, resent } of sums.values()) {
    sum.gaps += gaps
    sum.repeated += repeated
    sum.resent += resent
  }
  totals.resent(sum.resent)
  totals.repeated(sum.repeated)
  totals.gaps(sum.gaps)
  for (const result of ["yours", "taken", "unavailable"] as const) {
    totals.claims(state.claims[result], ["result", result])
  }
  totals.inDoubt(state.inDoubt)
  for (const fate of ["received", "delivered", "returned"] as const) totals[fate](state.foreign[fate])
  const present = new Map(state.others.map((other) => [other.name, other]))
  for (const name of present.keys()) known.add(name)
  for (const name of known) {
    Metric.tagged(window, "node", name).unsafeUpdate(present.get(name)?.inFlightBytes ?? 0, [])
    Metric.tagged(silence, "node", name).unsafeUpdate((present.get(name)?.silentMillis ?? 0) / 1000, [])
  }
}
