import { randomFillSync } from "node:crypto"
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs"

/**
 * A file of some megabytes beside the database, which is deleted when the disk is full: SQLite needs room in its log even
 * to delete lines. With 0 bytes there is none.
 */
export class SqliteReserve {
  constructor(
    private readonly path: string,
    private readonly bytes: number
  ) {}

  /** Makes the file, if it is not there. False if the disk is too full for it. */
  take(): boolean {
    if (this.bytes === 0 || this.isThere()) return true
    try {
      const file = openSync(this.path, "w", 0o600)
      try {
        // Random, because some file systems do not allocate zeros.
        const block = randomFillSync(Buffer.allocUnsafe(Math.min(this.bytes, blockBytes)))
        for (let left = this.bytes; left > 0;) left -= writeSync(file, block, 0, Math.min(left, block.length))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      return true
    } catch {
      this.release()
      return false
    }
  }

  release() {
    rmSync(this.path, { force: true })
  }

  private isThere(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.size === this.bytes
  }
}

const blockBytes = 1024 * 1024
