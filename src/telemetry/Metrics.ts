import * as Metric from "effect/Metric"

/** The metrics of a server. `unsafeUpdate` because the figures change where no effect runs. */

const connectionsOpened = Metric.counter("achat_connections_opened_total", {
  description: "Connections that were accepted and served",
  incremental: true
})

const connectionsClosed = Metric.counter("achat_connections_closed_total", {
  description: "Connections that ended, by reason",
  incremental: true
})

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
