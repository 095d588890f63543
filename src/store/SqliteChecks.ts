import { describeError, pragma, type SqliteConnection } from "./SqliteDriver.js"
import { migrations } from "./SqlSchema.js"

/** Checks of a store's file, from the quickest to the most thorough. */

/** A table, or an index together with its table. */
interface Tree {
  readonly name: string
  readonly table: string
  /** Its first column, and the condition of a partial index. */
  readonly column: string
  readonly condition: string
}

/** Everything that the schema creates. */
const trees: ReadonlyArray<Tree> = migrations.flat().flatMap((statement): ReadonlyArray<Tree> => {
  const table = /^create table (\w+) \(\s*(\w+)/u.exec(statement)
  if (table !== null) return [{ name: table[1] ?? "", table: table[1] ?? "", column: table[2] ?? "", condition: "" }]
  const index = /^create (?:unique )?index (\w+) on (\w+) \((\w+)[^)]*\)(.*)$/u.exec(statement)
  if (index === null) return []
  const [, name = "", of = "", column = "", condition = ""] = index
  return [{ name, table: `${of} indexed by ${name}`, column, condition }]
})

/**
 * The first fault that a few reads find, whatever the size of the file: a table or an index is missing, or its first or
 * last row cannot be read. These reads pass the root of its tree. SQLite itself has compared the size of the file.
 */
export const edges = (connection: SqliteConnection): string | undefined => {
  try {
    const found = new Set(
      connection
        .prepare("select name from sqlite_master")
        .all()
        .map(({ name }) => name)
    )
    for (const { column, condition, name, table } of trees) {
      if (!found.has(name)) return `${name} is missing`
      for (const end of ["min", "max"]) connection.prepare(`select ${end}(${column}) from ${table}${condition}`).all()
    }
    return undefined
  } catch (error) {
    return describeError(error)
  }
}

/** The first fault in the structure of the file, which is read at about 1 GB per second. */
export const structure = (connection: SqliteConnection): string | undefined => {
  try {
    const result = pragma(connection, "quick_check(1)")
    return result === "ok" ? undefined : String(result)
  } catch (error) {
    return describeError(error)
  }
}

/** All faults that SQLite finds, including those in indexes. */
export const all = (connection: SqliteConnection): ReadonlyArray<string> => {
  const faults: Array<string> = []
  const names = namesOf(connection)
  try {
    // Row by row, so that faults already found are kept if the check itself fails on damage.
    for (const row of connection.prepare("pragma integrity_check(20)").iterate()) {
      const lines = String(Object.values(row)[0]).split("\n")
      const found = lines.filter((line) => line !== "ok" && !line.startsWith("***"))
      faults.push(
        ...found.map((line) =>
          line.replace(/^Tree (\d+) /u, (tree, root) => `${names.get(root) ?? ""} ${tree}`.trimStart())
        )
      )
    }
  } catch (error) {
    if (faults.length === 0) faults.push(describeError(error))
  }
  return faults
}

/** The tables and indexes by their root pages, which SQLite's findings refer to. */
const namesOf = (connection: SqliteConnection): ReadonlyMap<string, string> => {
  try {
    const found = connection.prepare("select name, rootpage from sqlite_master").all()
    return new Map(found.map(({ name, rootpage }) => [String(rootpage), String(name)]))
  } catch {
    return new Map() // the check finds out why
  }
}
