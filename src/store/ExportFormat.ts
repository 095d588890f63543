import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { StoreError } from "../ports/StoreError.js"
import type { StoreRecord } from "../ports/StoreUpkeep.js"

/** The text form of exports: one JSON object per line. The first line identifies the format. */

const version = 1

const header = JSON.stringify({ "a-chat export": version })

const Account = Schema.Number.pipe(Schema.int(), Schema.positive(), Schema.brand("AccountId"))
const Conversation = Schema.Number.pipe(Schema.int(), Schema.positive(), Schema.brand("ConversationId"))
const Count = Schema.Number.pipe(Schema.int(), Schema.nonNegative())
const Millis = Schema.Number

const Room = Schema.Struct({
  name: Schema.String,
  likeness: Schema.String,
  topic: Schema.String,
  topicBy: Schema.String,
  owner: Schema.NullOr(Account),
  locked: Schema.Boolean,
  slowMillis: Count,
  invited: Schema.Array(Account)
})

const Record = Schema.Union(
  Schema.Struct({
    type: Schema.Literal("account"),
    id: Account,
    name: Schema.String,
    likeness: Schema.String,
    credential: Schema.NullOr(Schema.String),
    created: Millis,
    state: Schema.Literal("active", "removed", "freed")
  }),
  Schema.Struct({
    type: Schema.Literal("device"),
    account: Account,
    name: Schema.String,
    token: Schema.NullOr(Schema.String.pipe(Schema.pattern(/^[0-9a-f]{64}$/))),
    seen: Millis,
    awayMillis: Millis
  }),
  Schema.Struct({
    type: Schema.Literal("conversation"),
    id: Conversation,
    accounts: Schema.Array(Account),
    guest: Schema.NullOr(Schema.String),
    // Only of a conversation with a guest, once none of its lines is kept.
    guestName: Schema.optional(Schema.String),
    // Exports of earlier versions do not have it.
    room: Schema.optionalWith(Schema.NullOr(Room), { default: () => null }),
    first: Count,
    last: Schema.optional(Count),
    at: Millis,
    members: Schema.Array(Schema.Struct({ account: Account, since: Count, read: Count, given: Count }))
  }),
  Schema.Struct({
    type: Schema.Literal("line"),
    conversation: Conversation,
    seq: Count,
    at: Millis,
    ageMillis: Millis,
    account: Schema.NullOr(Account),
    author: Schema.String,
    text: Schema.String,
    auto: Schema.Boolean,
    to: Schema.String,
    device: Schema.NullOr(Schema.String),
    label: Schema.NullOr(Schema.String)
  }),
  Schema.Struct({
    type: Schema.Literal("cursor"),
    account: Account,
    device: Schema.String,
    conversation: Conversation,
    seq: Count
  }),
  Schema.Struct({
    type: Schema.Literal("return"),
    conversation: Conversation,
    reason: Schema.Literal("expired", "removed"),
    recipient: Schema.String,
    account: Account,
    first: Count,
    last: Count,
    count: Count,
    awayMillis: Millis
  }),
  Schema.Struct({
    type: Schema.Literal("lost"),
    what: Schema.Literal("account", "devices", "conversation", "members", "invitations", "places", "returns"),
    id: Count
  }),
  Schema.Struct({
    type: Schema.Literal("totals"),
    stored: Count,
    given: Count,
    expired: Count,
    // Exports of earlier versions do not have these.
    dead: Schema.optionalWith(Count, { default: () => 0 }),
    ended: Schema.optionalWith(Count, { default: () => 0 }),
    lastConversation: Schema.optionalWith(Count, { default: () => 0 }),
    lost: Schema.optional(Count),
    missing: Schema.optional(Count),
    partial: Schema.optional(Schema.Literal(true))
  })
)

/** The lines of an export, each with its LF. */
export const encoded = <E, R>(records: Stream.Stream<StoreRecord, E, R>): Stream.Stream<string, E, R> =>
  Stream.concat(
    Stream.succeed(`${header}\n`),
    Stream.map(records, (record) => `${JSON.stringify(record)}\n`)
  )

/**
 * The records in the lines of an export. Fails as `unavailable` with the number of the line if one is not part of an
 * export, or if the end is missing.
 */
export const decoded = <E, R>(lines: Stream.Stream<string, E, R>): Stream.Stream<StoreRecord, E | StoreError, R> => {
  let number = 0
  let last: StoreRecord | undefined
  const parse = (line: string): Effect.Effect<ReadonlyArray<StoreRecord>, StoreError> => {
    number += 1
    if (number === 1) return line === header ? Effect.succeed([]) : bad("line 1 is not the beginning of an export")
    return Schema.decodeUnknown(Schema.parseJson(Record))(line).pipe(
      Effect.mapError(() => notPart(number)),
      Effect.map((record) => [(last = record)])
    )
  }
  const complete = Stream.unwrap(
    Effect.sync(() =>
      last?.type === "totals" ? Stream.empty : Stream.fromEffect(bad("the end of the export is missing"))
    )
  )
  return Stream.concat(Stream.mapConcatEffect(lines, parse), complete)
}

const notPart = (number: number) =>
  new StoreError({ reason: "unavailable", description: `line ${number} is not part of an export` })

const bad = (description: string) => Effect.fail(new StoreError({ reason: "unavailable", description }))
