/**
 * The durations of the protocol, all in milliseconds of a monotonic clock and never compared between machines. The
 * order of these is what keeps two nodes from writing under one name: a node stops writing a third of the term before
 * another one may bury it.
 */
export interface Term {
  /** A silent node is buried after this. */
  readonly bury: number
  /** Between heartbeats. A grant is up to two of these old, so that they are short. */
  readonly beat: number
  /** The silence after which a node reads the lease of another one. */
  readonly suspect: number
  /** How long a node may write after all other nodes, or the directory, have last heard it. */
  readonly write: number
  /** After this without news from another node, a node renews its lease. */
  readonly renew: number
  /** Between renewals that a node needs to be allowed anything at all. */
  readonly slowRenew: number
  /** How long a node may write after its last renewal, whether or not other nodes hear it. */
  readonly slowWrite: number
  /** How long the machine may sleep without its monotonic clock noticing, before the node trusts no clock any more. */
  readonly nap: number
  /** How long a lease must stand still before it can be buried by a node which its owner may not know. */
  readonly slowBury: number
}

/**
 * The longer one. A node that judges the silence of another one must use it, so that nodes of different terms agree.
 */
export const longer = (term: Term, termMillis: number): Term => (termMillis > term.bury ? of(termMillis) : term)

/** @param bury the term T */
export const of = (bury: number): Term => ({
  bury,
  beat: bury / 12,
  suspect: bury / 3,
  write: (bury * 2) / 3,
  renew: bury / 3,
  slowRenew: bury,
  slowWrite: (bury * 8) / 3,
  nap: bury / 6,
  slowBury: bury * 4
})
