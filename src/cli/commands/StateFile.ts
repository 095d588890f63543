import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { constants, existsSync } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as RegularFile from "../../process/RegularFile.js"

/** Small files of the clients that only the user can read, one for each server and login. */

const ownerOnly = 0o600

/** Identifies a file. */
export interface StateFileKey {
  /** The folder within the state files of a-chat. */
  readonly folder: string
  /** The server's address. */
  readonly server: string
  readonly login: string
}

/**
 * `a-chat/FOLDER/…` in the folder for state files: `$XDG_STATE_HOME`, or `~/.local/state`. The name is a hash of the
 * server and the login, which may contain any character.
 */
export const path = (
  environment: Readonly<Record<string, string | undefined>>,
  { folder, login, server }: StateFileKey
): string => {
  const given = environment["XDG_STATE_HOME"] ?? ""
  const state = Path.isAbsolute(given) ? given : Path.join(environment["HOME"] ?? Os.homedir(), ".local", "state")
  const name = createHash("sha256").update(`${server}\n${login}`).digest("hex").slice(0, 32)
  return Path.join(state, "a-chat", folder, name)
}

/** The content; undefined if there is no such file, or it cannot be read. */
export const read = (path: string, maxBytes: number): Effect.Effect<string | undefined> =>
  // Most users have none, and a missing file need not wait for a thread.
  Effect.suspend(() => (existsSync(path) ? readKept(path, maxBytes) : Effect.succeed(undefined)))

const readKept = (path: string, maxBytes: number) =>
  Effect.promise(async () => {
    const file = await RegularFile.open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => undefined)
    if (file === undefined) return undefined
    try {
      return (await RegularFile.content(file, maxBytes)).toString()
    } catch {
      return undefined
    } finally {
      await file.close()
    }
  })

/** Replaces the content. A crash leaves the old content or the new one, because the file is renamed into its place. */
export const write = async (path: string, text: string): Promise<void> => {
  await RegularFile.makeFolder(Path.dirname(path))
  const next = `${path}.${process.pid}`
  await Fs.rm(next, { force: true })
  await Fs.writeFile(next, text, { mode: ownerOnly, flag: "wx" })
  await Fs.rename(next, path)
}
