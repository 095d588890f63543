/** How a connection, or an attempt to connect, ended. */
export interface ConnectionEnd {
  /** How long the client was logged in; 0 if it was not. */
  readonly upMillis: number
  /** The delay that the server asked for before it shut down: `return=` in `* closing`. */
  readonly returnMillis?: number | undefined
  /** The delay that the server asked for in a refusal: `retry=`. */
  readonly retryMillis?: number | undefined
  /** Whether the client has tried every server, and reached none. */
  readonly hasTriedAll?: boolean | undefined
}

/** A connection that lasted this long was stable: after it, the delays start from the shortest again. */
export const stableMillis = 10_000
