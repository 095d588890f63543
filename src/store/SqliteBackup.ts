import { closeSync, existsSync, fstatSync, fsyncSync, lstatSync, openSync, read, renameSync } from "node:fs"
import { type FileHandle, open, rm } from "node:fs/promises"
import { promisify } from "node:util"
import type { SqliteCheckpoints } from "./SqliteCheckpoints.js"
import { describeError, loadDriver, type SqliteConnection } from "./SqliteDriver.js"
import * as SqliteFile from "./SqliteFile.js"

/** How many bytes are copied at a time. */
const chunkBytes = 1024 * 1024

/**
 * Copies the file of a store while lines are stored. A checkpoint first moves the write-ahead log into the file. Until
 * the copy is complete, there are no further checkpoints: new lines stay in the log, and the file keeps the state in
 * which the backup began. (`vacuum into` would stop the store for about a second for each 100 MB. The drivers' online
 * backup fails as soon as a transaction is open.)
 */
export class SqliteBackup {
  /**
   * The file, open for reading; it stays open until the store is closed. POSIX locks belong to a process: closing any
   * descriptor of a file releases all of them, and another server could then open the store.
   */
  private source: number | undefined
  private isRunning = false
  private isAbandoned = false

  constructor(
    private readonly path: string,
    /** `SqliteFile.identity` of the store. */
    private readonly identity: string | undefined,
    private readonly base: string,
    private readonly connection: SqliteConnection,
    private readonly checkpoints: SqliteCheckpoints
  ) {}

  /**
   * Writes a copy to a new file, which gets its name once it is complete. A killed process leaves `FILE.partial`, which
   * the next backup replaces. Rejects with a sentence for the operator.
   */
  async write(file: string): Promise<void> {
    if (this.isRunning) throw new Error("another backup is being written")
    // SQLite would mistake a leftover log for that of the copy, and overwrite pages of the copy. It must not be
    // removed: it may belong to an existing file, even to the store.
    const leftover = existsSync(file)
      ? undefined
      : besides.map((ending) => file + ending).find((name) => existsSync(name))
    if (leftover !== undefined) throw new Error(`${leftover} belongs to another file of that name; remove it first`)
    const partial = `${file}.partial`
    this.isRunning = true
    try {
      const copy = await this.create(file, partial).catch((error: unknown) => {
        throw new Error(`${file} cannot be created: ${describeError(error)}`, { cause: error })
      })
      try {
        // Flushed asynchronously here, so that the flush in `complete` has little to do.
        await this.fill(copy)
          .then(() => copy.sync())
          .finally(() => copy.close())
        this.refuseAbandoned()
        this.complete(partial)
        refuseExisting(file)
        renameSync(partial, file)
        SqliteFile.flushFolder(file)
      } catch (error) {
        await remove(partial)
        throw new Error(`the backup failed: ${describeError(error)}`, { cause: error })
      }
    } finally {
      this.isRunning = false
      if (this.isAbandoned) this.close()
    }
  }

  /**
   * Stops a copy that is being written. Must be called before the connection is closed, which moves the log into the
   * file.
   */
  abandon() {
    this.isAbandoned = true
  }

  /** Must be called after the connection was closed. */
  close() {
    if (this.source === undefined || this.isRunning) return
    closeSync(this.source)
    this.source = undefined
  }

  private async create(file: string, partial: string): Promise<FileHandle> {
    refuseExisting(file)
    await remove(partial)
    return open(partial, "wx", 0o600)
  }

  private async fill(copy: FileHandle) {
    this.checkpoints.hold(true)
    try {
      const [result] = this.connection.prepare("pragma wal_checkpoint(truncate)").all()
      if (result?.["busy"] !== 0) throw new Error("the write-ahead log cannot be moved into the file")
      this.source ??= this.openSource()
      await this.transfer(this.source, copy)
    } finally {
      if (!this.isAbandoned) this.checkpoints.hold(false)
    }
  }

  private openSource(): number {
    const source = openSync(this.path, "r")
    if (SqliteFile.identityOf(fstatSync(source)) === this.identity) return source
    closeSync(source)
    throw new Error(`${this.path} was removed or replaced`)
  }

  private async transfer(source: number, copy: FileHandle) {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    for (let position = 0; ;) {
      this.refuseAbandoned()
      const { bytesRead } = await readPart(source, chunk, 0, chunkBytes, position)
      if (bytesRead === 0) return
      await copy.writeFile(chunk.subarray(0, bytesRead))
      position += bytesRead
    }
  }

  private refuseAbandoned() {
    if (this.isAbandoned) throw new Error("the store was closed")
  }

  /** Removes the log id of the copy, so that it gets a new one when it is opened, and flushes the copy. */
  private complete(file: string) {
    const connection = loadDriver(this.base)?.(file)
    connection?.exec("update meta set log = '', clean = 1")
    connection?.close()
    const descriptor = openSync(file, "r")
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }
}

/** `rename` would overwrite it. */
const refuseExisting = (file: string) => {
  if (lstatSync(file, { throwIfNoEntry: false }) !== undefined) throw new Error("EEXIST: there is a file of that name")
}

const remove = async (file: string) => {
  for (const ending of ["", ...besides]) await rm(file + ending, { force: true })
}

/** The suffixes of files that SQLite creates beside a database. */
const besides = ["-wal", "-shm", "-journal"]

const readPart = promisify(read)
