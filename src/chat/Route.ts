import type { LineForm } from "./LineForm.js"
import type { Outbox } from "./Outbox.js"

/** The outboxes that lines to one name are put into. */
export interface Destination<Sender> {
  readonly outboxes: ReadonlyArray<Outbox<Sender>>
  /** The text after the sender's name at the start of these lines: empty, or ` #room`. */
  readonly suffix: string
  /** Hidden from the line's other recipients. */
  readonly isUnlisted?: boolean
}

/** Outboxes that get the same bytes of a line. */
export interface RoutePart<Sender> extends Omit<Destination<Sender>, "isUnlisted"> {
  /** The form that the readers of all these outboxes want. */
  readonly form: LineForm
}

/** The destinations of lines to one address. Resolved once, and used until one of them changes. */
export interface Route<Sender> {
  /** The address as the client wrote it, including the `:`. */
  readonly head: string
  /** One for each suffix and form, in the order of the address. Most routes have one part. */
  readonly parts: ReadonlyArray<RoutePart<Sender>>
  /** Names of the recipients that are offline. */
  readonly absent: ReadonlyArray<string>
  /**
   * Set when the destination of one of its names, or the form of one, has changed: the address must be resolved again.
   */
  readonly isStale: boolean
}
