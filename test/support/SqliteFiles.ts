import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { openSync, writeSync } from "node:fs"
import { packageName } from "../../src/store/SqliteDriver.js"

/** Looks into the file of a store that is not open, or is about to be damaged. */

/** What a query finds as `value`. Asked in another process: the package closes a file when statements are collected. */
export const valueOf = (path: string, sql: string): string => {
  const program = `
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite") ?? require("${packageName}")
    console.log(new DatabaseSync(process.argv[1]).prepare(process.argv[2]).get().value)`
  return execFileSync(process.execPath, ["--no-warnings", "-e", program, path, sql], { encoding: "utf8" }).trim()
}

/** The root pages of all tables and indexes, by name. A copy of the file has the same. */
export const rootsOf = (path: string): Readonly<Record<string, number>> => {
  const roots = valueOf(path, "select json_group_object(name, rootpage) as value from sqlite_master")
  return JSON.parse(roots) as Record<string, number> // of names and numbers of pages
}

/** The root page of a table or an index. */
export const rootOf = (path: string, name: string): number => rootsOf(path)[name] ?? 0

/** Overwrites bytes of a file. */
export const overwrite = (path: string, bytes: Uint8Array, position: number) =>
  Effect.sync(() => writeSync(openSync(path, "r+"), bytes, 0, bytes.length, position))

/** Overwrites a whole page. */
export const damagePage = (path: string, page: number) =>
  writeSync(openSync(path, "r+"), Buffer.alloc(4096, 7), 0, 4096, 4096 * (page - 1))
