import * as Either from "effect/Either"
import type { ConnectionInfo, Inspection } from "../chat/Inspection.js"

/** The connections as `/connections` lists them. */

const orders = {
  name: (info) => info.name,
  remote: (info) => info.remote,
  since: (info) => info.since,
  idle: (info) => info.idleMillis,
  "lines-in": (info) => info.linesIn,
  "lines-out": (info) => info.linesOut,
  "bytes-in": (info) => info.bytesIn,
  "bytes-out": (info) => info.bytesOut,
  "queue-lines": (info) => info.queueLines,
  "queue-bytes": (info) => info.queueBytes
} satisfies Record<string, (info: ConnectionInfo) => string | number>

export interface Query {
  readonly sort: keyof typeof orders
  /** How many at most, of the open ones and of the closed ones. */
  readonly limit: number
}

const defaultLimit = 100

const maxLimit = 100_000

/** What is asked for, or what is wrong with it. */
export const parse = (
  query: Readonly<Record<string, string | ReadonlyArray<string>>>
): Either.Either<Query, string> => {
  const { limit = String(defaultLimit), sort = "since", ...others } = query
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return Either.left(`${unknown}: there is sort and limit`)
  if (typeof sort !== "string" || !isOrder(sort))
    return Either.left(`sort: is one of ${Object.keys(orders).join(", ")}`)
  const count = typeof limit === "string" && /^\d{1,6}$/u.test(limit) ? Number(limit) : -1
  if (count < 0 || count > maxLimit) return Either.left(`limit: is a number from 0 to ${maxLimit}`)
  return Either.right({ sort, limit: count })
}

const isOrder = (word: string): word is keyof typeof orders => Object.hasOwn(orders, word)

/** Names and addresses go up, numbers go down: what is large or old is what one looks for. Since: the newest first. */
export const of = ({ closed, connections, isDraining, now }: Inspection, { limit, sort }: Query) => {
  const key = orders[sort]
  const sorted = connections.toSorted((one, other) => {
    const [a, b] = [key(one), key(other)]
    return typeof a === "number" && typeof b === "number" ? b - a : a < b ? -1 : a > b ? 1 : 0
  })
  return {
    now,
    isDraining,
    total: connections.length,
    connections: sorted.slice(0, limit),
    closed: closed.slice(0, limit)
  }
}
