import * as Metric from "effect/Metric"

/** The metrics of a server. `unsafeUpdate` because the figures change where no effect runs. */

const connectionsOpened = Metric.counter("achat_connections_opened_total", {
  description: "Connections that were accepted",
  incremental: true
})

const connectionsClosed = Metric.counter("achat_connections_closed_total", {
  description: "Connections that ended, by reason",
  incremental: true
})

const pairs = (state: string, description: string) => {
  const counter = Metric.counter(`achat_pairs_${state}_total`, { description, incremental: true })
  return (count: number) => counter.unsafeUpdate(count, [])
}

// The ledger: each (line, recipient) pair that was accepted ends as one of the others.

export const accepted = pairs("accepted", "Pairs of a line and a recipient that were taken over from their senders")
export const written = pairs("written", "Pairs that the kernel took for the recipient's socket")
export const returned = pairs("returned", "Pairs whose sender was told that the recipient did not get the line")
export const dead = pairs("dead", "Pairs that could not be returned, since the sender had left")

const closedByReason = new Map<string, typeof connectionsClosed>()

export const opened = () => connectionsOpened.unsafeUpdate(1, [])

/** @param reason one of the close reasons, a closed list, so the tag has few values */
export const closed = (reason: string) => {
  let counter = closedByReason.get(reason)
  if (counter === undefined) {
    counter = Metric.tagged(connectionsClosed, "reason", reason)
    closedByReason.set(reason, counter)
  }
  counter.unsafeUpdate(1, [])
}
