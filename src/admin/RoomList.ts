import * as Either from "effect/Either"
import { maxLimit } from "./ConnectionList.js"

/** A room as shown to the operator. */
export interface RoomInfo {
  readonly name: string
  /** Accounts, including those that are away, and connected guests. */
  readonly members: number
  /** How many connected clients are in it. */
  readonly here: number
  /** The number of its last line. */
  readonly last: number
  /** How many lines to it are not stored yet. */
  readonly waiting: number
  readonly isLocked: boolean
  /** The shortest time between two lines of a member; 0 without slow mode. */
  readonly slowMillis: number
  readonly owner?: string | undefined
}

/** What `/rooms` returns. */
export interface RoomList {
  /** The number of rooms; undefined if the server has none. `rooms` may contain only some of them. */
  readonly total: number | undefined
  /** Those with the most members first. */
  readonly rooms: ReadonlyArray<RoomInfo>
}

/**
 * Parses the `limit` of a request, the most rooms to list: by default 100. Left: the mistake, worded for the client.
 */
export const parse = (
  parameters: Readonly<Record<string, string | ReadonlyArray<string>>>
): Either.Either<number, string> => {
  const unknown = Object.keys(parameters).find((name) => name !== "limit")
  if (unknown !== undefined) return Either.left(`unknown parameter ${unknown}; allowed: limit`)
  const { limit = "100" } = parameters
  const isNumber = typeof limit === "string" && /^\d{1,6}$/u.test(limit) && Number(limit) <= maxLimit
  return isNumber ? Either.right(Number(limit)) : Either.left(`limit: must be a whole number from 0 to ${maxLimit}`)
}

/** Topics are omitted, because they are text that members wrote. */
export const make = (all: ReadonlyArray<RoomInfo> | undefined, limit: number): RoomList => ({
  total: all?.length,
  rooms: (all ?? [])
    .toSorted((one, other) => other.members - one.members)
    .slice(0, limit)
    .map(({ here, isLocked, last, members, name, owner, slowMillis, waiting }) => ({
      name,
      members,
      here,
      last,
      waiting,
      isLocked,
      slowMillis,
      owner
    }))
})
