import * as Metric from "effect/Metric"
import { Histogram } from "./Histogram.js"

/**
 * The metrics of a server, in Effect's registry. `unsafeUpdate` because the figures change where no effect runs. Names
 * follow the conventions of Prometheus.
 */

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

/** A counter with a tag of few values, each made when it first comes. */
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

const connectionsOpened = counter("achat_connections_opened_total", "Connections that were accepted")

export const opened = () => connectionsOpened.unsafeUpdate(1, [])

/** Tagged with one of the close reasons. */
export const closed = tagged("achat_connections_closed_total", "Connections that ended, by reason", "reason")

const connectionsDropped = counter("achat_connections_dropped_total", "Connections that were closed without a word")

/** Not even a refusal could be said: too many are being refused. */
export const dropped = () => connectionsDropped.unsafeUpdate(1, [])

const logins = counter("achat_logins_total", "Logins that were taken")

export const loggedIn = () => logins.unsafeUpdate(1, [])

/** Tagged with the code of a `!` line. */
export const refused = tagged("achat_refusals_total", "Lines and logins that were refused, by code", "code")

export const undelivered = tagged(
  "achat_pairs_undelivered_total",
  "Pairs of a line and a recipient that were not delivered, by reason",
  "reason"
)

// The ledger: each (line, recipient) pair that was accepted ends as one of the others.

const pairs = (state: string, description: string) => {
  const metric = counter(`achat_pairs_${state}_total`, description)
  return (count: number) => metric.unsafeUpdate(count, [])
}

export const accepted = pairs("accepted", "Pairs of a line and a recipient that were taken over from their senders")
export const written = pairs("written", "Pairs that the kernel took for the recipient's socket")
export const returned = pairs("returned", "Pairs whose sender was told that the recipient did not get the line")
export const dead = pairs("dead", "Pairs that could not be returned, since the sender had left")

/** How long lines stood in queues, in seconds. */
export const delivery = new Histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10])

/** The values of the tags; there are no others. */
export interface Tags {
  readonly closed: ReadonlyArray<string>
  readonly refused: ReadonlyArray<string>
  readonly undelivered: ReadonlyArray<string>
}

/** Shows every counter from the start, as 0: who computes rates does not see the first event of one that comes with it. */
export const showAll = (tags: Tags) => {
  for (const metric of [connectionsOpened, connectionsDropped, logins]) metric.unsafeUpdate(0, [])
  for (const count of [accepted, written, returned, dead]) count(0)
  for (const reason of tags.closed) closed(reason, 0)
  for (const code of tags.refused) refused(code, 0)
  for (const reason of tags.undelivered) undelivered(reason, 0)
}

// What is summed over the connections, when somebody asks.

export interface Traffic {
  linesIn: number
  linesOut: number
  bytesIn: number
  bytesOut: number
}

export interface Standing {
  readonly connections: number
  readonly peers: number
  readonly heldSenders: number
  readonly inboxEvents: number
  readonly inboxBytes: number
  readonly outboxLines: number
  readonly outboxBytes: number
  /** What queues, unfinished lines, routes and connections take of the memory budget. */
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly pairsInFlight: number
  /** Accepted pairs that the account has in flight and that stand in no queue: always 0. */
  readonly pairsUnaccounted: number
}

const gauge = (name: string, description: string) => Metric.gauge(name, { description })

const standing: Record<keyof Standing, ReturnType<typeof gauge>> = {
  connections: gauge("achat_connections", "Connections that are open"),
  peers: gauge("achat_peers", "Clients that are logged in and have not left"),
  heldSenders: gauge("achat_held_senders", "Clients that are not read from, since a recipient's queue is full"),
  inboxEvents: gauge("achat_inbox_events", "Events that wait for the broker"),
  inboxBytes: gauge("achat_inbox_bytes", "Bytes that were read from clients and are not routed yet"),
  outboxLines: gauge("achat_outbox_lines", "Lines that wait for clients, in all queues"),
  outboxBytes: gauge("achat_outbox_bytes", "Bytes that wait for clients, in all queues"),
  memoryBytes: gauge("achat_memory_bytes", "Bytes of the memory budget in use: queues, unfinished lines, connections"),
  memoryLimitBytes: gauge("achat_memory_limit_bytes", "The memory budget: above it new connections are refused"),
  pairsInFlight: gauge("achat_pairs_in_flight", "Pairs that are neither written nor returned yet"),
  pairsUnaccounted: gauge("achat_pairs_unaccounted", "Pairs that the account has and no queue: always 0")
}

const traffic: Record<keyof Traffic, ReturnType<typeof counter>> = {
  linesIn: counter("achat_lines_received_total", "Lines that clients sent"),
  linesOut: counter("achat_lines_sent_total", "Lines that the kernel took for clients"),
  bytesIn: counter("achat_bytes_received_total", "Bytes that clients sent"),
  bytesOut: counter("achat_bytes_sent_total", "Bytes that the kernel took for clients")
}

/** @param total since the start; `before` is what was published last, and is brought up to date */
export const publish = (total: Readonly<Traffic>, before: Traffic, now: Standing) => {
  for (const name of ["linesIn", "linesOut", "bytesIn", "bytesOut"] as const) {
    traffic[name].unsafeUpdate(total[name] - before[name], [])
    before[name] = total[name]
  }
  for (const name of Object.keys(standing) as ReadonlyArray<keyof Standing>) {
    standing[name].unsafeUpdate(now[name], [])
  }
}
