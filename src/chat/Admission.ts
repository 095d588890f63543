import type * as Effect from "effect/Effect"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"

/** A client's request to log in under a name. */
export interface Claim {
  /** In wire form. */
  readonly name: string
  /** The name that the client has proven, as the common name of its certificate. */
  readonly identity: string | undefined
}

/**
 * Decides whether a client may log in under a free name. A decision that takes longer than a turn is an effect: only
 * this client waits for it, and the login timeout does not run meanwhile. Whether the name is still free is checked
 * after the decision.
 */
export interface Admission {
  /** The refusal, or undefined to let the client in. */
  readonly decide: (claim: Claim) => Decision | Effect.Effect<Decision>
}

export type Decision = Reply.Fatal | undefined

/** Admits every client, but a client with a proven name only under that name. */
export const open: Admission = {
  decide: ({ identity, name }) =>
    identity === undefined || Name.parse(Wire.encode(identity)) === name ? undefined : Reply.otherIdentity
}
