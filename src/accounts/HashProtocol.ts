import type { ScryptOptions } from "node:crypto"

/** A message to a thread that hashes passwords. They are answered in order. */
export interface HashRequest {
  readonly password: string
  readonly salt: Uint8Array
  readonly bytes: number
  readonly options: ScryptOptions
}

export type HashAnswer = { readonly hash: Uint8Array } | { readonly failure: unknown }

/** The nice value of these threads: the lowest priority that Linux has. */
export const niceness = 19
