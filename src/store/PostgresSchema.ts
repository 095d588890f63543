import { setTimeout } from "node:timers/promises"
import type { StoreObstacle } from "../ports/StoreError.js"
import type { PostgresConnection } from "./PostgresConnection.js"
import { migrations } from "./SqlSchema.js"

/** Why a database cannot be used as a store. */
export interface DatabaseObstacle {
  readonly reason: StoreObstacle
  readonly description: string
}

/** The number that all servers of a store lock while they write. Locks are those of one database. */
export const lockNumber = 22428

/** The number that the server locks which keeps a shared store in order. */
const orderNumber = 22429

/** A session of the database, for ever: process ids are used again. */
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
 * Ends a session of an earlier connection, if the database has not noticed that it is lost. It would keep the store
 * reserved, and its last transaction may still be under way.
 */
export const end = async (connection: PostgresConnection, { pid, started }: Session): Promise<void> => {
  await connection.execute(
    `select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start::text = '${started}'`
  )
}

/** How a store is reserved for a connection. */
export interface Reservation {
  readonly schema: string
  /** Together with the servers that share it and no others; otherwise for this connection alone. */
  readonly isShared: boolean
  /** How long to wait for those who have it. */
  readonly waitMillis: number
}

/** Reserves the store for this connection, as long as it lasts. False if others have it. */
export const reserve = async (
  connection: PostgresConnection,
  { isShared, schema, waitMillis }: Reservation
): Promise<boolean> => {
  // Otherwise Postgres learns only after hours that the machine of a server is gone. A Unix socket has no such
  // settings.
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

/** Makes the server of this connection the one that keeps a shared store in order. False if another one is. */
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
 * Ends the log of changes, because a server that is alone writes none. Others that shared the store before then, and
 * come back to it later, learn from the numbers that they have to read everything anew.
 */
export const endChanges = async (connection: PostgresConnection): Promise<void> => {
  await connection.execute(
    `with last as (delete from change returning id)
     insert into change select max(id) + 2, '', 'null' from last having max(id) is not null`
  )
}

/** What is wrong with a database; undefined if what it commits is durable. */
export const obstacle = async (connection: PostgresConnection): Promise<DatabaseObstacle | undefined> => {
  for (const setting of ["fsync", "synchronous_commit", "full_page_writes"]) {
    const [row] = await connection.execute(`show ${setting}`)
    if (row?.[setting] !== "off") continue
    return { reason: "not-durable", description: `the database has ${setting} = off, and a power cut would lose lines` }
  }
  return undefined
}

/**
 * What a restored dump does not have in common with the database that was dumped: the cluster, and the id of a table in
 * it, as `cluster/table`. A copy of the cluster's files has both. The cluster is empty if this role may not ask for it,
 * as at some hosting services.
 */
const origin = async (connection: PostgresConnection, schema: string): Promise<string> => {
  // Asked before: Postgres checks the privilege when a query begins, and a query that fails ends the transaction.
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

/** Whether both are the same place, as far as they are known. */
const isSamePlace = (before: string, now: string): boolean => {
  const [cluster, table] = before.split("/")
  const [clusterNow, tableNow] = now.split("/")
  return table === tableNow && (cluster === clusterNow || cluster === "" || clusterNow === "")
}

/**
 * Makes the tables, or brings them to this version, in one transaction. Returns the id of the log, which is another one
 * after the database was restored: lines may have been stored after the dump, under the same numbers.
 */
export const migrate = async (
  connection: PostgresConnection,
  schema: string,
  newLog: string
): Promise<string | DatabaseObstacle> => {
  await connection.execute(`begin; select pg_advisory_xact_lock(${lockNumber})`)
  // Not `if not exists`, which would write a notice to the log of the database each time.
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

/** Keeps where the tables are. If they were somewhere else before, the log ends. */
const mark = async (connection: PostgresConnection, schema: string, before: unknown) => {
  const now = await origin(connection, schema)
  if (before === now) return
  // Earlier versions did not have it.
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
