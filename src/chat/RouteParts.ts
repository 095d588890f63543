import * as Reply from "../protocol/Reply.js"
import * as LineForm from "./LineForm.js"
import type { Outbox } from "./Outbox.js"
import type { Peer } from "./Peer.js"
import type { Destination, RoutePart } from "./Route.js"

/** A recipient that was found, and the outboxes behind its name. */
export interface FoundRecipient {
  /** As it was addressed, in wire form. */
  readonly name: string
  readonly destination: Destination<Peer>
}

/** Groups the outboxes of a route by the bytes that they get. */
export const make = (found: ReadonlyArray<FoundRecipient>): ReadonlyArray<RoutePart<Peer>> => {
  const [first] = found
  // Most addresses are one name of one client (benchmark: churn).
  if (found.length === 1 && first !== undefined) {
    const { outboxes, suffix } = first.destination
    const [outbox] = outboxes
    if (outboxes.length === 1 && outbox !== undefined) return [{ outboxes, suffix, form: outbox.form }]
  }
  const parts: Array<RoutePart<Peer> & { readonly outboxes: Array<Outbox<Peer>> }> = []
  found.forEach(({ destination: { outboxes, suffix: own } }, index) => {
    for (const outbox of outboxes) {
      const { form } = outbox
      const suffix = LineForm.listsRecipients(form) ? own + others(found, index) : own
      // With so few parts, a scan is faster than a map keyed by both.
      const part = parts.find((one) => one.suffix === suffix && one.form === form)
      if (part === undefined) parts.push({ outboxes: [outbox], suffix, form })
      else part.outboxes.push(outbox)
    }
  })
  return parts
}

/** Longer lists are cut, so that recipients beyond these all get the same bytes. */
const maxListed = 20

/** The parameter that lists the other recipients, for the one at `index`; empty if there are no others. */
const others = (found: ReadonlyArray<FoundRecipient>, index: number): string => {
  const names: Array<string> = []
  for (let other = 0; other < found.length && names.length < maxListed; other++) {
    const recipient = found[other]
    if (other === index || recipient === undefined || recipient.destination.isUnlisted === true) continue
    names.push(recipient.name)
  }
  return names.length === 0 ? "" : Reply.recipients(names)
}
