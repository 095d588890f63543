import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readdirSync, statSync } from "node:fs"
import { Histogram } from "../telemetry/Histogram.js"
import * as Prometheus from "./Prometheus.js"

/** What the process itself is asked, under the names that Prometheus's own client libraries use. */
export interface Process {
  readonly families: () => ReadonlyArray<Prometheus.Family>
}

/** How often the event loop is looked at; a stall that is shorter may be missed. */
const lookMillis = 20

const delayBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Watches the event loop until the scope ends. */
export const make = (descriptorLimit: number): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const delays = new Histogram(delayBounds)
        let due = performance.now() + lookMillis
        const timer = setInterval(() => {
          const now = performance.now()
          delays.record(Math.max(0, now - due) / 1000, 1)
          due = now + lookMillis
        }, lookMillis)
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
          gauge("nodejs_heap_size_used_bytes", "JavaScript heap that is in use, in bytes", memory.heapUsed),
          gauge("nodejs_heap_size_total_bytes", "JavaScript heap, in bytes", memory.heapTotal),
          gauge("nodejs_external_memory_bytes", "Memory outside the JavaScript heap, in bytes", memory.external),
          Prometheus.histogram(
            "nodejs_eventloop_delay_seconds",
            "How late a timer of the event loop is, in seconds",
            delays
          )
        ]
      }
    })
  )

const descriptors = (limit: number): ReadonlyArray<Prometheus.Family> => {
  const most = gauge("process_max_fds", "Most file descriptors that may be open", limit)
  const open = openDescriptors()
  return open === undefined ? [most] : [gauge("process_open_fds", "File descriptors that are open", open), most]
}

/** To list ten thousand takes 10 ms of the event loop; since Linux 6.2 the size of the folder is their number. */
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
