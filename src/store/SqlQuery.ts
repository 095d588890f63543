/**
 * Requests of a store in SQL, as generators: each yields its queries and gets their rows. SQLite runs them without a
 * wait in its thread, Postgres over a connection; what they mean is written once.
 *
 * Both databases take the same text: `?` for parameters, integers of 64 bits, texts, and blobs.
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
  /** Its text. Queries find it with `linesWithText`. */
  readonly body: Uint8Array
  readonly size: number
  readonly crc: number
  readonly device: string | null
  readonly label: string | null
  /** The row of `shared_text` that has its text, if several lines have the same. */
  shared: number | null
}

/** Adds lines, in whatever way is fastest for the database. */
export interface LineInsert {
  readonly lines: ReadonlyArray<LineRow>
}

export type Sql<A> = Generator<SqlQuery | LineInsert, A, ReadonlyArray<SqlRow>>

/** The columns of `line` but for `shared`, which most lines do not have. */
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

/** What the column `body` of a line has: nothing if its text is elsewhere. */
export const ownBody = ({ body, shared }: Pick<LineRow, "body" | "shared">): Uint8Array =>
  shared === null ? body : nothing

/** A part of some memory: Node 22 binds an array as NULL that has memory of its own, but none of it. */
const nothing = Buffer.alloc(8).subarray(0, 0)

/** What to select lines from, to get their texts: as `l`, with `text`. */
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

/** What `unlessDamaged` returns in the place of what cannot be read. */
export const damage = Symbol("damaged")

/**
 * Runs a part of a request, unless it meets damage on the disk. Only in requests that read: in Postgres, a query that
 * fails ends the transaction that it is in.
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
