import { existsSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import * as SqliteDriver from "../../src/store/SqliteDriver.js"

/**
 * The thread of a store, in which the next commit fails for want of memory: with `PATH.before` before it is carried
 * out, with `PATH.after` after that.
 */

const { DatabaseSync } = (process.getBuiltinModule("node:sqlite") ??
  createRequire(__filename)(SqliteDriver.packageName)) as {
  readonly DatabaseSync: new (path: string) => SqliteDriver.SqliteConnection
}

const failIf = (path: string, when: "before" | "after") => {
  const flag = `${path}.${when}`
  if (!existsSync(flag)) return
  rmSync(flag)
  throw Object.assign(new Error("out of memory"), { errcode: 7 })
}

class FailingDatabase extends DatabaseSync {
  constructor(private readonly path: string) {
    super(path)
  }

  override readonly prepare = (sql: string): SqliteDriver.SqliteStatement => {
    const statement = DatabaseSync.prototype.prepare.call(this, sql)
    if (sql !== "commit") return statement
    return {
      all: (...values) => statement.all(...values),
      iterate: (...values) => statement.iterate(...values),
      run: () => {
        failIf(this.path, "before")
        const result = statement.run()
        failIf(this.path, "after")
        return result
      }
    }
  }
}

process.getBuiltinModule = (() => ({ DatabaseSync: FailingDatabase })) as typeof process.getBuiltinModule
void import("../../src/store/SqliteThread.js")
