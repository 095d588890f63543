import * as Metric from "effect/Metric"
import { Histogram } from "./Histogram.js"

/** The metrics of a node of a cluster. They exist only in a server that is one. */

/** Irregular frames between two nodes, or between this one and all others. */
export interface FrameCounts {
  /** Contents that this node sent again. */
  readonly resent: number
  /** Contents that arrived twice. */
  readonly repeated: number
  /** Contents that arrived before an earlier one. */
  readonly gaps: number
}

/** Numbers of contents between two nodes, each from 1 on since they met. */
export interface LinkNumbers {
  /** The last one sent, and the last one that the other node has acknowledged. */
  readonly sent: number
  readonly acknowledged: number
  /** The last one taken from the other node, and the number that arrived before an earlier one. */
  readonly taken: number
  readonly early: number
}

/** Another node, as this one sees it. Its counts begin when the two met. */
export interface OtherNodeState extends FrameCounts, LinkNumbers {
  readonly name: string
  readonly incarnation: string
  /** Time since this node last heard from it. */
  readonly silentMillis: number
  /** Time since this node sent the last heartbeat that the other one has heard; initially, time since the two met. */
  readonly unheardMillis: number
  /** Bytes sent to it that it has not acknowledged. */
  readonly inFlightBytes: number
}

/** This node's view of itself and the others. */
export interface NodesState {
  readonly node: string
  readonly incarnation: string
  /** It writes no messages, because the other nodes may take it for lost. */
  readonly isSuspended: boolean
  /** The age of the grant that allows it to write. */
  readonly grantMillis: number
  /** The names that were asked for, by result. */
  readonly claims: { readonly yours: number; readonly taken: number; readonly unavailable: number }
  /** Names of clients at other nodes. */
  readonly names: number
  /** Since this node started, including those with lost nodes, and of earlier incarnations of itself. */
  readonly frames: FrameCounts
  readonly others: ReadonlyArray<OtherNodeState>
}

/** The same, with the outcomes of lines between nodes. */
export interface ClusterState extends NodesState {
  /** The most unacknowledged bytes to one other node. */
  readonly windowBytes: number
  /** Pairs that returned although they may have arrived, because a node was lost. */
  readonly inDoubt: number
  /** Contents of other nodes that could not be read completely. */
  readonly unreadable: number
  /** Lines of other nodes to clients here: received = delivered + returned + queued. */
  readonly foreign: { readonly received: number; readonly delivered: number; readonly returned: number }
  readonly queued: number
}

/** Seconds from sending lines to another node until it has reported their outcomes. */
export const outcomes = new Histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10])

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

/** A counter of something that is counted elsewhere. */
const total = (name: string, description: string) => {
  const metric = Metric.counter(name, { description, incremental: true })
  const before = new Map<string, number>()
  return (value: number, tag?: readonly [string, string]) => {
    const key = tag?.join("=") ?? ""
    const series = tag === undefined ? metric : Metric.tagged(metric, ...tag)
    const last = before.get(key) ?? 0
    // A new server in the same process counts from 0 again.
    series.unsafeUpdate(value < last ? value : value - last, [])
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
const unheard = gauge(
  "achat_cluster_unheard_seconds",
  "Since this node sent the last heartbeat that another one has heard"
)
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
  unreadable: total(
    "achat_cluster_unreadable_total",
    "Frames of another node of which this one could not read something"
  ),
  received: total("achat_cluster_foreign_received_total", "Lines of other nodes for clients of this one"),
  delivered: total("achat_cluster_foreign_delivered_total", "Lines of other nodes that were delivered here"),
  returned: total("achat_cluster_foreign_returned_total", "Lines of other nodes that were returned to these")
}

/** All nodes ever seen: the series of lost ones must go to 0. */
const known = new Set<string>()

export const publish = (state: ClusterState) => {
  nodes.unsafeUpdate(state.others.length + 1, [])
  suspended.unsafeUpdate(state.isSuspended ? 1 : 0, [])
  grantAge.unsafeUpdate(state.grantMillis / 1000, [])
  names.unsafeUpdate(state.names, [])
  queued.unsafeUpdate(state.queued, [])
  for (const kind of ["resent", "repeated", "gaps"] as const) totals[kind](state.frames[kind])
  for (const result of ["yours", "taken", "unavailable"] as const) {
    totals.claims(state.claims[result], ["result", result])
  }
  totals.inDoubt(state.inDoubt)
  totals.unreadable(state.unreadable)
  for (const fate of ["received", "delivered", "returned"] as const) totals[fate](state.foreign[fate])
  const present = new Map(state.others.map((other) => [other.name, other]))
  for (const name of present.keys()) known.add(name)
  for (const name of known) {
    Metric.tagged(window, "node", name).unsafeUpdate(present.get(name)?.inFlightBytes ?? 0, [])
    Metric.tagged(silence, "node", name).unsafeUpdate((present.get(name)?.silentMillis ?? 0) / 1000, [])
    Metric.tagged(unheard, "node", name).unsafeUpdate((present.get(name)?.unheardMillis ?? 0) / 1000, [])
  }
}
