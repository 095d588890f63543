import type { Lifecycle } from "./Lifecycle.js"
import type { HandedOn } from "./LineOutcome.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"

interface Collaborators {
  /** Reports room in an outbox that senders wait for. */
  readonly hasRoom: (outbox: Outbox<Peer>) => void
  readonly lifecycle: Lifecycle
}

/** For writers that hand lines on, and learn their outcomes later. */
export const make = ({ hasRoom, lifecycle }: Collaborators): HandedOn => ({
  handedOn: (outbox, batch) => {
    outbox.unacknowledged?.wrote(batch)
    if (outbox.taken(batch)) hasRoom(outbox)
  },
  cameBack: (outbox, lines, outcome) => {
    for (const runs of outbox.unacknowledged?.take(lines) ?? []) {
      if (outcome._tag === "Delivered") lifecycle.settledLabelled(outbox, runs, outcome.fate)
      else lifecycle.return(outbox.name, [runs], outcome.reason, outcome.retryMillis)
    }
    if (outbox.makeRoom()) hasRoom(outbox)
  },
  recall: (outbox, { reason, retryMillis }) => {
    lifecycle.return(outbox.name, outbox.recall(), reason, retryMillis)
    if (outbox.makeRoom()) hasRoom(outbox)
  }
})
