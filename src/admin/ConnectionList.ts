import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { ClosedInfo, ConnectionInfo, Inspection } from "../chat/Inspection.js"

/** What `/connections` returns. */
export interface ConnectionList {
  readonly now: number
  readonly isDraining: boolean
  /** The number of open connections. `connections` may contain only some of them. */
  readonly total: number
  readonly connections: ReadonlyArray<ConnectionInfo>
  readonly closed: ReadonlyArray<ClosedInfo>
}

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
  "queue-bytes": (info) => info.queueBytes,
  unacknowledged: (info) => info.unacknowledgedLines
} satisfies Record<string, (info: ConnectionInfo) => string | number>

type Order = keyof typeof orders

/** More open connections than a server can have. */
export const maxLimit = 100_000

/** Replaces Schema's own message. */
const mistake = (message: string) => ({ message: () => ({ message, override: true }) })

const Sort = Schema.Literal(...(Object.keys(orders) as ReadonlyArray<Order>)).annotations(
  mistake(`must be one of ${Object.keys(orders).join(", ")}`)
)

const Limit = Schema.NumberFromString.pipe(Schema.int(), Schema.between(0, maxLimit)).annotations(
  mistake(`must be a whole number from 0 to ${maxLimit}`)
)

export const Query = Schema.Struct({
  sort: Schema.optionalWith(Sort, { default: () => "since" as const }),
  /** The greatest number of open connections, and of closed ones. */
  limit: Schema.optionalWith(Limit, { default: () => 100 })
})

export type Query = typeof Query.Type

const decode = Schema.decodeUnknownEither(Query, { onExcessProperty: "error" })

/** The parsed parameters of a request, or the first mistake in them, worded for the client. */
export const parse = (parameters: Readonly<Record<string, string | ReadonlyArray<string>>>) =>
  Either.mapLeft(decode(parameters), (error) => {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
    const parameter = issue?.path.join(".")
    return issue?._tag === "Unexpected"
      ? `unknown parameter ${parameter}; allowed: ${Object.keys(Query.fields).join(", ")}`
      : `${parameter}: ${issue?.message}`
  })

/** Sorts text in ascending order, numbers and times in descending order: the largest and the latest matter most. */
export const make = (inspection: Inspection, { limit, sort }: Query): ConnectionList => {
  const { closed, connections, isDraining, now } = inspection
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
 * The list as JSON, with its other fields first. Each part takes a turn of the event loop of its own, because 10,000
 * connections in one turn would delay every client.
 */
export const json = <List extends ConnectionList>(list: List): Stream.Stream<string> =>
  Stream.mapEffect(Stream.fromIteratorSucceed(parts(list), 1), (part) => Effect.as(nextTurn, part))

function* parts({ closed, connections, ...facts }: ConnectionList) {
  yield JSON.stringify(facts).slice(0, -1)
  yield* array("connections", connections)
  yield* array("closed", closed)
  yield "}"
}

const itemsPerPart = 250

function* array(name: string, items: ReadonlyArray<unknown>) {
  yield `,"${name}":[`
  for (let at = 0; at < items.length; at += itemsPerPart) {
    const part = items.slice(at, at + itemsPerPart).map((item) => JSON.stringify(item))
    yield (at === 0 ? "" : ",") + part.join(",")
  }
  yield "]"
}

const nextTurn = Effect.async<void>((resume) => {
  const next = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(next))
})
