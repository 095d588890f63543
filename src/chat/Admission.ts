import type * as Effect from "effect/Effect"
import * as Name from "../protocol/Name.js"
import * as Reply from "../protocol/Reply.js"
import * as Wire from "../protocol/Wire.js"

/** Who wants to log in. */
export interface Claim {
  /** In wire form. */
  readonly name: string
  /** The name that the client has proven, as the common name of its certificate. */
  readonly identity: string | undefined
}

/**
 * Decides who may log in under a name that is free. A decision that takes longer than a turn is an effect: only its client
 * waits for it, and the login deadline does not run meanwhile. Whether the name is still free is looked at when the
 * decision is there.
 */
export interface Admission {
  /** The refusal, or undefined to let the client in. */
  readonly decide: (claim: Claim) => Decision | Effect.Effect<Decision>
}

export type Decision = Reply.Fatal | undefined

/** Lets everybody in, except under another name than the one proven. */
export const open: Admission = {
  decide: ({ identity, name }) =>
    identity === undefined || Name.parse(Wire.encode(identity)) === name ? undefined : Reply.otherIdentity
}
