import { randomFillSync } from "node:crypto"
import { closeSync, fsyncSync, lstatSync, openSync, rmSync, statfsSync, writeSync } from "node:fs"
import { dirname } from "node:path"

/**
 * A file of some megabytes beside the database that is deleted when the disk is full, because SQLite needs space in its
 * log even to delete lines. With 0 bytes, there is no such file.
 */
export class SqliteReserve {
  constructor(
    private readonly path: string,
    private readonly bytes: number
  ) {}

  /** Creates the file if it does not exist. False if the disk lacks space for it and some more. */
  take(): boolean {
    if (this.bytes === 0 || this.stats()?.size === this.bytes) return true
    // Without the extra space, the file could be recreated as soon as it was deleted, and would block the next line
    // again.
    if (this.freeBytes() < this.bytes * (1 + headroom)) return false
    try {
      // Recreated, because an existing file may be a link to another one, which would be overwritten.
      this.release()
      const file = openSync(this.path, "wx", 0o600)
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
    try {
      rmSync(this.path, { force: true })
    } catch {
      // The caller finds that it lacks the space, and reports that.
    }
  }

  /** Whether the path is free or a regular file. Opening a named pipe, for example, would never return. */
  isPossible(): boolean {
    return this.stats()?.isFile() ?? true
  }

  /** The free bytes of the file system; Infinity if it does not report them. */
  private freeBytes(): number {
    try {
      const { bavail, bsize } = statfsSync(dirname(this.path))
      return bavail * bsize
    } catch {
      return Infinity
    }
  }

  private stats() {
    return lstatSync(this.path, { throwIfNoEntry: false })
  }
}

const blockBytes = 1024 * 1024

/** Space in which SQLite's log can grow, as a fraction of the reserve. */
const headroom = 1 / 4
