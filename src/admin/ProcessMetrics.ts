import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readdirSync, statSync } from "node:fs"
import { Histogram } from "../telemetry/Histogram.js"
import * as Prometheus from "./Prometheus.js"

/** Metrics of the process, under the names that Prometheus's client libraries use. */
export interface ProcessMetrics {
  readonly families: () => ReadonlyArray<Prometheus.Family>
}

/** How often the delay of the event loop is measured; shorter stalls may be missed. */
const intervalMillis = 20

const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Measures the event loop until the scope ends. */
export const make = (descriptorLimit: number): Effect.Effect<ProcessMetrics, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const delays = new Histogram(delayBounds)
        let due = performance.now() + intervalMillis
        const timer = setInterval(() => {
          const now = performance.now()
          delays.record(Math.max(0, now - due) / 1000, 1)
          due = now + intervalMillis
        }, intervalMillis)
        timer.unref()
        return { timer, delays }
      }),
      ({ timer }) => Effect.sync(() => clearInterval(timer))
    ),
    ({ delays }) => ({
      families: () => {
        const memory = process.memoryUsage()
        const { system, user } = process.cpuUsage()
        return [
          counter("process_cpu_seconds_total", "CPU time of the process in seconds", (user + system) / 1e6),
          gauge("process_resident_memory_bytes", "Resident memory in bytes", memory.rss),
          gauge(
            "process_start_time_seconds",
            "Start of the process in seconds since 1970",
            performance.timeOrigin / 1000
          ),
          ...descriptors(descriptorLimit),
          gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use, in bytes", memory.heapUsed),
          gauge("nodejs_heap_size_total_bytes", "JavaScript heap reserved, in bytes", memory.heapTotal),
          gauge("nodejs_external_memory_bytes", "Memory outside the JavaScript heap, in bytes", memory.external),
          Prometheus.histogram("nodejs_eventloop_delay_seconds", "How late timers fire, in seconds", delays)
        ]
      }
    })
  )

const descriptors = (limit: number): ReadonlyArray<Prometheus.Family> => {
  const most = gauge("process_max_fds", "Limit on open file descriptors", limit)
  const open = openDescriptors()
  return open === undefined ? [most] : [gauge("process_open_fds", "Open file descriptors", open), most]
}

/**
 * Since Linux 6.2, the size of the folder is the number of descriptors. Listing 10,000 of them blocks the event loop
 * for 10 ms.
 */
const openDescriptors = (): number | undefined => {
  try {
    return statSync("/proc/self/fd").size || readdirSync("/proc/self/fd").length
  } catch {
    return undefined // a system without /proc
  }
}

const gauge = (name: string, help: string, value: number): Prometheus.Family => family(name, help, "gauge", value)

const counter = (name: string, help: string, value: number): Prometheus.Family => family(name, help, "counter", value)

const family = (name: string, help: string, type: "gauge" | "counter", value: number): Prometheus.Family => ({
  name,
  help,
  type,
  samples: [{ labels: {}, value }]
})
