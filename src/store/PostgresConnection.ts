import type { Client, ClientConfig, QueryResult } from "pg"
import { createRequire } from "node:module"
import { lineColumns, type LineRow, ownBody, type SqlQuery, type SqlRow } from "./SqlQuery.js"

/** The part of the package `pg` that the store uses. */
interface Driver {
  readonly Client: new (config: ClientConfig) => Client
}

/**
 * Loads the driver.
 *
 * @param file `pg.cjs`, which the build makes from the package `pg`
 */
export const postgresDriver = (file: string): Driver => createRequire(file)(file) as Driver

/**
 * Column types that Postgres sends as text but whose values fit into JavaScript's numbers: bigint, and numeric for
 * their sums.
 */
const numbers: ReadonlySet<number> = new Set([20, 1700])

const types = {
  getTypeParser: (type: number) => (numbers.has(type) ? Number : type === 17 ? bytes : String)
}

/** A bytea in Postgres' hexadecimal form. */
const bytes = (text: string) => Buffer.from(text.slice(2), "hex")

/** One connection to a database. */
export class PostgresConnection {
  private readonly names = new Map<string, string>()
  private readonly client: Client
  isBroken = false

  constructor(
    { Client }: Driver,
    url: string,
    private readonly schema: string
  ) {
    this.client = new Client({
      connectionString: url,
      application_name: "a-chat",
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
      types: types as NonNullable<ClientConfig["types"]> // its type has overloads for Postgres' binary form
    })
    this.client.on("error", () => (this.isBroken = true))
    this.client.on("end", () => (this.isBroken = true))
  }

  async open(): Promise<void> {
    await this.client.connect()
    await this.client.query(`set search_path to ${this.schema}`)
  }

  async query({ sql, values }: SqlQuery): Promise<ReadonlyArray<SqlRow>> {
    // Postgres parses a named statement only once.
    let name = this.names.get(sql)
    if (name === undefined) this.names.set(sql, (name = `s${this.names.size}`))
    const result: QueryResult = await this.client.query({ name, text: numbered(sql), values: [...values] })
    return result.rows as ReadonlyArray<SqlRow>
  }

  /** Statements without parameters. */
  async execute(sql: string): Promise<ReadonlyArray<SqlRow>> {
    const result: QueryResult = await this.client.query(sql)
    return result.rows as ReadonlyArray<SqlRow>
  }

  /** Inserts all lines in one statement. */
  async insert(lines: ReadonlyArray<LineRow>): Promise<void> {
    const columns = insertedColumns.map((column) =>
      lines.map((line) => (column === "body" ? ownBody(line) : line[column]))
    )
    await this.client.query({ name: "lines", text: insertLines, values: columns })
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => {}) // it is broken already
  }
}

const arrayTypes: Readonly<Record<string, string>> = {
  author: "text[]",
  recipients: "text[]",
  device: "text[]",
  label: "text[]",
  body: "bytea[]"
}

const insertedColumns = [...lineColumns, "shared"] as const

const arrays = insertedColumns.map((column, index) => `$${index + 1}::${arrayTypes[column] ?? "bigint[]"}`)

const insertLines = `insert into line (${insertedColumns.join(", ")}) select * from unnest(${arrays.join(", ")})`

/** Replaces each `?` in a query by `$1`, `$2` and so on. The queries contain no other question marks. */
const numbered = (sql: string): string => {
  let count = 0
  return sql.replaceAll("?", () => `$${++count}`)
}
