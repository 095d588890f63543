import type { UndeliveredReason } from "../protocol/OutcomeReply.js"
import * as Metrics from "../telemetry/Metrics.js"
import type { Ledger } from "./Ledger.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { LineOutcome, SettledEach } from "./LineOutcome.js"
import type { Outbox } from "./Outbox.js"
import { Peer } from "./Peer.js"
import type { Replies } from "./Replies.js"
import { Runs } from "./Runs.js"
import { work, type Turn } from "./Turn.js"

interface Collaborators {
  /** Reports room in an outbox that senders wait for. */
  readonly hasRoom: (outbox: Outbox<Peer>) => void
  readonly ledger: Ledger
  readonly lifecycle: Lifecycle
  readonly replies: Replies
  readonly turn: Turn
}

/** Lines of a batch that return for one reason. */
interface Returned {
  readonly runs: Runs<Peer>
  readonly retryMillis: number | undefined
}

/**
 * For writers whose lines can meet different fates. All lines of a socket's batch meet the same fate, which takes no
 * turn of the broker (`Settlement`).
 */
export const make =
  ({ hasRoom, ledger, lifecycle, replies, turn }: Collaborators): SettledEach =>
  (outbox, batch, outcomes) => {
    // The lines were already returned to their senders.
    if (!outbox.awaits(batch)) return
    const { counts, labels, lines, senders } = batch
    const returned = new Map<UndeliveredReason, Returned>()
    let line = 0
    senders.forEach((sender, run) => {
      const end = line + (counts[run] as number) // in range: parallel to the senders
      for (; line < end; line++) {
        const outcome = outcomes[line] as LineOutcome // one for each line
        if (sender instanceof Peer) settle(sender, labels?.[run], outcome)
      }
      if (sender instanceof Peer && sender.inFlight === 0) lifecycle.finishIfSettled(sender)
    })
    for (const [reason, { retryMillis, runs }] of returned) lifecycle.return(outbox.name, [runs], reason, retryMillis)
    turn.spend(work.put * lines)
    Metrics.delivery.record((performance.now() - batch.since) / 1000, lines)
    if (outbox.taken(batch)) hasRoom(outbox)

    function settle(sender: Peer, label: string | undefined, outcome: LineOutcome) {
      switch (outcome._tag) {
        case "Delivered":
          sender.inFlight -= 1
          ledger.settled[outcome.fate] += 1
          if (label !== undefined) replies.outcome(sender, label, outbox.name, outcome.fate, outcome.params)
          return
        case "Refused":
          sender.inFlight -= 1
          replies.refuseAccepted(sender, outbox.name, outcome.refusal(outbox.name), label)
          return
        case "Returned": {
          const { reason, retryMillis } = outcome
          const runs = returned.get(reason)?.runs ?? new Runs<Peer>()
          // Lines that return together have one reply: the `retry` of the last one holds.
          returned.set(reason, { runs, retryMillis })
          runs.count(1, sender, label)
        }
      }
    }
  }
