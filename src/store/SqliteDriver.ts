import { createRequire } from "node:module"
import type { SqlRow, SqlValue } from "./SqlQuery.js"

/** The part of `node:sqlite` that a store uses. The package for older versions of Node has the same API. */
export interface SqliteConnection {
  readonly exec: (sql: string) => void
  readonly prepare: (sql: string) => SqliteStatement
  readonly close: () => void
}

export interface SqliteStatement {
  readonly run: (...values: ReadonlyArray<SqlValue>) => unknown
  readonly all: (...values: ReadonlyArray<SqlValue>) => Array<SqlRow>
  readonly iterate: (...values: ReadonlyArray<SqlValue>) => Iterable<SqlRow>
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqliteConnection
}

/** The package with SQLite for versions of Node without it. It contains prebuilt binaries. */
export const packageName = "@photostructure/sqlite"

/**
 * Opens a file with Node's SQLite, or with that of the package.
 *
 * @param base the path of the running file, from which the package is resolved
 * @returns undefined if neither is available
 */
export const loadDriver = (base: string): ((path: string) => SqliteConnection) | undefined => {
  const module = builtIn() ?? installed(base)
  return module === undefined ? undefined : (path) => new module.DatabaseSync(path)
}

const builtIn = () => {
  const { emitWarning } = process
  process.emitWarning = () => {} // Node 22 warns that its SQLite is experimental
  try {
    return process.getBuiltinModule("node:sqlite") as SqliteModule | undefined // its types depend on the version
  } finally {
    process.emitWarning = emitWarning
  }
}

const installed = (base: string): SqliteModule | undefined => {
  try {
    return createRequire(base)(packageName) as SqliteModule
  } catch {
    return undefined // not installed, or without a binary for this platform
  }
}

/** SQLite's primary result codes. */
export const resultCode = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 }

/** SQLite's texts for these codes. */
const texts: ReadonlyArray<readonly [text: string, code: number]> = [
  ["database is locked", resultCode.busy],
  ["attempt to write a readonly database", resultCode.readOnly],
  ["disk I/O error", resultCode.ioError],
  ["database disk image is malformed", resultCode.corrupt],
  ["database or disk is full", resultCode.full],
  ["unable to open database file", resultCode.cannotOpen],
  ["file is not a database", resultCode.notADatabase]
]

/** The primary result code of an error, 0 for another one. */
export const resultCodeOf = (error: unknown): number => {
  if (!(error instanceof Error)) return 0
  // the rest is the extended code
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode & 0xff
  // The package's `all` omits the code if a query fails after its first row.
  return texts.find(([text]) => error.message.includes(text))?.[1] ?? 0
}

export const pragma = (connection: SqliteConnection, name: string) =>
  Object.values(connection.prepare(`pragma ${name}`).all()[0] ?? {})[0]

export const describeError = (error: unknown): string => (error instanceof Error ? error.message : String(error))
