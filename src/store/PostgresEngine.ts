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

/** The shortest and the longest time until a lost connection is made again. */
const backoffMillis = { first: 100, most: 10_000 }

/** How long a server that starts waits for one that was killed: its session ends once the database has noticed. */
const reserveMillis = 3_000

/** How long a store that closes waits for the database. */
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
  /** Damage that a query has met. In a transaction, all later queries fail because of it. */
  private damage: StoreError | undefined

  constructor(private readonly options: PostgresEngineOptions) {
    const { limits, server } = options
    this.derived = new SqlState(limits, server === undefined ? undefined : { server, keepsOrder: false })
  }

  /** Running time goes on from this moment. Throws a `StoreOpenError`. */
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

  /** Carries out a request after those before it. Throws a `StoreError`. */
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
      // The lock is that of the connection, which is asked whether it still is one.
      if (sharing?.keepsOrder === true) return (await connection.execute("select 1")).length === 1
      if (sharing !== undefined && (await PostgresSchema.keepOrder(connection, this.options.schema))) {
        this.derived.keepOrder(true)
      }
      return sharing?.keepsOrder !== false
    })
  }

  /** Bytes of the tables and their indexes. */
  diskBytes(): Promise<number> {
    return this.inOrder(async (connection) => {
      const [row] = await connection.execute(
        `select coalesce(sum(pg_total_relation_size(c.oid)), 0) as bytes from pg_class c
         join pg_namespace n on n.oid = c.relnamespace where n.nspname = '${this.options.schema}' and c.relkind = 'r'`
      )
      return Number(row?.["bytes"])
    })
  }

  /** Waits for what was asked, unless the database has stopped answering. */
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
      // Clients would take its new lines for old ones, which they were given before.
      if (this.log !== log) throw restored
      // Another server may have written.
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
      // All of it from one moment: a server that removes lines meanwhile would make a page with a hole.
      await connection.execute("begin isolation level repeatable read, read only")
      await this.drive(connection, this.derived.refresh())
      const result = await this.drive(connection, sql())
      await connection.execute("commit")
      return result
    } catch (error) {
      if (connection.isBroken) throw error
      await connection.execute("rollback")
      if (!metDamage(error)) throw error
      // A request that goes on after damage cannot do so in a transaction (`unlessDamaged`).
      await this.drive(connection, this.derived.refresh())
      return this.drive(connection, sql())
    }
  }

  /** With one lock for all servers of the store: numbers have no holes, and totals are right. */
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
        // The commit may have arrived, whatever the error says and although the connection may still look open: a
        // session that is terminated gets the error first. A client that sent the lines again would send them twice.
        connection.isBroken = true
        void connection.close()
        if (await this.hasCommitted(committing.transaction)) return committing.result
      } else if (!connection.isBroken) await connection.execute("rollback").catch(() => (connection.isBroken = true))
      throw isAborted(error) ? (this.damage ?? error) : error
    }
  }

  /** Asks the database what became of a transaction, as often as necessary. */
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
        // A crashed database may have given the number to another transaction, which the store has not seen.
        return row?.["status"] === "committed" && Number(row["commits"]) >= commits
      } catch (error) {
        // Nor has the database given it away yet: it crashed before anything of the transaction was on its disk.
        if (codeOf(error) === "22023") return false
        // Otherwise it is not there again yet.
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
        step = sql.throw(failure) // a request that reads can go on after damage (`unlessDamaged`)
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
  /** `Meta.commits` with this one. */
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
  // What the driver says of a connection that it knows to be lost.
  return error.message.endsWith("not queryable") ? "the connection is lost" : error.message || error.name
}

/** Classes of Postgres' error codes (appendix A of its manual). */
const failures: ReadonlyArray<readonly [code: RegExp, reason: StoreFailure]> = [
  [/^53100$/u, "full"],
  [/^XX00[12]$/u, "damaged"]
]

const codeOf = (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : "")

/**
 * Errors of a database that may be there a moment later: no server at the address, as after a power cut of both, or one
 * that starts or stops (57P03 and others), or has no connection left.
 */
const away =
  /^(?:57P0[123]|53300|08\w{3}|ENOENT|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/u

const isAway = (error: unknown): boolean => {
  const cause = error instanceof StoreError ? error.cause : error
  // The driver gives no code to its own errors.
  return (
    away.test(codeOf(cause)) || (cause instanceof Error && /^(?:timeout|Connection terminated)/u.test(cause.message))
  )
}

/** Whether a transaction has met damage, or went on after it had: then Postgres refuses everything else. */
const metDamage = (error: unknown): boolean => {
  return toFailure(error).reason === "damaged" || isAborted(error)
}

/** Whether a query came after one that had ended its transaction by failing. */
const isAborted = (error: unknown): boolean => codeOf(toFailure(error).cause) === "25P02"

const toFailure = (error: unknown): StoreError => {
  if (error instanceof StoreError) return error
  const code = codeOf(error)
  const reason = failures.find(([pattern]) => pattern.test(code))?.[1] ?? "unavailable"
  return new StoreError({ reason, description: `the database: ${describe(error)}`, cause: error })
}
