import type * as Effect from "effect/Effect"
import type { LoginRefused } from "./Login.js"

/** A secret for a login. */
export interface FoundSecret {
  readonly secret: string
  /** Whether it is a token from an earlier login. */
  readonly isKeptToken: boolean
}

/** The secrets of one login, and the store of its token. */
export interface Keyring<E> {
  /** The kept token, or else the password that the user has given; undefined without either. */
  readonly find: Effect.Effect<FoundSecret | undefined, E | LoginRefused>
  /** Fetches a token with a password and keeps it. Returns the token, or the password where that is impossible. */
  readonly enter: (password: string) => Effect.Effect<string, LoginRefused>
  /** Deletes the token, because the server no longer accepts it. */
  readonly forget: Effect.Effect<void>
  /** Whether secrets may be sent over connections that others can read. */
  readonly insecure: boolean
}
