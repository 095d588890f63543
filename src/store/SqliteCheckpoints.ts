import type { SqliteConnection } from "./SqliteDriver.js"
import type { LineRow } from "./SqlQuery.js"

/** SQLite's default: pages in the log with which a commit moves them into the file. It takes some 5 ms. */
const usualPages = 1000

/**
 * The same while transactions are large. More commits then share a move, and pages that each of them changes, like
 * those of the index, are moved once (benchmark: commits of 1000, an eighth less time). The move takes some 20 ms,
 * which is too long for the lines that wait for it when the store has time to spare.
 */
const pagesUnderLoad = 4000

/** Lines, or bytes of text, of a large transaction: half of what one has at most. */
const largeLines = 500
const largeBytes = 512 * 1024

/** Decides when pages move from the write-ahead log into the file. */
export class SqliteCheckpoints {
  private isHeld = false
  private isUnderLoad = false

  constructor(private readonly connection: SqliteConnection) {}

  /** While the file is held, nothing is moved into it, and the log grows. */
  hold(isHeld: boolean) {
    this.isHeld = isHeld
    this.apply()
  }

  /** Adapts to the transaction under way, which adds these lines. */
  adapt(lines: ReadonlyArray<LineRow>) {
    const isLarge = lines.length >= largeLines || lines.reduce((sum, { body }) => sum + body.length, 0) >= largeBytes
    if (isLarge === this.isUnderLoad) return
    this.isUnderLoad = isLarge
    if (!this.isHeld) this.apply()
  }

  private apply() {
    const pages = this.isHeld ? 0 : this.isUnderLoad ? pagesUnderLoad : usualPages
    this.connection.prepare(`pragma wal_autocheckpoint = ${pages}`).all()
  }
}
