import type { SqliteConnection } from "./SqliteDriver.js"
import type { LineRow } from "./SqlQuery.js"

/**
 * SQLite's default: a commit that leaves this many pages in the log moves them into the file, which takes about 5 ms.
 */
const usualPages = 1000

/**
 * The threshold while transactions are large. More commits then share a checkpoint, and pages that all of them change,
 * such as those of indexes, are moved once (benchmark: commits of 1000, an eighth less time). Such a checkpoint takes
 * about 20 ms, too long for the lines that wait for it when the store is not under load.
 */
const pagesUnderLoad = 4000

/** A transaction is large from this many lines or bytes of text: half of the maximum. */
const largeLines = 500
const largeBytes = 512 * 1024

/** Decides when pages move from the write-ahead log into the file. */
export class SqliteCheckpoints {
  private isHeld = false
  private isUnderLoad = false

  constructor(private readonly connection: SqliteConnection) {}

  /** While the file is held, there are no checkpoints, and the log grows. */
  hold(isHeld: boolean) {
    this.isHeld = isHeld
    this.apply()
  }

  /** Adapts the threshold to the transaction under way, which adds these lines. */
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
