/**
 * Requests of a store in SQL, as generators that yield their queries and receive the rows. SQLite runs them
 * synchronously in its thread, Postgres over a connection, so that each request is written only once.
 *
 * Both databases accept the same queries: `?` for parameters, 64-bit integers, texts and blobs.
 */

export type SqlValue = number | string | Uint8Array | null

export type SqlRow = Readonly<Record<string, SqlValue>>

export interface SqlQuery {
  readonly sql: string
  readonly values: ReadonlyArray<SqlValue>
}

/** A row of the table `line`. */
export interface LineRow {
  readonly id: number
  readonly conversation: number
  readonly seq: number
  readonly at: number
  /** Running time when it was stored, in milliseconds. */
  readonly ran: number
  /** The author's account, 0 for a guest. */
  readonly account: number
  readonly author: string
  /** Bit 0: sent by a program. */
  readonly flags: number
  readonly recipients: string
  /** Its text, which queries select with `linesWithText`. */
  readonly body: Uint8Array
  readonly size: number
  readonly crc: number
  readonly device: string | null
  readonly label: string | null
  /** The id of its row in `shared_text`, if several lines have the same text. */
  shared: number | null
}

/** Inserts lines, in the fastest way for the database. */
export interface LineInsert {
  readonly lines: ReadonlyArray<LineRow>
}

export type Sql<A> = Generator<SqlQuery | LineInsert, A, ReadonlyArray<SqlRow>>

/** The columns of `line` except `shared`, which is null for most lines. */
export const lineColumns = [
  "id",
  "conversation",
  "seq",
  "at",
  "ran",
  "account",
  "author",
  "flags",
  "recipients",
  "body",
  "size",
  "crc",
  "device",
  "label"
] as const satisfies ReadonlyArray<keyof LineRow>

/** The value of a line's column `body`, which is empty if the text is in `shared_text`. */
export const ownBody = ({ body, shared }: Pick<LineRow, "body" | "shared">): Uint8Array =>
  shared === null ? body : nothing

/** Part of a larger buffer, because Node 22 binds an array with an empty buffer of its own as NULL. */
const nothing = Buffer.alloc(8).subarray(0, 0)

/** The table expression for lines with their texts. Select from it with `l` and `text`. */
export const linesWithText = "line l left join shared_text t on t.id = l.shared"

/** The text of a line of `linesWithText`. */
export const text = "coalesce(t.body, l.body) as body"

/** The rows of a query. The caller names the columns that it selects. */
export function* rows<Row extends { readonly [Column in keyof Row]: SqlValue }>(
  sql: string,
  ...values: ReadonlyArray<SqlValue>
): Sql<ReadonlyArray<Row>> {
  // the columns are in the text of the query
  return (yield { sql, values }) as ReadonlyArray<SqlRow> as ReadonlyArray<Row>
}

/** The first row of a query. */
export function* row<Row extends { readonly [Column in keyof Row]: SqlValue }>(
  sql: string,
  ...values: ReadonlyArray<SqlValue>
): Sql<Row | undefined> {
  return (yield* rows<Row>(sql, ...values))[0]
}

/** The result of `unlessDamaged` for unreadable data. */
export const damage = Symbol("damaged")

/**
 * Runs a part of a request, and returns `damage` if it meets damage on the disk. Only for requests that read, because a
 * failed query ends its transaction in Postgres.
 */
export function* unlessDamaged<A>(part: Sql<A>): Sql<A | typeof damage> {
  try {
    return yield* part
  } catch (error) {
    // The failures of both databases have a `StoreFailure` as their reason.
    if (error instanceof Error && "reason" in error && error.reason === "damaged") return damage
    throw error
  }
}

/** A statement without rows. */
export function* run(sql: string, ...values: ReadonlyArray<SqlValue>): Sql<void> {
  yield { sql, values }
}
