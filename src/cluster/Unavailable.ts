import type { FeatureContext } from "../chat/Feature.js"
import type { WriterKind } from "../chat/Outbox.js"
import type { Peer } from "../chat/Peer.js"
import type { Destination } from "../chat/Route.js"

const closedWriter: WriterKind = { jamReason: "unavailable", decidesAlone: false, isFirst: false }

/** A destination that takes no line: all return as `unavailable`, with a time to try again. */
export const destination = (
  { discard, outbox: make }: Pick<FeatureContext, "discard" | "outbox">,
  name: string
): Destination<Peer> => {
  const outbox = make(name, closedWriter)
  discard(outbox)
  outbox.surrender("cut-off")
  return { outboxes: [outbox], suffix: "" }
}
