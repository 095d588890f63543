import * as Metric from "effect/Metric"
import { Histogram } from "./Histogram.js"

/**
 * The metrics of a server, in Effect's registry. They use `unsafeUpdate` because the code that counts is not an effect.
 * Names follow the conventions of Prometheus.
 */

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

/** A counter with a tag that has few values. The series of a value is created when the value first occurs. */
const tagged = (name: string, description: string, tag: string) => {
  const whole = counter(name, description)
  const series = new Map<string, typeof whole>()
  return (value: string, count = 1) => {
    let one = series.get(value)
    if (one === undefined) {
      one = Metric.tagged(whole, tag, value)
      series.set(value, one)
    }
    one.unsafeUpdate(count, [])
  }
}

const connectionsOpened = counter("achat_connections_opened_total", "Accepted connections")

export const opened = () => connectionsOpened.unsafeUpdate(1, [])

/** Tagged with one of the close reasons. */
export const closed = tagged("achat_connections_closed_total", "Ended connections, by reason", "reason")

const connectionsDropped = counter("achat_connections_dropped_total", "Connections that were closed without a reply")

/** Closed without a `! full`, because too many connections are being refused at the same time. */
export const dropped = () => connectionsDropped.unsafeUpdate(1, [])

const logins = counter("achat_logins_total", "Successful logins")

export const loggedIn = () => logins.unsafeUpdate(1, [])

/** Tagged with the code of a `!` line. */
export const refused = tagged("achat_refusals_total", "Refused lines and logins, by code", "code")

export const undelivered = tagged(
  "achat_pairs_undelivered_total",
  "Pairs of a line and a recipient that were not delivered, by reason",
  "reason"
)

/** A counter of the ledger: the pairs that have reached a state. */
export const pairs = (state: string, description: string) => {
  const metric = counter(`achat_pairs_${state}_total`, description)
  return (count: number) => metric.unsafeUpdate(count, [])
}

/** Time that lines spent in queues, in seconds. */
export const delivery = new Histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10])

/** All values of the tags. */
export interface TagValues {
  readonly closed: ReadonlyArray<string>
  readonly refused: ReadonlyArray<string>
  readonly undelivered: ReadonlyArray<string>
}

/**
 * Creates every series with the value 0. Otherwise `rate()` of Prometheus misses the first increment of a new series.
 */
export const createAll = (tags: TagValues) => {
  for (const metric of [connectionsOpened, connectionsDropped, logins]) metric.unsafeUpdate(0, [])
  for (const reason of tags.closed) closed(reason, 0)
  for (const code of tags.refused) refused(code, 0)
  for (const reason of tags.undelivered) undelivered(reason, 0)
}

// Sums over the connections, which are computed for each request.

export interface Traffic {
  linesIn: number
  linesOut: number
  bytesIn: number
  bytesOut: number
}

export interface Gauges {
  readonly connections: number
  readonly peers: number
  readonly heldSenders: number
  readonly inboxEvents: number
  readonly inboxBytes: number
  readonly outboxLines: number
  readonly outboxBytes: number
  readonly unacknowledgedLines: number
  /** The part of the memory budget that queues, unfinished lines, routes and connections use. */
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  /** The part of `memoryBytes` that no queue, line, route or connection holds: always 0. */
  readonly memoryUnaccountedBytes: number
  readonly pairsInFlight: number
  /** Pairs that are in flight according to the ledger, but in no queue: always 0. */
  readonly pairsUnaccounted: number
}

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const gauges: Record<keyof Gauges, ReturnType<typeof gauge>> = {
  connections: gauge("achat_connections", "Open connections"),
  peers: gauge("achat_peers", "Clients that are logged in"),
  heldSenders: gauge(
    "achat_held_senders",
    "Clients that the server does not read from because a recipient's queue is full"
  ),
  inboxEvents: gauge("achat_inbox_events", "Events waiting for the broker"),
  inboxBytes: gauge("achat_inbox_bytes", "Bytes that were read from clients but not routed yet"),
  outboxLines: gauge("achat_outbox_lines", "Lines waiting for clients, in all queues"),
  outboxBytes: gauge("achat_outbox_bytes", "Bytes waiting for clients, in all queues"),
  unacknowledgedLines: gauge(
    "achat_unacknowledged_lines",
    "Lines that were written to clients with /hello ack and that these have not acknowledged yet"
  ),
  memoryBytes: gauge("achat_memory_bytes", "Memory budget in use: queues, unfinished lines and connections, in bytes"),
  memoryLimitBytes: gauge(
    "achat_memory_limit_bytes",
    "Memory budget, above which new connections are refused, in bytes"
  ),
  memoryUnaccountedBytes: gauge(
    "achat_memory_unaccounted_bytes",
    "Memory budget in use by nothing that the server holds: always 0, unless the server has a defect"
  ),
  pairsInFlight: gauge("achat_pairs_in_flight", "Pairs whose fate is not decided yet"),
  pairsUnaccounted: gauge(
    "achat_pairs_unaccounted",
    "Pairs in flight that are in no queue: always 0, unless the server has a defect"
  )
}

const traffic: Record<keyof Traffic, ReturnType<typeof counter>> = {
  linesIn: counter("achat_lines_received_total", "Lines received from clients"),
  linesOut: counter("achat_lines_sent_total", "Lines that the kernel accepted for clients"),
  bytesIn: counter("achat_bytes_received_total", "Bytes received from clients"),
  bytesOut: counter("achat_bytes_sent_total", "Bytes that the kernel accepted for clients")
}

/**
 * Updates the metrics.
 *
 * @param total since the start
 * @param before the total of the last call, which becomes this one
 */
export const publish = (total: Readonly<Traffic>, before: Traffic, now: Gauges) => {
  for (const name of ["linesIn", "linesOut", "bytesIn", "bytesOut"] as const) {
    traffic[name].unsafeUpdate(total[name] - before[name], [])
    before[name] = total[name]
  }
  for (const name of Object.keys(gauges) as ReadonlyArray<keyof Gauges>) {
    gauges[name].unsafeUpdate(now[name], [])
  }
}
