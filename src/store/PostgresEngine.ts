import { randomBytes } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import type { StoreState } from "../ports/Store.js"
import { StoreError, type StoreFailure, StoreOpenError } from "../ports/StoreError.js"
import { postgresDriver, PostgresConnection } from "./PostgresConnection.js"
import * as PostgresSchema from "./PostgresSchema.js"
import type { Sql, SqlRow } from "./SqlQuery.js"
import { type Arguments, type RequestName, requests, type Result, sqlOf } from "./SqlRequests.js"
import { type Moment, type SqlLimits, SqlState } from "./SqlState.js"

export interface PostgresEngineOptions {
  readonly url: string
  /** The schema of the tables: a plain name. */
  readonly schema: string
  /** See `PostgresConnection.driver`. */
  readonly driver: string
  readonly limits: SqlLimits
  /** The id of this server, if other servers use the store at the same time. */
  readonly server: string | undefined
}

/** The shortest and the longest delay before a lost connection is reopened. */
const backoffMillis = { first: 100, most: 10_000 }

/** How long a starting server waits for the session of a killed one, which ends once the database has noticed. */
const reserveMillis = 3_000

/** How long a closing store waits for the database. */
const closeMillis = 2_000

/** The store in a Postgres database: one connection, and one request after the other. */
export class PostgresEngine {
  log = ""
  state: StoreState = "ok"
  private connection: PostgresConnection | undefined
  /** The session that has reserved the store. */
  private session: PostgresSchema.Session | undefined
  private readonly derived: SqlState
  private last: Promise<unknown> = Promise.resolve()
  private isClosed = false
  private backoff = 0
  private retryAt = 0
  /** Damage that a query has met. All later queries of the same transaction fail because of it. */
  private damage: StoreError | undefined

  constructor(private readonly options: PostgresEngineOptions) {
    const { limits, server } = options
    this.derived = new SqlState(limits, server === undefined ? undefined : { server, keepsOrder: false })
  }

  /** Opens the store. Running time continues from this moment. Throws a `StoreOpenError`. */
  async open(moment: Moment): Promise<void> {
    try {
      await this.drive(await this.connect(reserveMillis), this.derived.running(moment))
    } catch (error) {
      if (error instanceof StoreOpenError) throw error
      const description =
        toFailure(error).reason === "damaged"
          ? `the database is damaged where nothing can be rescued without it: ${describe(error)}; restore a backup`
          : `the database cannot be used: ${describe(error)}`
      throw new StoreOpenError({ reason: isAway(error) ? "away" : "not-accessible", description, cause: error })
    }
  }

  /** Carries out a request after all earlier ones. Throws a `StoreError`. */
  call<Name extends RequestName>(name: Name, moment: Moment, args: Arguments<Name>): Promise<Result<Name>> {
    const sql = () => sqlOf(name, this.derived, moment, args)
    return this.inOrder((connection) =>
      requests[name].writes ? this.transaction(connection, sql) : this.reading(connection, sql)
    )
  }

  /** `StoreSharing.keepsOrder`. */
  keepsOrder(): Promise<boolean> {
    return this.inOrder(async (connection) => {
      const { sharing } = this.derived
      // The lock belongs to the connection, so this checks that the connection still works.
      if (sharing?.keepsOrder === true) return (await connection.execute("select 1")).length === 1
      if (sharing !== undefined && (await PostgresSchema.keepOrder(connection, this.options.schema))) {
        this.derived.keepOrder(true)
      }
      return sharing?.keepsOrder !== false
    })
  }

  /** The size of the tables and their indexes in bytes. */
  diskBytes(): Promise<number> {
    return this.inOrder(async (connection) => {
      const [row] = await connection.execute(
        `select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes from pg_class c
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = '${this.options.schema}' and c.relkind = 'r'`
      )
      return Number(row?.["bytes"])
    })
  }

  /** Waits for pending requests, unless the database has stopped answering. */
  async close(): Promise<void> {
    this.isClosed = true
    const closed = this.last.then(() => this.connection?.close())
    const timer = new AbortController()
    const isLate = await Promise.race([closed, setTimeout(closeMillis, true, timer)])
    timer.abort()
    if (isLate === true) void this.connection?.close() // breaks the connection if a query is open
  }

  private inOrder<A>(run: (connection: PostgresConnection) => Promise<A>): Promise<A> {
    const result = this.last.then(() => this.attempt(run))
    this.last = result.catch(() => {})
    return result
  }

  private async attempt<A>(run: (connection: PostgresConnection) => Promise<A>): Promise<A> {
    try {
      const result = await run(await this.connected())
      this.state = "ok"
      return result
    } catch (error) {
      const failure = toFailure(error)
      this.state = failure.reason
      throw failure
    }
  }

  private async connected(): Promise<PostgresConnection> {
    if (this.connection?.isBroken === false) return this.connection
    if (this.isClosed || performance.now() < this.retryAt) throw new Error("the database is not connected")
    return this.connect()
  }

  private async connect(waitMillis = 0): Promise<PostgresConnection> {
    this.connection = undefined
    const { schema, server, url } = this.options
    const isShared = server !== undefined
    const connection = new PostgresConnection(postgresDriver(this.options.driver), url, schema)
    try {
      await connection.open()
      if (this.session !== undefined) await PostgresSchema.end(connection, this.session)
      const isReserved = await PostgresSchema.reserve(connection, { schema, isShared, waitMillis })
      if (!isReserved) throw isShared ? inUseAlone : inUse
      this.session = await PostgresSchema.session(connection)
      const log =
        (await PostgresSchema.obstacle(connection)) ?? (await PostgresSchema.migrate(connection, schema, newLog()))
      if (typeof log !== "string") throw new StoreOpenError(log)
      this.log ||= log
      // Clients would mistake new lines for old ones with the same numbers.
      if (this.log !== log) throw restored
      // Another server may have written in the meantime.
      this.derived.forget()
      this.derived.keepOrder(false)
      if (!isShared) await PostgresSchema.endChanges(connection)
      this.backoff = 0
      this.connection = connection
      return connection
    } catch (error) {
      this.backoff = Math.min(backoffMillis.most, Math.max(backoffMillis.first, this.backoff * 2))
      this.retryAt = performance.now() + this.backoff
      void connection.close()
      throw error
    }
  }

  private async reading<A>(connection: PostgresConnection, sql: () => Sql<A>): Promise<A> {
    if (this.options.server === undefined) return this.drive(connection, sql())
    try {
      // One snapshot for all queries. Otherwise a page would have a hole if another server removed lines between two of
      // them.
      await connection.execute("begin isolation level repeatable read, read only")
      await this.drive(connection, this.derived.refresh())
      const result = await this.drive(connection, sql())
      await connection.execute("commit")
      return result
    } catch (error) {
      if (connection.isBroken) throw error
      await connection.execute("rollback")
      if (!metDamage(error)) throw error
      // Not in a transaction, in which a request could not continue after damage (`unlessDamaged`).
      await this.drive(connection, this.derived.refresh())
      return this.drive(connection, sql())
    }
  }

  /** All servers of the store write under one lock, so that numbers have no holes and totals are right. */
  private async transaction<A>(connection: PostgresConnection, sql: () => Sql<A>): Promise<A> {
    let committing: { readonly transaction: Transaction; readonly result: A } | undefined
    this.damage = undefined
    try {
      await connection.execute("begin")
      const [row] = await connection.execute(
        `select pg_current_xact_id()::text as id from (select pg_advisory_xact_lock(${PostgresSchema.lockNumber})) ` +
          `as locked`
      )
      await this.drive(connection, this.derived.refresh())
      const result = await this.drive(connection, sql())
      committing = { transaction: { id: String(row?.["id"]), commits: this.derived.commits }, result }
      await connection.execute("commit")
      return result
    } catch (error) {
      this.derived.forget()
      if (committing !== undefined) {
        // The commit may have arrived despite the error, and even if the connection still looks open: a terminated
        // session gets the error first. If the request failed here, a client that repeats its lines might send them
        // twice.
        connection.isBroken = true
        void connection.close()
        if (await this.hasCommitted(committing.transaction)) return committing.result
      } else if (!connection.isBroken) await connection.execute("rollback").catch(() => (connection.isBroken = true))
      throw isAborted(error) ? (this.damage ?? error) : error
    }
  }

  /** Asks the database for the outcome of a transaction, as often as necessary. */
  private async hasCommitted({ commits, id }: Transaction): Promise<boolean> {
    this.state = "unavailable"
    for (let isFirst = true; !this.isClosed; isFirst = false) {
      if (!isFirst) await setTimeout(Math.max(backoffMillis.first, this.backoff))
      try {
        const connection = await this.connect()
        const [row] = await connection.execute(
          `select pg_xact_status('${id}') as status, (select commits from meta) as commits`
        )
        if (row?.["status"] === "in progress") continue
        // A crashed database may have reused the number for another transaction, which has not changed the store.
        return row?.["status"] === "committed" && Number(row["commits"]) >= commits
      } catch (error) {
        // The number is unused: the database crashed before any part of the transaction was on its disk.
        if (codeOf(error) === "22023") return false
        // Any other error: the database is not available again yet.
      }
    }
    return false
  }

  private async drive<A>(connection: PostgresConnection, sql: Sql<A>): Promise<A> {
    let step = sql.next()
    while (step.done !== true) {
      let rows: ReadonlyArray<SqlRow> = []
      try {
        if ("lines" in step.value) await connection.insert(step.value.lines)
        else rows = await connection.query(step.value)
      } catch (error) {
        const failure = toFailure(error)
        if (failure.reason === "damaged") this.damage = failure
        step = sql.throw(failure) // a request that reads may continue after damage (`unlessDamaged`)
        continue
      }
      step = sql.next(rows)
    }
    return step.value
  }
}

/** A transaction whose commit has been requested. */
interface Transaction {
  readonly id: string
  /** `Meta.commits` including this transaction. */
  readonly commits: number
}

const inUse = new StoreOpenError({ reason: "in-use", description: "another process uses the store in this database" })

const inUseAlone = new StoreOpenError({
  reason: "in-use",
  description: "a process that is no node of a cluster uses the store in this database"
})

const restored = new StoreOpenError({
  reason: "not-accessible",
  description: "the database was restored from a backup while this server ran; restart the server"
})

const newLog = () => randomBytes(8).toString("hex")

const describe = (error: unknown) => {
  if (!(error instanceof Error)) return String(error)
  // The driver's error for a connection that it knows to be lost.
  return error.message.endsWith("not queryable") ? "the connection is lost" : error.message || error.name
}

/** Classes of Postgres' error codes (appendix A of its manual). */
const failures: ReadonlyArray<readonly [code: RegExp, reason: StoreFailure]> = [
  [/^53100$/u, "full"],
  [/^XX00[12]$/u, "damaged"]
]

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "")

/**
 * Errors of a database that may be available a moment later: no server at the address, as after a power failure of both
 * machines, or a server that is starting or stopping (57P03 and others) or has no free connections.
 */
const away =
  /^(?:57P0[123]|53300|08\w{3}|ENOENT|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/u

const isAway = (error: unknown): boolean => {
  const cause = error instanceof StoreError ? error.cause : error
  // The driver's own errors have no code.
  return (
    away.test(codeOf(cause)) || (cause instanceof Error && /^(?:timeout|Connection terminated)/u.test(cause.message))
  )
}

/** Whether the error is damage, or a query after damage in the same transaction, which Postgres refuses. */
const metDamage = (error: unknown): boolean => {
  return toFailure(error).reason === "damaged" || isAborted(error)
}

/** Whether a query was refused because an earlier one of its transaction had failed. */
const isAborted = (error: unknown): boolean => codeOf(toFailure(error).cause) === "25P02"

const toFailure = (error: unknown): StoreError => {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  const reason = failures.find(([pattern]) => pattern.test(code))?.[1] ?? "unavailable"
  return new StoreError({ reason, description: `the database: ${describe(error)}`, cause: error })
}
