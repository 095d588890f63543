import { setTimeout } from "node:timers/promises"
import type { StoreObstacle } from "../ports/StoreError.js"
import type { PostgresConnection } from "./PostgresConnection.js"
import { migrations } from "./SqlSchema.js"

/** Why a database cannot be used as a store. */
export interface DatabaseObstacle {
  readonly reason: StoreObstacle
  readonly description: string
}

/**
 * The number of the advisory lock that every server of a store holds while it writes. Advisory locks are per database.
 */
export const lockNumber = 22428

/** The number of the advisory lock of the server that does the upkeep of a shared store. */
const orderNumber = 22429

/** Identifies a session of the database. The start time is included because process ids are reused. */
export interface Session {
  readonly pid: number
  readonly started: string
}

/** The session of this connection. */
export const session = async (connection: PostgresConnection): Promise<Session> => {
  const [row] = await connection.execute(
    "select pid, backend_start::text as started from pg_stat_activity where pid = pg_backend_pid()"
  )
  return { pid: Number(row?.["pid"]), started: String(row?.["started"]) }
}

/**
 * Ends the session of an earlier connection whose loss the database has not noticed. It would keep the store reserved,
 * and its last transaction may still be under way.
 */
export const end = async (connection: PostgresConnection, { pid, started }: Session): Promise<void> => {
  await connection.execute(
    `select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start::text = '${started}'`
  )
}

/** How a store is reserved for a connection. */
export interface Reservation {
  readonly schema: string
  /** Whether servers that also share the store may reserve it as well. Otherwise the reservation is exclusive. */
  readonly isShared: boolean
  /** How long to wait for the current holders. */
  readonly waitMillis: number
}

/** Reserves the store for this connection, as long as it lasts. False if the store is reserved by others. */
export const reserve = async (
  connection: PostgresConnection,
  { isShared, schema, waitMillis }: Reservation
): Promise<boolean> => {
  // Without keep-alives, Postgres would notice only after hours that a server's machine is gone. Unix sockets do not
  // have these settings.
  for (const [setting, seconds] of [
    ["tcp_keepalives_idle", 10],
    ["tcp_keepalives_interval", 5],
    ["tcp_keepalives_count", 3]
  ]) {
    await connection.execute(`set ${setting} to ${seconds}`)
  }
  const until = performance.now() + waitMillis
  for (;;) {
    if (await tryLock(connection, isShared ? "advisory_lock_shared" : "advisory_lock", lockNumber, schema)) return true
    if (performance.now() >= until) return false
    await setTimeout(reserveRetryMillis)
  }
}

const reserveRetryMillis = 100

/** Makes the server of this connection do the upkeep of a shared store. False if another one does it. */
export const keepOrder = (connection: PostgresConnection, schema: string): Promise<boolean> =>
  tryLock(connection, "advisory_lock", orderNumber, schema)

const tryLock = async (
  connection: PostgresConnection,
  lock: "advisory_lock" | "advisory_lock_shared",
  number: number,
  schema: string
): Promise<boolean> => {
  const [row] = await connection.execute(`select pg_try_${lock}(${number}, hashtext('${schema}'))::int as locked`)
  return Number(row?.["locked"]) === 1
}

/**
 * Ends the log of changes, because a server that does not share the store logs none. Servers that come back later see
 * from the numbers that they have to reload everything.
 */
export const endChanges = async (connection: PostgresConnection): Promise<void> => {
  await connection.execute(
    `with last as (delete from change returning id)
     insert into change select max(id) + 2, '', 'null' from last having max(id) is not null`
  )
}

/** Why a database is unsuitable; undefined if its commits are durable. */
export const obstacle = async (connection: PostgresConnection): Promise<DatabaseObstacle | undefined> => {
  for (const setting of ["fsync", "synchronous_commit", "full_page_writes"]) {
    const [row] = await connection.execute(`show ${setting}`)
    if (row?.[setting] !== "off") continue
    return { reason: "not-durable", description: `the database has ${setting} = off, and a power cut would lose lines` }
  }
  return undefined
}

/**
 * An identity that changes when a dump is restored: the cluster and the id of a table in it, as `cluster/table`. A copy
 * of the cluster's files keeps both. The cluster is empty if this role may not query it, as at some hosting services.
 */
const origin = async (connection: PostgresConnection, schema: string): Promise<string> => {
  // A query of its own: Postgres checks the privilege when a query begins, and a failed query would end the
  // transaction.
  const [privilege] = await connection.execute(
    "select has_function_privilege(to_regprocedure('pg_control_system()'), 'execute')::int as granted"
  )
  const cluster =
    Number(privilege?.["granted"]) === 1 ? "(select system_identifier::text from pg_control_system())" : "''"
  const [found] = await connection.execute(
    `select ${cluster} || '/' || '${schema}.meta'::regclass::oid::text as origin`
  )
  return String(found?.["origin"])
}

/** Whether two origins are the same, as far as they are known. */
const isSamePlace = (before: string, now: string): boolean => {
  const [cluster, table] = before.split("/")
  const [clusterNow, tableNow] = now.split("/")
  return table === tableNow && (cluster === clusterNow || cluster === "" || clusterNow === "")
}

/**
 * Creates the tables or migrates them to this version, in one transaction. Returns the id of the log. A restored
 * database gets a new id, because lines may have been stored under the same numbers after the dump.
 */
export const migrate = async (
  connection: PostgresConnection,
  schema: string,
  newLog: string
): Promise<string | DatabaseObstacle> => {
  await connection.execute(`begin; select pg_advisory_xact_lock(${lockNumber})`)
  // Not `if not exists`, which would write a notice to the database's log each time.
  const [found] = await connection.execute(`select 1 as found from pg_namespace where nspname = '${schema}'`)
  if (found === undefined) {
    await connection.execute(`create schema ${schema}`)
    await connection.execute("create table schema_version (version bigint not null, origin text)")
    await connection.execute("insert into schema_version values (0)")
  }
  const [row] = await connection.execute(
    "select version, to_jsonb(schema_version) ->> 'origin' as origin from schema_version"
  )
  const version = Number(row?.["version"])
  if (version > migrations.length) {
    await connection.execute("rollback")
    return { reason: "newer-schema", description: "the database was written by a newer version of a-chat" }
  }
  for (const statement of migrations.slice(version).flat()) await connection.execute(translated(statement))
  if (version === 0) {
    await connection.execute(`insert into meta values (1, '${newLog}', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '')`)
  }
  if (version < migrations.length) await connection.execute(`update schema_version set version = ${migrations.length}`)
  await mark(connection, schema, row?.["origin"])
  await connection.execute(`update meta set log = '${newLog}' where log = ''`)
  const [meta] = await connection.execute("select log from meta")
  await connection.execute("commit")
  return String(meta?.["log"])
}

/** Records the origin of the tables. If it has changed, a new log begins. */
const mark = async (connection: PostgresConnection, schema: string, before: unknown) => {
  const now = await origin(connection, schema)
  if (before === now) return
  // Earlier versions did not have this column.
  if (typeof before !== "string") {
    await connection.execute("alter table schema_version add column if not exists origin text")
  } else if (!isSamePlace(before, now)) await connection.execute("update meta set log = ''")
  await connection.execute(`update schema_version set origin = '${now}'`)
}

/** A statement of the schema for Postgres. */
export const translated = (statement: string): string =>
  statement
    .replaceAll(/\binteger\b/gu, "bigint")
    .replaceAll(/\bblob\b/gu, "bytea")
    .replace(/\) without rowid$/u, ")")
