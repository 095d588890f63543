import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as RegularFile from "../process/RegularFile.js"

/** The file that keeps typed lines. Only its owner can read it. */

export const maxLines = 1_000

/** The history cannot be read or written; the chat continues without it. */
export class HistoryError extends Data.TaggedError("HistoryError")<{ readonly path: string; readonly cause: unknown }> {
  override get message() {
    const why = this.cause instanceof Error ? this.cause.message : String(this.cause)
    return `the history is not kept: ${why}; --history off turns it off`
  }
}

/** `a-chat/history` in the folder for state files: `$XDG_STATE_HOME`, or `~/.local/state`. */
export const path = (environment: Readonly<Record<string, string | undefined>>): string => {
  const given = environment["XDG_STATE_HOME"] ?? ""
  // The XDG Base Directory Specification says to ignore a relative path.
  const state = Path.isAbsolute(given) ? given : Path.join(environment["HOME"] ?? Os.homedir(), ".local", "state")
  return Path.join(state, "a-chat", "history")
}

const attempt = <A>(path: string, run: () => Promise<A>): Effect.Effect<A, HistoryError> =>
  Effect.tryPromise({ try: run, catch: (cause) => new HistoryError({ path, cause }) })

const ownerOnly = 0o600

/** More than `maxLines` lines of any plausible length. */
const maxBytes = 64 * 1024 * 1024

/** Otherwise another program could make the path a link to a file, and this one would overwrite that. */
const noFollow = constants.O_NOFOLLOW

/**
 * Returns the latest lines, the newest last; none if the file does not exist. Trims a file that has grown to twice the
 * maximum, and removes the permissions of other users.
 */
export const read = (path: string): Effect.Effect<ReadonlyArray<string>, HistoryError> =>
  attempt(path, async () => {
    await RegularFile.makeFolder(Path.dirname(path))
    const text = await readPrivate(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return ""
      throw error
    })
    const lines = text.split("\n").filter((line) => line !== "")
    const newest = lines.slice(-maxLines)
    if (lines.length >= 2 * maxLines) {
      // Renamed into place, so that a crash leaves the old file or the new one.
      const next = `${path}.${process.pid}`
      await Fs.rm(next, { force: true })
      await Fs.writeFile(next, `${newest.join("\n")}\n`, { mode: ownerOnly, flag: "wx" })
      await Fs.rename(next, path)
    }
    return newest
  })

const readPrivate = async (path: string) => {
  const file = await RegularFile.open(path, constants.O_RDONLY | noFollow)
  try {
    const bytes = await RegularFile.content(file, maxBytes)
    await file.chmod(ownerOnly)
    return bytes.toString()
  } finally {
    await file.close()
  }
}

/** Appends a line. Other programs of the same user may do so at the same time. */
export const append = (path: string, line: string): Effect.Effect<void, HistoryError> =>
  attempt(path, async () => {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | noFollow
    const file = await RegularFile.open(path, flags, ownerOnly)
    try {
      await file.appendFile(`${line}\n`)
    } finally {
      await file.close()
    }
  })
