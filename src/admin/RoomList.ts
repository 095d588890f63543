import * as Either from "effect/Either"
import { maxLimit } from "./ConnectionList.js"

/** A room, as the operator sees it. */
export interface RoomInfo {
  readonly name: string
  /** Accounts, also those that are away, and guests that are connected. */
  readonly members: number
  /** Clients in it that are connected. */
  readonly here: number
  /** The number of its last line. */
  readonly last: number
  /** Lines to it that are not stored yet. */
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
 * The greatest number of rooms that a request asks for, 100 by default, or the mistake in it, worded for the client.
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

/** Topics are left out: they are what members have written. */
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
