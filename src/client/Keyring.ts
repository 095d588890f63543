import type * as Effect from "effect/Effect"
import type { LoginRefused } from "./Login.js"

/** A secret for a login. */
export interface FoundSecret {
  readonly secret: string
  /** Whether it is a token from an earlier login. */
  readonly isKeptToken: boolean
}

/** Where the secrets of one login come from, and where its token is kept. */
export interface Keyring<E> {
  /** The token that is kept, or else the password that the user has given; undefined if there is neither. */
  readonly find: Effect.Effect<FoundSecret | undefined, E | LoginRefused>
  /** Fetches a token with a password and keeps it. Returns the token, or the password where that is impossible. */
  readonly enter: (password: string) => Effect.Effect<string, LoginRefused>
  /** Deletes the token, because the server does not take it any more. */
  readonly forget: Effect.Effect<void>
  /** Whether secrets may be sent over connections that others can read. */
  readonly insecure: boolean
}
