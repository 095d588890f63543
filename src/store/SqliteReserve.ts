import { randomFillSync } from "node:crypto"
import { closeSync, fsyncSync, lstatSync, openSync, rmSync, statfsSync, writeSync } from "node:fs"
import { dirname } from "node:path"

/**
 * A file of some megabytes beside the database, which is deleted when the disk is full: SQLite needs room in its log
 * even to delete lines. With 0 bytes there is none.
 */
export class SqliteReserve {
  constructor(
    private readonly path: string,
    private readonly bytes: number
  ) {}

  /** Makes the file, if it is not there. False if the disk is too full for it and for some more. */
  take(): boolean {
    if (this.bytes === 0 || this.stats()?.size === this.bytes) return true
    // Otherwise it could always be made where it was given up, and be in the way of the next line again.
    if (this.freeBytes() < this.bytes * (1 + headroom)) return false
    try {
      // Made anew: a file that is there may be a link to another one, which would be overwritten.
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
      // The caller that needs the room does not get it, and reports that.
    }
  }

  /** Whether nothing else has the path. To open a named pipe, for example, would never return. */
  isPossible(): boolean {
    return this.stats()?.isFile() ?? true
  }

  /** What the file system has left; without end if it does not say. */
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

/** Room for SQLite's log to grow beside the reserve, as a part of that. */
const headroom = 1 / 4
