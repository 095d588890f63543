import type { Outbox } from "./Outbox.js"

/** Where lines to one name go. */
export interface Destination<Sender> {
  readonly outboxes: ReadonlyArray<Outbox<Sender>>
  /** What stands after the sender's name in the head of these lines: nothing, or ` #room`. */
  readonly suffix: string
}

/** Where the lines to one address go, found once and used until that changes. */
export interface Route<Sender> {
  /** The address with its `:`, as the client wrote it. */
  readonly head: string
  /** One for each suffix, in the order of the address; most routes have one. */
  readonly parts: ReadonlyArray<Destination<Sender>>
  /** Names of the recipients that are not here. */
  readonly absent: ReadonlyArray<string>
  /** Lines to one of its names go elsewhere now: it must be found anew. */
  readonly isStale: boolean
}
