import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import type { ClosedInfo, ConnectionInfo, Inspection } from "../chat/Inspection.js"

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

export interface Listing {
  readonly now: number
  readonly isDraining: boolean
  readonly total: number
  readonly connections: ReadonlyArray<ConnectionInfo>
  readonly closed: ReadonlyArray<ClosedInfo>
}

/** Names and addresses go up, numbers go down: what is large or old is what one looks for. Since: the newest first. */
export const of = ({ closed, connections, isDraining, now }: Inspection, { limit, sort }: Query): Listing => {
  const keyed = connections.map((info) => ({ info, key: orders[sort](info) }))
  keyed.sort(({ key: a }, { key: b }) =>
    typeof a === "number" && typeof b === "number" ? b - a : a < b ? -1 : a > b ? 1 : 0
  )
  return {
    now,
    isDraining,
    total: connections.length,
    connections: keyed.slice(0, limit).map(({ info }) => info),
    closed: closed.slice(0, limit)
  }
}

/**
 * As JSON, in parts of which each has a turn of the event loop for itself: ten thousand connections in one would hold
 * everybody up.
 */
export const json = (listing: Listing): Stream.Stream<string> =>
  Stream.mapEffect(Stream.fromIteratorSucceed(parts(listing), 1), (part) => Effect.as(nextTurn, part))

function* parts({ closed, connections, ...facts }: Listing) {
  yield JSON.stringify(facts).slice(0, -1)
  yield* list("connections", connections)
  yield* list("closed", closed)
  yield "}"
}

const perPart = 250

function* list(name: string, items: ReadonlyArray<unknown>) {
  yield `,"${name}":[`
  for (let at = 0; at < items.length; at += perPart) {
    const some = items.slice(at, at + perPart).map((item) => JSON.stringify(item))
    yield (at === 0 ? "" : ",") + some.join(",")
  }
  yield "]"
}

const nextTurn = Effect.async<void>((resume) => {
  const next = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(next))
})
