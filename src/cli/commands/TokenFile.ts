import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { constants, existsSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as RegularFile from "../../process/RegularFile.js"

/** The tokens of this user's accounts, each in a file that only the user can read. */

/** The token cannot be kept; the next login takes the password again. */
export class TokenFileError extends Data.TaggedError("TokenFileError")<{ readonly cause: unknown }> {
  override get message() {
    return `the token is not kept: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const ownerOnly = 0o600

const maxBytes = 1024

/**
 * `a-chat/tokens/…` in the folder for state files: `$XDG_STATE_HOME`, or `~/.local/state`. The name is a hash of the server
 * and the login, which may contain any character.
 */
export const path = (
  environment: Readonly<Record<string, string | undefined>>,
  server: string,
  login: string
): string => {
  const given = environment["XDG_STATE_HOME"] ?? ""
  const state = Path.isAbsolute(given) ? given : Path.join(environment["HOME"] ?? Os.homedir(), ".local", "state")
  const name = createHash("sha256").update(`${server}\n${login}`).digest("hex").slice(0, 32)
  return Path.join(state, "a-chat", "tokens", name)
}

/** The token; undefined if there is none, or it cannot be read. */
export const read = (path: string): Effect.Effect<string | undefined> =>
  // Most users have none, and a file that is not there need not wait for a thread.
  Effect.suspend(() => (existsSync(path) ? readKept(path) : Effect.succeed(undefined)))

const readKept = (path: string) =>
  Effect.promise(async () => {
    const file = await RegularFile.open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined)
    if (file === undefined) return undefined
    try {
      const text = (await RegularFile.content(file, maxBytes)).toString().trim()
      return text === "" ? undefined : text
    } catch {
      return undefined
    } finally {
      await file.close()
    }
  })

/** Keeps a token, in place of the one before. */
export const write = (path: string, token: string): Effect.Effect<void, TokenFileError> =>
  Effect.tryPromise({
    try: async () => {
      await RegularFile.makeFolder(Path.dirname(path))
      // Renamed into place, so that a crash leaves the old token or the new one.
      const next = `${path}.${process.pid}`
      await Fs.rm(next, { force: true })
      await Fs.writeFile(next, `${token}\n`, { mode: ownerOnly, flag: "wx" })
      await Fs.rename(next, path)
    },
    catch: (cause) => new TokenFileError({ cause })
  })

export const remove = (path: string): Effect.Effect<void> =>
  Effect.promise(() => Fs.rm(path, { force: true }).catch(() => {})) // a token that stays is refused again
