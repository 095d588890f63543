import { assert, describe, it } from "@effect/vitest"
import * as Metric from "effect/Metric"
import * as MetricState from "effect/MetricState"
import * as ClusterMetrics from "../../src/telemetry/ClusterMetrics.js"

/** A node that has sent this number of frames again. */
const having = (resent: number): ClusterMetrics.ClusterState => ({
  node: "a",
  incarnation: "1",
  isSuspended: false,
  grantMillis: 0,
  claims: { yours: resent, taken: 0, unavailable: 0 },
  names: 0,
  frames: { resent, repeated: 2 * resent, gaps: 3 * resent },
  others: [],
  windowBytes: 1,
  queued: 0,
  inDoubt: 0,
  unreadable: 2 * resent,
  foreign: { received: 0, delivered: 0, returned: 0 }
})

const counter = (name: string) => {
  const state = Metric.unsafeSnapshot().find(({ metricKey }) => metricKey.name === name)?.metricState
  return state !== undefined && MetricState.isCounterState(state) ? Number(state.count) : undefined
}

describe("ClusterMetrics.publish", () => {
  it("adds up the frames of a node, and of the next node in the same process", () => {
    const seen = [5, 5, 8, 3, 6].map((resent) => {
      ClusterMetrics.publish(having(resent))
      return counter("achat_cluster_frames_resent_total")
    })
    assert.deepStrictEqual(seen, [5, 5, 8, 11, 14])
    const others = ["frames_repeated", "frames_early", "unreadable"].map((name) =>
      counter(`achat_cluster_${name}_total`)
    )
    assert.deepStrictEqual(others, [28, 42, 28])
  })
})
