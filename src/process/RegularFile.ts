import * as Fs from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { dirname } from "node:path"

/**
 * Reads and opens files that a user names, or that another program can replace. Unless the path is a regular file,
 * these functions fail immediately, with a message for the user.
 */

/**
 * Opens a file with these flags of open(2); `O_NOFOLLOW` refuses a symbolic link. Without `O_NONBLOCK`, opening a named
 * pipe would wait for its other end in a thread of libuv, which nothing can interrupt, not even the exit.
 */
export const open = async (path: string, flags: number, mode?: number): Promise<FileHandle> => {
  const nonBlocking = Fs.constants.O_NONBLOCK | Fs.constants.O_NOCTTY
  const file = await Fs.promises.open(path, flags | nonBlocking, mode).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ELOOP" && (flags & Fs.constants.O_NOFOLLOW) !== 0) throw new Error("it is a symbolic link")
    // To open either for writing fails before its kind can be seen.
    if (error.code === "ENXIO") throw new Error("it is a named pipe or a socket, not a regular file")
    throw error
  })
  try {
    assertRegular(await file.stat())
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Accepts a folder: EISDIR, the system's error at the first read, is clear enough. */
const assertRegular = (stats: Fs.Stats) => {
  if (stats.isFile() || stats.isDirectory()) return
  throw new Error(
    `it is a ${stats.isFIFO() ? "named pipe" : stats.isSocket() ? "socket" : "device"}, not a regular file`
  )
}

/** The content of an open file. Fails if it is longer than `maxBytes`. */
export const content = async (file: FileHandle, maxBytes: number): Promise<Buffer> => {
  // The size from `stat` is not sufficient: it is 0 for files in /proc, and a file may grow.
  const bytes = Buffer.alloc(maxBytes + 1)
  let length = 0
  while (length <= maxBytes) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null)
    if (bytesRead === 0) return bytes.subarray(0, length)
    length += bytesRead
  }
  throw new Error(`it is larger than ${maxBytes / 1024} KiB`)
}

/** Opens, reads and closes a file. */
export const read = async (path: string, maxBytes: number): Promise<Buffer> => {
  const file = await open(path, Fs.constants.O_RDONLY)
  try {
    return await content(file, maxBytes)
  } finally {
    await file.close()
  }
}

/**
 * Makes a folder that only its owner can use, with its parents, unless it exists. `mkdir` with `recursive` never
 * returns where a folder exists in which none can be made, such as /proc (Node 20).
 */
export const makeFolder = async (path: string): Promise<void> => {
  const make = () =>
    Fs.promises.mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error
    })
  const parent = dirname(path)
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" || parent === path) throw error
    await makeFolder(parent)
    await make()
  })
}
