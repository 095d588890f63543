import * as Effect from "effect/Effect"
import type { MutesFile } from "../../terminal/Mutes.js"
import * as StateFile from "./StateFile.js"

const maxBytes = 1024 * 1024

/** The muted conversations of a login on a server: their names as JSON, in a file that only the user can read. */
export const make = (
  environment: Readonly<Record<string, string | undefined>>,
  server: string,
  login: string
): MutesFile => {
  const path = StateFile.path(environment, { folder: "muted", server, login })
  return {
    read: Effect.map(StateFile.read(path, maxBytes), (text) => (text === undefined ? [] : parse(text))),
    write: (names) =>
      Effect.tryPromise({
        try: () => StateFile.write(path, `${JSON.stringify(names)}\n`),
        catch: (error) => (error instanceof Error ? error : new Error(String(error)))
      })
  }
}

/** The names in a file; none if it is damaged. */
const parse = (text: string): ReadonlyArray<string> => {
  try {
    const found: unknown = JSON.parse(text)
    return Array.isArray(found) ? found.filter((name) => typeof name === "string") : []
  } catch {
    return []
  }
}
