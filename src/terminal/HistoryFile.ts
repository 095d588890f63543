import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"

/** The file that keeps typed lines. Only its owner can read it. */

export const maxLines = 1_000

/** The history cannot be read or written; the chat goes on without it. */
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

/**
 * Returns the newest lines, the newest last; none if the file does not exist. Trims a file that has grown to twice the
 * maximum, and removes the permissions of other users.
 */
export const read = (path: string): Effect.Effect<ReadonlyArray<string>, HistoryError> =>
  attempt(path, async () => {
    await Fs.mkdir(Path.dirname(path), { recursive: true, mode: 0o700 })
    const text = await Fs.readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return ""
      throw error
    })
    if (text === "") return []
    const lines = text.split("\n").filter((line) => line !== "")
    const newest = lines.slice(-maxLines)
    if (lines.length >= 2 * maxLines) {
      // Renamed into place, so that a crash leaves the old file or the new one.
      const next = `${path}.${process.pid}`
      await Fs.writeFile(next, `${newest.join("\n")}\n`, { mode: ownerOnly })
      await Fs.rename(next, path)
    } else await Fs.chmod(path, ownerOnly)
    return newest
  })

/** Appends a line. Other programs of the same user may do so at the same time. */
export const append = (path: string, line: string): Effect.Effect<void, HistoryError> =>
  attempt(path, () => Fs.appendFile(path, `${line}\n`, { mode: ownerOnly }))
