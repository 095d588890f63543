import type { ScryptOptions } from "node:crypto"

/** A request to a thread that hashes passwords. Requests are answered in order. */
export interface HashRequest {
  readonly password: string
  readonly salt: Uint8Array
  readonly bytes: number
  readonly options: ScryptOptions
}

export type HashAnswer = { readonly hash: Uint8Array } | { readonly failure: unknown }

/**
 * How much the nice value of these threads exceeds that of the event loop. They get a quarter of a core that they share
 * with another thread. At the lowest priority, a login would take seconds on a busy machine.
 */
export const niceness = 5
