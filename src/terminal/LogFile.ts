import * as Crypto from "node:crypto"
import { constants, type Stats } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import * as Name from "../protocol/Name.js"
import * as RegularFile from "../process/RegularFile.js"

/** The files of a log, one for each conversation. Only their owner can read them. */

/** The longest names that some encrypted file systems (eCryptfs) allow. */
const maxNameBytes = 143

const ending = ".log"

/** Longer names have no key for look-alikes: normalising them could take quadratic time. */
const maxFoldedLength = 256

/**
 * The file of a conversation: `bob.log`, or `bob+carol.log`. Names that look the same share a file, since only one of
 * them can be present: even a file system that ignores case then mixes nothing up. Characters that no name on an a-chat
 * server contains become `%XX`.
 *
 * @param others everyone in the conversation but the user, in any order
 */
export const nameOf = (others: ReadonlyArray<string>): string => {
  const whole = [...new Set(others.map(keyOf))].toSorted().join("+")
  const maxBytes = maxNameBytes - ending.length
  if (Buffer.byteLength(whole) <= maxBytes) return whole + ending
  // No other part of a name contains `~`.
  const mark = `~${Crypto.createHash("sha256").update(whole).digest("hex").slice(0, 16)}`
  return startOf(whole, maxBytes - mark.length) + mark + ending
}

const keyOf = (name: string): string => {
  const likeness = name.length > maxFoldedLength ? "" : Name.likeness(name)
  const key = (likeness === "" ? name : likeness).toLowerCase().normalize("NFC")
  const escaped = key.replace(/[^\p{L}\p{M}\p{Nd}_.-]/gu, percent)
  // A leading dot would hide the file, or name a folder; a leading hyphen would make it a flag of commands.
  return escaped.replace(/^[.-]/u, percent)
}

const percent = (text: string) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("")

const startOf = (text: string, maxBytes: number): string => {
  let [start, bytes] = ["", 0]
  for (const point of text) {
    bytes += Buffer.byteLength(point)
    if (bytes > maxBytes) break
    start += point
  }
  return start
}

/** Creates the folder if it does not exist. Like ssh with its own, fails if another user could replace files in it. */
export const prepare = async (folder: string): Promise<void> => {
  await RegularFile.makeFolder(Path.resolve(folder))
  const stats = await Fs.stat(folder)
  if (!stats.isDirectory()) throw new Error("it is not a folder")
  if (stats.uid !== 0) assertOwn(stats)
  if ((stats.mode & (constants.S_IWGRP | constants.S_IWOTH)) !== 0) {
    throw new Error("other users can write to it; run chmod go-w on it")
  }
}

/** Windows has no such users. */
const assertOwn = ({ uid }: Stats) => {
  if (process.geteuid !== undefined && uid !== process.geteuid()) throw new Error("it belongs to another user")
}

const ownerOnly = 0o600

/**
 * Appends lines to a file, which gets the mode 0600 whatever it was before. A line that was cut off, by a full disk or
 * a crash, stays a line of its own. Other programs of the same user may append at the same time.
 */
export const append = async (path: string, lines: string): Promise<void> => {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
  const file = await RegularFile.open(path, flags, ownerOnly)
  try {
    assertOwn(await file.stat())
    await file.chmod(ownerOnly) // the umask may have removed more
    await file.appendFile((await isCutOff(file)) ? `\n${lines}` : lines)
  } finally {
    await file.close()
  }
}

const isCutOff = async (file: Fs.FileHandle): Promise<boolean> => {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString() !== "\n"
}
