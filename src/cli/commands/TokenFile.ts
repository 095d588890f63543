import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as StateFile from "./StateFile.js"

/** The tokens of this user's accounts, each in a file that only the user can read. */

/** The token cannot be kept; the next login takes the password again. */
export class TokenFileError extends Data.TaggedError("TokenFileError")<{ readonly cause: unknown }> {
  override get message() {
    return `the token is not kept: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

const maxBytes = 1024

export const path = (
  environment: Readonly<Record<string, string | undefined>>,
  server: string,
  login: string
): string => StateFile.path(environment, { folder: "tokens", server, login })

/** The token; undefined if there is none, or it cannot be read. */
export const read = (path: string): Effect.Effect<string | undefined> =>
  Effect.map(StateFile.read(path, maxBytes), (text = "") => (text.trim() === "" ? undefined : text.trim()))

/** Keeps a token, which replaces an earlier one. */
export const write = (path: string, token: string): Effect.Effect<void, TokenFileError> =>
  Effect.tryPromise({
    try: () => StateFile.write(path, `${token}\n`),
    catch: (cause) => new TokenFileError({ cause })
  })

export const remove = (path: string): Effect.Effect<void> =>
  Effect.promise(() => Fs.rm(path, { force: true }).catch(() => {})) // a token that stays is refused again
