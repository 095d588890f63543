import type { Delivered } from "../protocol/Fate.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Events } from "./Events.js"
import type { Ledger } from "./Ledger.js"
import type { Outbox } from "./Outbox.js"
import { Peer } from "./Peer.js"
import type { Runs } from "./Runs.js"
import type { Unacknowledged } from "./Unacknowledged.js"
import type { Watch } from "./Watch.js"

/**
 * Records delivered lines in the ledger, or reports them to their sources. Calls `settled` with each leaving sender
 * that has nothing left in flight.
 */
export const settle = (
  ledger: Ledger,
  { counts, senders }: Runs<Peer>,
  fate: Delivered,
  settled: (sender: Peer) => void
) => {
  let lines = 0
  for (let run = 0; run < senders.length; run++) {
    const sender = senders[run]
    if (sender === undefined) continue
    const count = counts[run] as number // in range: parallel to the senders
    if (!(sender instanceof Peer)) {
      sender.delivered(count, fate)
      continue
    }
    lines += count
    sender.inFlight -= count
    if (sender.inFlight === 0 && sender.phase._tag === "Leaving") settled(sender)
  }
  ledger.settled[fate] += lines
}

/** Called by a writer when all lines of its batch have met the same fate. */
export type Settled = (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void

interface Collaborators {
  readonly events: Events
  readonly ledger: Ledger
  readonly watch: Watch
}

export const make = ({ events, ledger, watch }: Collaborators): Settled => {
  const reportSettled = (peer: Peer) => events.report({ _tag: "Settled", peer })

  const settleNow = (outbox: Outbox<Peer>, runs: Runs<Peer>, fate: Delivered) => {
    // Counting can happen immediately. An outcome is a line for the sender, and only the broker puts lines.
    if (runs.labels === undefined) settle(ledger, runs, fate, reportSettled)
    else events.report({ _tag: "Labelled", outbox, runs, fate })
  }

  /** The messages settle when the client acknowledges them. */
  const wait = (outbox: Outbox<Peer>, batch: Batch<Peer>, unacknowledged: Unacknowledged<Peer>, fate: Delivered) => {
    const { lines } = unacknowledged
    const owner = unacknowledged.owner as Peer // only the writers of sockets report here
    const earlier = unacknowledged.wrote(batch)
    if (earlier !== undefined) settleNow(outbox, earlier, fate)
    if (lines === 0 && unacknowledged.lines > 0) watch.unresponsive.begins(owner)
    if (unacknowledged.isAhead || owner.phase._tag === "Leaving") events.report({ _tag: "Written", peer: owner })
  }

  return (outbox, batch, fate) => {
    // The lines were already returned to their senders.
    if (outbox.isBroken) return
    // The `! undelivered` lines in the batch have reached the recipient, which is the sender of what they report.
    ledger.settled.returned += batch.returns
    outbox.reported(batch.returns)
    if (outbox.unacknowledged === undefined) settleNow(outbox, batch, fate)
    else wait(outbox, batch, outbox.unacknowledged, fate)
    Metrics.delivery.record((performance.now() - batch.since) / 1000, batch.lines)
    ledger.publish()
    if (outbox.taken(batch)) events.report({ _tag: "Room", outbox })
  }
}
