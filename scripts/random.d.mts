/** A source of repeatable random choices. */
export interface Random {
  /** A whole number from 0 to `limit - 1`. */
  readonly below: (limit: number) => number
  /** A whole number from `low` to `high - 1`. */
  readonly between: (low: number, high: number) => number
  /** True with this probability. */
  readonly chance: (probability: number) => boolean
  /** One of the elements, of which there must be at least one. */
  readonly pick: <A>(from: ReadonlyArray<A>) => A
}

export declare const seededRandom: (seed: number) => Random
