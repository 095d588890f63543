import { randomBytes } from "node:crypto"
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  statSync
} from "node:fs"
import { dirname, resolve } from "node:path"
import type { StoreObstacle } from "../ports/StoreError.js"
import * as FileMode from "./FileMode.js"
import * as SqliteChecks from "./SqliteChecks.js"
import {
  resultCodeOf,
  describeError,
  loadDriver,
  packageName,
  pragma,
  resultCode,
  type SqliteConnection
} from "./SqliteDriver.js"
import { migrations } from "./SqlSchema.js"

/**
 * A store that cannot be opened. Not a `StoreOpenError`, because the thread of a store starts faster without Effect.
 */
export class Obstacle extends Error {
  constructor(
    readonly reason: StoreObstacle,
    description: string
  ) {
    super(description)
  }
}

/** A file that this process has opened exclusively. */
export interface OpenedFile {
  readonly connection: SqliteConnection
  readonly log: string
  /** Its number of commits. */
  readonly commits: number
  /** The fault that the check of the file found; undefined for an intact file. */
  readonly damage: string | undefined
  /**
   * Whether the file is marked as written to. Unless it is then closed in an orderly way, the next start checks it
   * thoroughly.
   */
  readonly isMarked: boolean
}

/** `achat` on a telephone keypad. Stored in SQLite's header, so that databases of other applications are refused. */
const applicationId = 22428

/**
 * The absolute path of a store without symbolic links. SQLite puts its log beside the target of a link, and would not
 * treat `:memory:` and `file:…` alone as names of files.
 */
export const resolved = (path: string): string => {
  const absolute = resolve(path)
  if (existsSync(absolute)) return realpathSync(absolute)
  // Following the link would create a file in a folder chosen by the link's owner.
  if (lstatSync(absolute, { throwIfNoEntry: false }) === undefined) return absolute
  throw new Obstacle("not-accessible", `${path} is a symbolic link to a file that does not exist`)
}

/**
 * Opens or creates a store. Throws an `Obstacle`.
 *
 * @param path as `resolved` returns it
 * @param base see `SqliteDriver.load`
 */
export const open = (path: string, base: string): OpenedFile => {
  const connect = loadDriver(base)
  if (connect === undefined) {
    throw new Obstacle(
      "no-driver",
      `a store needs Node 22.13 or later, or the package ${packageName}, which is not installed beside the program`
    )
  }
  let connection: SqliteConnection | undefined
  try {
    if (isEmpty(path)) create(path, connect)
    const hasLog = (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
    connection = connect(path)
    refuseOther(connection, path)
    restrict(path)
    prepare(connection)
    migrate(connection)
    return started(connection, hasLog)
  } catch (error) {
    connection?.close()
    throw asObstacle(path, error)
  }
}

/** Identifies a file, so that another one in its place is noticed. */
export const identity = (path: string): string | undefined => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats && identityOf(stats)
}

/** The same for an open file. */
export const identityOf = ({ dev, ino }: { readonly dev: number; readonly ino: number }): string => `${dev}:${ino}`

/** Whether the file is empty. Creates a missing file, for its owner alone. */
const isEmpty = (path: string): boolean => {
  if (!existsSync(path)) {
    closeSync(openSync(path, "wx", 0o600))
    return true
  }
  if (!statSync(path).isFile()) throw new Obstacle("not-a-store", `${path} is not a regular file`)
  const file = openSync(path, "r")
  const header = Buffer.alloc(16)
  const length = readSync(file, header)
  closeSync(file)
  if (length > 0 && header.toString("latin1") !== "SQLite format 3\0") {
    throw new Obstacle("not-a-store", `${path} is not a store of a-chat, or its beginning is damaged`)
  }
  return length === 0
}

/**
 * Turns an empty file into a database. SQLite's journal, deleted afterwards, must not reappear after a power failure,
 * because it would undo everything that followed. So the connection is closed and the deletion made durable before the
 * database is used. Uses no prepared statement, because the package closes a file only after its statements are
 * garbage-collected.
 */
const create = (path: string, connect: (path: string) => SqliteConnection) => {
  const connection = connect(path)
  try {
    connection.exec("pragma busy_timeout = 0; pragma auto_vacuum = incremental; pragma journal_mode = wal")
  } finally {
    connection.close()
  }
  flushFolder(path)
}

/**
 * Refuses the database of another application or of a newer version before changing it: `journal_mode` is stored in the
 * file. `locking_mode` must be set before the first query, which uses the WAL, or other processes could share the WAL.
 */
const refuseOther = (connection: SqliteConnection, path: string) => {
  pragma(connection, "busy_timeout = 0") // it would block the thread
  pragma(connection, "locking_mode = exclusive")
  const isNew = connection.prepare("select 1 from sqlite_master limit 1").all().length === 0
  if (!isNew && pragma(connection, "application_id") !== applicationId) {
    throw new Obstacle("not-a-store", `${path} is a database of another application`)
  }
  if (Number(pragma(connection, "user_version")) > migrations.length) {
    throw new Obstacle("newer-schema", `${path} was written by a newer version of a-chat`)
  }
}

/**
 * Restricts access to the owner, because a copy may have a mode chosen by the program that made it. SQLite gives its
 * log the mode of the file. Only the owner can change the mode, and not on every file system: `StoreFlags` warns if
 * this fails.
 */
const restrict = (path: string) => {
  for (const file of [path, `${path}-wal`]) {
    try {
      if (FileMode.isOpenToOthers(file)) chmodSync(file, 0o600)
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EPERM")) throw error
    }
  }
}

/**
 * The settings of a connection, in the order that SQLite requires. `synchronous` is set each time, because drivers
 * reopen a WAL database with NORMAL, with which a power failure loses committed transactions. (`create` sets
 * `auto_vacuum`, which is ignored after the WAL and the first table.)
 */
const settings = [
  "journal_mode = wal",
  "synchronous = full",
  "journal_size_limit = 67108864",
  "cache_size = -16000",
  "foreign_keys = off"
]

const prepare = (connection: SqliteConnection) => {
  // Not `exec`, because some of these return a row.
  for (const setting of settings) connection.prepare(`pragma ${setting}`).all()
  if (pragma(connection, "journal_mode") !== "wal") {
    throw new Obstacle("not-accessible", "the file system does not support SQLite's write-ahead log")
  }
  if (pragma(connection, "synchronous") !== 2) throw new Error("SQLite refuses synchronous = full")
  connection.exec("begin immediate; commit") // acquires the lock, which is then held
}

/** Migrates the schema to this version, in one transaction. */
const migrate = (connection: SqliteConnection) => {
  const version = Number(pragma(connection, "user_version"))
  const isNew = connection.prepare("select 1 from sqlite_master limit 1").all().length === 0
  if (version === migrations.length) return
  connection.exec("begin immediate")
  for (const statement of migrations.slice(version).flat()) connection.exec(statement)
  if (isNew) {
    connection.exec(`insert into meta values (1, '${newLog()}', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '')`)
    connection.exec(`pragma application_id = ${applicationId}`)
  }
  connection.exec(`pragma user_version = ${migrations.length}`)
  connection.exec("commit")
}

/**
 * Checks a file, thoroughly if it was written to and not closed. Writes nothing to a file that was closed, because each
 * flush would delay the start of the server.
 */
const started = (connection: SqliteConnection, hasLog: boolean): OpenedFile => {
  const [meta] = connection.prepare("select log, commits, clean from meta").all()
  const isMarked = meta?.["clean"] !== 1
  const damage = isMarked ? SqliteChecks.structure(connection) : SqliteChecks.edges(connection)
  // A backup has no log id: lines may have been stored under the same numbers after it.
  const known = String(meta?.["log"] ?? "")
  const log = known || newLog()
  if (damage === undefined) {
    if (known === "") connection.prepare("update meta set log = ?").run(log)
    // After a failed flush, the operating system may cache pages that are not on the disk. This writes them again.
    if (hasLog) connection.prepare("pragma wal_checkpoint(truncate)").all()
  }
  return { connection, log, commits: Number(meta?.["commits"]), damage, isMarked }
}

const newLog = () => randomBytes(8).toString("hex")

/** Part of the first change: see `OpenedFile.isMarked`. */
export const mark = "update meta set clean = 0"

/** Closes a file in an orderly way: removes the mark, if there is one, and moves the log into the file. */
export const close = (connection: SqliteConnection, isMarked: boolean) => {
  try {
    if (isMarked) {
      connection.exec("update meta set clean = 1")
      connection.prepare("pragma wal_checkpoint(truncate)").all()
    }
  } finally {
    connection.close()
  }
}

/** Makes creations and deletions in the folder of a file durable. */
export const flushFolder = (path: string) => {
  const folder = openSync(dirname(path), "r")
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

const asObstacle = (path: string, error: unknown): Obstacle => {
  if (error instanceof Obstacle) return error
  switch (resultCodeOf(error)) {
    case resultCode.busy:
      return new Obstacle("in-use", `another process uses ${path}`)
    case resultCode.corrupt:
    case resultCode.notADatabase:
      return new Obstacle("not-a-store", `${path} is damaged: ${describeError(error)}`)
    default:
      return new Obstacle("not-accessible", `${path} cannot be opened: ${describeError(error)}`)
  }
}
