import type { ScryptOptions } from "node:crypto"

/** A message to a thread that hashes passwords. They are answered in order. */
export interface HashRequest {
  readonly password: string
  readonly salt: Uint8Array
  readonly bytes: number
  readonly options: ScryptOptions
}

export type HashAnswer = { readonly hash: Uint8Array } | { readonly failure: unknown }

/**
 * How much higher than that of the event loop the nice value of these threads is. Of a core that another thread wants
 * as well, they get a quarter: with the lowest priority, a login would take seconds on a busy machine.
 */
export const niceness = 5
