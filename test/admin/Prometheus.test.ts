import { assert, describe, it } from "@effect/vitest"
import * as Metric from "effect/Metric"
import * as Prometheus from "../../src/admin/Prometheus.js"
import { Histogram } from "../../src/telemetry/Histogram.js"

describe("Prometheus", () => {
  it("renders help, type and a line for each series, with special characters escaped", () => {
    const text = Prometheus.render([
      {
        name: "x_total",
        help: "a \\ and\na line",
        type: "counter",
        samples: [
          { labels: {}, value: 1 },
          { labels: { a: 'quote " back \\ line \n', b: "é" }, value: 1.5 },
          { labels: { le: "+Inf" }, suffix: "_bucket", value: Infinity },
          { labels: {}, value: NaN },
          { labels: {}, value: -Infinity }
        ]
      }
    ])
    assert.strictEqual(
      text,
      [
        "# HELP x_total a \\\\ and\\na line",
        "# TYPE x_total counter",
        "x_total 1",
        'x_total{a="quote \\" back \\\\ line \\n",b="é"} 1.5',
        'x_total_bucket{le="+Inf"} +Inf',
        "x_total NaN",
        "x_total -Inf",
        ""
      ].join("\n")
    )
  })

  it("reads counters and gauges with all their series from Effect's registry, sorted by name", () => {
    const things = Metric.counter("zz_things_total", { description: "Things", incremental: true })
    Metric.tagged(things, "kind", "b").unsafeUpdate(2, [])
    Metric.tagged(things, "kind", "a").unsafeUpdate(3, [])
    Metric.gauge("zz_level", { description: "Level" }).unsafeUpdate(-4, [])
    Metric.gauge("other").unsafeUpdate(1, [])
    const [level, counted, ...rest] = Prometheus.registered("zz_")
    assert.deepStrictEqual(level, {
      name: "zz_level",
      help: "Level",
      type: "gauge",
      samples: [{ labels: {}, value: -4 }]
    })
    assert.strictEqual(counted?.name, "zz_things_total")
    assert.strictEqual(counted?.type, "counter")
    assert.sameDeepMembers(
      [...(counted?.samples ?? [])],
      [
        { labels: { kind: "a" }, value: 3 },
        { labels: { kind: "b" }, value: 2 }
      ]
    )
    assert.deepStrictEqual(rest, [])
  })

  it("renders cumulative buckets of a histogram", () => {
    const histogram = new Histogram([1, 10])
    for (const [value, times] of [
      [0, 1],
      [1, 2],
      [1.5, 3],
      [10, 4],
      [11, 5_000_000_000]
    ] as const)
      histogram.record(value, times)
    assert.strictEqual(
      Prometheus.render([Prometheus.histogram("x_seconds", "X", histogram)]),
      [
        "# HELP x_seconds X",
        "# TYPE x_seconds histogram",
        'x_seconds_bucket{le="1"} 3',
        'x_seconds_bucket{le="10"} 10',
        'x_seconds_bucket{le="+Inf"} 5000000010',
        "x_seconds_sum 55000000046.5",
        "x_seconds_count 5000000010",
        ""
      ].join("\n")
    )
  })
})
