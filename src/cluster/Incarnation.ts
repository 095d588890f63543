/**
 * Incarnations are 8 bytes in hexadecimal digits: 6 bytes that grow with each incarnation of a node, whatever its clock
 * says, and 2 random ones, which keep those of different nodes apart. Of one node, the later incarnation is the greater text.
 */

const randomValues = 0x1_0000

/**
 * The incarnation that follows another one of the same node.
 *
 * @param previous undefined if none is known
 * @param wall the time since 1970 in milliseconds: an engine that has lost its entries does not know the previous one
 * @param random at least 0 and less than 1
 */
export const after = (previous: string | undefined, wall: number, random: () => number): string => {
  const next = previous === undefined ? 0 : Number.parseInt(previous.slice(0, 12), 16) + 1
  const count = Math.max(next, Math.trunc(wall))
  return hex(count, 12) + hex(Math.floor(random() * randomValues), 4)
}

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0")

/** What the lease of a node says. */
export interface Lease {
  readonly incarnation: string
  /** False: this incarnation was buried, or has left. It never comes back. */
  readonly isAlive: boolean
  /** The term of its node in milliseconds: other nodes may have another one. */
  readonly termMillis: number
}

/** The value of the entry of a node in the directory. */
export const showLease = ({ incarnation, isAlive, termMillis }: Lease): string =>
  `${isAlive ? "alive" : "dead"} ${incarnation} ${termMillis}`

/** Undefined if it is none. */
export const parseLease = (value: string): Lease | undefined => {
  const [, state, incarnation, term] = /^(alive|dead) ([0-9a-f]{16}) ([0-9]{1,15})$/.exec(value) ?? []
  if (incarnation === undefined) return undefined
  return { incarnation, isAlive: state === "alive", termMillis: Number(term) }
}
