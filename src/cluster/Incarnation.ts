import type { Entry } from "../ports/Cluster.js"
import { protocolVersion } from "./ProtocolVersion.js"

/**
 * Incarnations are 8 bytes in hexadecimal digits: 6 bytes that grow with each incarnation of a node, whatever its clock
 * says, and 2 random ones, which keep those of different nodes apart. Of one node, the later incarnation is the greater
 * text.
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
  /** It has left in order: no burial that it began is still on its way. */
  readonly hasLeft?: boolean
  /** The term of its node in milliseconds: other nodes may have another one. */
  readonly termMillis: number
  /** The version of the protocol that its node speaks; by default that of this node. */
  readonly version?: number
}

/** The value of the entry of a node in the directory. */
export const showLease = ({ hasLeft, incarnation, isAlive, termMillis, version = protocolVersion }: Lease): string =>
  `${isAlive ? "alive" : hasLeft === true ? "left" : "dead"} ${incarnation} ${termMillis} ${version}`

/** Undefined if the value is not a lease. The first leases had no version. */
export const parseLease = (value: string): Required<Lease> | undefined => {
  const [, state, incarnation, term, version] =
    /^(alive|dead|left) ([0-9a-f]{16}) ([0-9]{1,15})(?: ([0-9]{1,9}))?/.exec(value) ?? []
  if (incarnation === undefined) return undefined
  return {
    incarnation,
    isAlive: state === "alive",
    hasLeft: state === "left",
    termMillis: Number(term),
    version: Number(version ?? 0)
  }
}

/** The lease that an entry of the directory has, if there is one. */
export const leaseIn = (entry: Entry | undefined): Required<Lease> | undefined =>
  entry === undefined ? undefined : parseLease(entry.value)
