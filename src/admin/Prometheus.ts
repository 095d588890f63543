import * as Metric from "effect/Metric"
import * as MetricKeyType from "effect/MetricKeyType"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"
import type { Histogram } from "../telemetry/Histogram.js"

/** Metrics in the text format of Prometheus (0.0.4). */

export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** A metric with all its series. */
export interface Family {
  /** Ends in the unit, as in `achat_memory_bytes`, or in `_total` if it is a counter. */
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly samples: ReadonlyArray<Sample>
}

export interface Sample {
  /** Appended to the family's name, such as `_bucket` for a histogram. */
  readonly suffix?: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export const render = (families: ReadonlyArray<Family>): string =>
  families
    .map(({ help, name, samples, type }) => {
      const lines = samples.map(
        ({ labels, suffix = "", value }) => `${name}${suffix}${show(labels)} ${number(value)}\n`
      )
      return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("")}`
    })
    .join("")

/** The metrics of Effect's registry whose names have this prefix, sorted by name. */
export const registered = (prefix: string): ReadonlyArray<Family> => {
  const families = new Map<string, Family & { readonly samples: Array<Sample> }>()
  for (const pair of Metric.unsafeSnapshot()) {
    const { keyType, name } = pair.metricKey
    if (!name.startsWith(prefix)) continue
    const type = MetricKeyType.isCounterKey(keyType) ? "counter" : "gauge"
    const help = Option.getOrElse(pair.metricKey.description, () => name)
    const family = families.get(name) ?? { name, help, type, samples: [] }
    families.set(name, family)
    family.samples.push(...samplesOf(pair))
  }
  return [...families.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

const samplesOf = ({ metricKey, metricState }: MetricPair.MetricPair.Untyped): ReadonlyArray<Sample> => {
  const labels = Object.fromEntries(metricKey.tags.map(({ key, value }) => [key, value]))
  if (MetricState.isCounterState(metricState)) return [{ labels, value: Number(metricState.count) }]
  return MetricState.isGaugeState(metricState) ? [{ labels, value: Number(metricState.value) }] : []
}

/** A histogram as a family. Prometheus expects cumulative buckets: each also counts all smaller values. */
export const histogram = (name: string, help: string, { bounds, counts, sum }: Histogram): Family => {
  let count = 0
  const buckets = counts.map((inBucket, index) => {
    count += inBucket
    return { suffix: "_bucket", labels: { le: number(bounds[index] ?? Infinity) }, value: count }
  })
  const totals = [
    { suffix: "_sum", labels: {}, value: sum },
    { suffix: "_count", labels: {}, value: count }
  ]
  return { name, help, type: "histogram", samples: [...buckets, ...totals] }
}

const show = (labels: Sample["labels"]): string => {
  const shown = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`)
  return shown.length === 0 ? "" : `{${shown.join(",")}}`
}

const number = (value: number): string => {
  if (Number.isNaN(value)) return "NaN"
  return Number.isFinite(value) ? String(value) : value > 0 ? "+Inf" : "-Inf"
}

const escapeHelp = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const escapeValue = (text: string) => escapeHelp(text).replaceAll('"', '\\"')
