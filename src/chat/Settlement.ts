import type { Delivered } from "../protocol/Fate.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Batch } from "./Batch.js"
import type { Events } from "./Events.js"
import type { Ledger } from "./Ledger.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

/**
 * Records a delivered batch in the ledger. Calls `settled` with each leaving sender that has nothing left in flight.
 */
export const settle = (
  ledger: Ledger,
  outbox: Outbox<Peer>,
  batch: Batch<Peer>,
  fate: Delivered,
  settled: (sender: Peer) => void
) => {
  // The `! undelivered` lines in the batch have reached the recipient, which is the sender of what they report.
  ledger.settled.returned += batch.returns
  outbox.reported(batch.returns)
  const { counts, senders } = batch
  let lines = 0
  for (let run = 0; run < senders.length; run++) {
    const sender = senders[run]
    if (sender === undefined) continue
    const count = counts[run] as number // in range: parallel to the senders
    lines += count
    sender.inFlight -= count
    if (sender.inFlight === 0 && sender.phase._tag === "Leaving") settled(sender)
  }
  ledger.settled[fate] += lines
}

/** Called by a writer when all lines of its batch have met the same fate. */
export type Settled = (outbox: Outbox<Peer>, batch: Batch<Peer>, fate: Delivered) => void

export const make = ({ events, ledger }: { readonly events: Events; readonly ledger: Ledger }): Settled => {
  const reportSettled = (peer: Peer) => events.report({ _tag: "Settled", peer })
  return (outbox, batch, fate) => {
    // The lines were already returned to their senders.
    if (outbox.isBroken) return
    // Counting can happen immediately. An outcome is a line for the sender, and only the broker puts lines.
    if (batch.labels === undefined) settle(ledger, outbox, batch, fate, reportSettled)
    else events.report({ _tag: "Labelled", outbox, batch, fate })
    Metrics.delivery.record((performance.now() - batch.since) / 1000, batch.lines)
    ledger.publish()
    if (outbox.taken(batch)) events.report({ _tag: "Room", outbox })
  }
}
