import { statSync } from "node:fs"
import type { StoreState } from "../ports/Store.js"
import type { StoreFailure } from "../ports/StoreError.js"
import {
  lineColumns,
  type LineInsert,
  type LineRow,
  ownBody,
  type Sql,
  type SqlQuery,
  type SqlRow,
  type SqlValue
} from "./SqlQuery.js"
import { type Arguments, type RequestName, requests, type Result, sqlOf } from "./SqlRequests.js"
import * as SqliteChecks from "./SqliteChecks.js"
import {
  resultCodeOf,
  describeError,
  pragma,
  resultCode,
  type SqliteConnection,
  type SqliteStatement
} from "./SqliteDriver.js"
import { SqliteBackup } from "./SqliteBackup.js"
import { SqliteCheckpoints } from "./SqliteCheckpoints.js"
import * as SqliteFile from "./SqliteFile.js"
import { SqliteReserve } from "./SqliteReserve.js"
import { type Moment, type SqlLimits, SqlState } from "./SqlState.js"

export interface EngineOptions {
  readonly path: string
  /** The path of the running file: see `SqliteDriver.load`. */
  readonly base: string
  readonly limits: SqlLimits
  /** Disk space that is reserved for when the disk is full. */
  readonly reserveBytes: number
}

/** A failure that is reported to the caller of the request. */
export class EngineFailure extends Error {
  /**
   * The result of a transaction that may have been committed despite the failure. It was if the file then has this
   * number of commits.
   */
  uncertain: { readonly commits: number; readonly result: unknown } | undefined

  constructor(
    readonly reason: StoreFailure,
    description: string
  ) {
    super(description)
  }
}

const parameters = lineColumns.map(() => "?").join(", ")

/**
 * How many lines one statement inserts (benchmark: commits of 1000). With a statement for each line, the statement
 * takes a sixth of the line's time.
 */
const linesAtOnce = 16

const insertLine = `insert into line (${lineColumns.join(", ")}) values (${parameters})`

/**
 * Without `or fail`, SQLite copies each page before a statement of several rows changes it, so that it can undo the
 * statement alone. Here a failure rolls back the whole transaction.
 */
const insertLines =
  `insert or fail into line (${lineColumns.join(", ")}) values ` +
  `${Array(linesAtOnce).fill(`(${parameters})`).join(", ")}`

/** The columns of lines whose other columns are empty. */
const plainColumns = ["id", "conversation", "seq", "at", "ran", "account", "author", "body", "size", "crc"] as const

/** The statement for such lines, as most are. Binding a value takes as long as inserting it. */
const insertPlainLines = `insert or fail into line (flags, recipients, ${plainColumns.join(", ")}) values ${Array(
  linesAtOnce
)
  .fill(`(0, '', ${plainColumns.map(() => "?").join(", ")})`)
  .join(", ")}`

const isPlain = ({ device, flags, label, recipients }: LineRow): boolean =>
  flags === 0 && recipients === "" && device === null && label === null

const insertSharing = `insert into line (${lineColumns.join(", ")}, shared) values (${parameters}, ?)`

/** Requests for which the space of the reserve suffices. */
const frugal: ReadonlySet<RequestName> = new Set([
  ...(["retain", "remove", "free", "forget", "seen", "left", "toldReturns"] as const),
  ...(["leaveRoom", "uninvite", "endRoom"] as const)
])

/** How long the engine waits before it checks again whether the disk has space. */
const retryMillis = 500

/** The store in one SQLite file: synchronous, for a thread of its own. */
export class SqliteEngine {
  readonly log: string
  /** The file's number of commits when it was opened. */
  readonly commits: number
  /** `unavailable` is final: another thread must reopen the file, because the state of this connection is unknown. */
  state: StoreState
  private connection: SqliteConnection | undefined
  private readonly statements = new Map<string, SqliteStatement>()
  private readonly derived: SqlState
  private readonly path: string
  private readonly identity: string | undefined
  private readonly reserve: SqliteReserve
  private readonly backups: SqliteBackup
  private readonly checkpoints: SqliteCheckpoints
  private retryAt = 0
  private isMarked: boolean

  /** Throws a `SqliteFile.Obstacle`. */
  constructor(private readonly options: EngineOptions) {
    this.derived = new SqlState(options.limits)
    this.path = SqliteFile.resolved(options.path)
    const reserve = `${this.path}-reserve`
    this.reserve = new SqliteReserve(reserve, options.reserveBytes)
    if (!this.reserve.isPossible()) throw new SqliteFile.Obstacle("not-accessible", `${reserve} is not a regular file`)
    const { commits, connection, damage, isMarked, log } = SqliteFile.open(this.path, options.base)
    this.connection = connection
    this.identity = SqliteFile.identity(this.path)
    this.commits = commits
    this.isMarked = isMarked
    this.log = log
    this.state = damage === undefined ? "ok" : "damaged"
    this.checkpoints = new SqliteCheckpoints(connection)
    this.backups = new SqliteBackup(this.path, this.identity, options.base, connection, this.checkpoints)
  }

  /** Creates the reserve. Called after the reply that the file is open, because writing 16 MiB takes about 30 ms. */
  prepare() {
    if (this.state === "ok" && !this.reserve.take()) this.state = "full"
  }

  /** Carries out a request. Throws an `EngineFailure`. */
  call<Name extends RequestName>(name: Name, moment: Moment, args: Arguments<Name>): Result<Name> {
    this.checkState(name, args)
    const sql = sqlOf(name, this.derived, moment, args)
    return requests[name].writes ? this.transaction(sql) : this.read(sql)
  }

  /** Records that a page has omitted a damaged line. */
  foundDamage() {
    this.state = "damaged"
  }

  private checkState(name: RequestName, args: ReadonlyArray<unknown>) {
    if (!requests[name].writes) return
    if (this.state === "damaged") {
      throw new EngineFailure("damaged", "the store is damaged, so nothing more is stored")
    }
    if (SqliteFile.identity(this.path) !== this.identity) {
      // SQLite would continue with an unlinked file, which disappears when it is closed.
      this.state = "damaged"
      throw new EngineFailure("damaged", `${this.path} was removed or replaced, so nothing more is stored`)
    }
    const isFrugal = frugal.has(name) || (name === "append" && Array.isArray(args[0]) && args[0].length === 0)
    if (this.state === "full" && !isFrugal && !this.hasSpace()) throw new EngineFailure("full", "the disk is full")
  }

  private read<A>(sql: Sql<A>): A {
    try {
      return this.drive(sql)
    } catch (error) {
      throw this.failed(error)
    }
  }

  private transaction<A>(sql: Sql<A>): A {
    let result: A | undefined
    let commits: number | undefined
    try {
      this.statement("begin immediate").run()
      if (!this.isMarked) this.statement(SqliteFile.mark).run()
      result = this.drive(sql)
      // A request may have continued without unreadable data.
      if (this.state === "damaged")
        throw new EngineFailure("damaged", "the store is damaged, so nothing more is stored")
      commits = this.drive(this.derived.meta()).commits
      this.statement("commit").run()
      this.isMarked = true
      return result
    } catch (error) {
      this.rollback()
      const failure = this.failed(error)
      // After an I/O error or lack of memory during the commit, it is unknown whether the file has the transaction. It
      // is reopened to find out.
      if (commits !== undefined && failure.reason === "unavailable") {
        this.state = "unavailable"
        failure.uncertain = { commits, result }
      }
      throw failure
    }
  }

  private rollback() {
    this.derived.forget()
    try {
      this.connection?.exec("rollback")
    } catch {
      // SQLite has already rolled back.
    }
  }

  /**
   * Runs queries until the request has its result. A request that reads may continue after a failure (`unlessDamaged`).
   */
  private drive<A>(sql: Sql<A>): A {
    let step = sql.next()
    while (step.done !== true) {
      let rows: ReadonlyArray<SqlRow>
      try {
        rows = this.query(step.value)
      } catch (error) {
        step = sql.throw(this.failed(error))
        continue
      }
      step = sql.next(rows)
    }
    return step.value
  }

  private query(query: SqlQuery | LineInsert): ReadonlyArray<SqlRow> {
    if (!("lines" in query)) return this.statement(query.sql).all(...query.values)
    this.insert(query.lines)
    return []
  }

  private insert(lines: ReadonlyArray<LineRow>) {
    this.checkpoints.adapt(lines)
    let together: Array<LineRow> = []
    for (const line of lines) {
      if (line.shared !== null) {
        this.insertSharing(line)
        continue
      }
      together.push(line)
      if (together.length < linesAtOnce) continue
      this.insertTogether(together)
      together = []
    }
    for (const line of together) this.statement(insertLine).run(...valuesOf(line))
  }

  private insertTogether(lines: ReadonlyArray<LineRow>) {
    const values: Array<SqlValue> = []
    if (lines.every(isPlain)) {
      // In the order of `plainColumns`; not as a loop over them, because this runs for every line.
      for (const { account, at, author, body, conversation, crc, id, ran, seq, size } of lines) {
        values.push(id, conversation, seq, at, ran, account, author, body, size, crc)
      }
      this.statement(insertPlainLines).run(...values)
    } else {
      for (const line of lines) values.push(...valuesOf(line))
      this.statement(insertLines).run(...values)
    }
  }

  private insertSharing(line: LineRow) {
    const values = lineColumns.map((column) => (column === "body" ? ownBody(line) : line[column]))
    this.statement(insertSharing).run(...values, line.shared)
  }

  private statement(sql: string): SqliteStatement {
    const known = this.statements.get(sql)
    if (known !== undefined) return known
    if (this.connection === undefined) throw new EngineFailure("unavailable", "the store is closed")
    const statement = this.connection.prepare(sql)
    this.statements.set(sql, statement)
    return statement
  }

  /** Sets the state that follows from an error, and returns the failure to report. */
  private failed(error: unknown): EngineFailure {
    if (error instanceof EngineFailure) return error
    const description = describeError(error)
    switch (resultCodeOf(error)) {
      case resultCode.full:
        this.state = "full"
        this.retryAt = performance.now() + retryMillis
        this.reserve.release()
        return new EngineFailure("full", "the disk is full")
      case resultCode.corrupt:
      case resultCode.notADatabase:
        this.state = "damaged"
        return new EngineFailure("damaged", `the store is damaged: ${description}`)
      case resultCode.ioError:
      case resultCode.readOnly:
      case resultCode.cannotOpen:
        this.state = "unavailable"
        return new EngineFailure("unavailable", `the disk failed: ${description}`)
      default:
        return new EngineFailure("unavailable", description)
    }
  }

  /** Whether there is space again, for the reserve on the disk or as much in free pages of the file. */
  private hasSpace(): boolean {
    if (performance.now() < this.retryAt) return false
    this.retryAt = performance.now() + retryMillis
    if (!this.reserve.take() && this.freeBytes() < this.options.reserveBytes) return false
    this.state = "ok"
    return true
  }

  private freeBytes(): number {
    if (this.connection === undefined) return 0
    const pages = Number(pragma(this.connection, "freelist_count"))
    return pages * Number(pragma(this.connection, "page_size"))
  }

  /** Returns free pages to the file system, some at a time: 200 take about 4 ms. Some are kept for reuse. */
  shrink() {
    if (this.connection === undefined || this.state !== "ok") return
    const free = Number(pragma(this.connection, "freelist_count"))
    if (free < freePages + Number(pragma(this.connection, "page_count")) / 10) return
    try {
      this.connection.prepare("pragma incremental_vacuum(200)").all()
    } catch (error) {
      this.failed(error)
    }
  }

  diskBytes(): number {
    const { path } = this
    const sizes = [path, `${path}-wal`, `${path}-reserve`].map(
      (file) => statSync(file, { throwIfNoEntry: false })?.size
    )
    return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
  }

  checkFiles(): ReadonlyArray<string> {
    return this.connection === undefined ? ["the store is closed"] : SqliteChecks.all(this.connection)
  }

  /** `StoreUpkeep.backup`, while other requests continue. Rejects with an `EngineFailure`. */
  async backup(file: string): Promise<void> {
    if (this.connection === undefined) throw new EngineFailure("unavailable", "the store is closed")
    try {
      await this.backups.write(file)
    } catch (error) {
      throw new EngineFailure("unavailable", describeError(error))
    }
  }

  close() {
    const { connection } = this
    this.connection = undefined
    this.statements.clear()
    if (connection === undefined) return
    this.backups.abandon()
    try {
      SqliteFile.close(connection, this.isMarked && (this.state === "ok" || this.state === "full"))
    } catch {
      // The next start finds that the file was not closed, and checks it.
    }
    this.backups.close()
  }
}

const valuesOf = (line: LineRow): ReadonlyArray<SqlValue> => {
  const { account, at, author, body, conversation, crc, device, flags, id, label, ran, recipients, seq, size } = line
  // In the order of `lineColumns`; not as a loop over them, because this runs for every line.
  return [id, conversation, seq, at, ran, account, author, flags, recipients, body, size, crc, device, label]
}

/** How many free pages are kept in the file: 4 MiB. */
const freePages = 1000
