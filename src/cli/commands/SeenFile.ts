import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { LastSeen, type SavedPlaces, type SeenRecord } from "../../client/LastSeen.js"
import * as StateFile from "./StateFile.js"

/**
 * The kept messages that `listen` has printed, or `exec` has started a program for. After a crash, the server delivers
 * the last ones again, even to the next run of the command.
 */

/**
 * Changes are collected for this time before they are written. A client that is killed meanwhile may print the last
 * messages again.
 */
const delayMillis = 250

const maxBytes = 4 * 1024 * 1024

export const path = (
  environment: Readonly<Record<string, string | undefined>>,
  server: string,
  login: string
): string => StateFile.path(environment, { folder: "seen", server, login })

/**
 * Reads the record, and writes it after changes and at the end of the scope.
 *
 * @param warn called once with the reason if the record cannot be written
 */
export const open = (path: string, warn: (line: string) => void): Effect.Effect<SeenRecord, never, Scope.Scope> =>
  Effect.gen(function* () {
    const text = yield* StateFile.read(path, maxBytes)
    const seen = new LastSeen(text === undefined ? undefined : parse(text))
    let timer: NodeJS.Timeout | undefined = undefined
    let writing: Promise<void> = Promise.resolve()
    let hasWarned = false
    const write = () => {
      timer = undefined
      writing = writing
        .then(async () => {
          const { saved } = seen
          if (saved !== undefined) await StateFile.write(path, `${JSON.stringify(saved)}\n`)
        })
        .catch((error: unknown) => {
          if (!hasWarned)
            warn(`what was received is not recorded: ${error instanceof Error ? error.message : String(error)}`)
          hasWarned = true
        })
    }
    yield* Effect.addFinalizer(() =>
      Effect.promise(async () => {
        if (timer !== undefined) {
          clearTimeout(timer)
          write()
        }
        await writing
      })
    )
    return { seen, changed: () => (timer ??= setTimeout(write, delayMillis)) }
  })

/** Parses the record; undefined if the text is not one. */
const parse = (text: string): SavedPlaces | undefined => {
  try {
    const found: unknown = JSON.parse(text)
    return isSaved(found) ? found : undefined
  } catch {
    return undefined
  }
}

const isSaved = (found: unknown): found is SavedPlaces => {
  if (typeof found !== "object" || found === null || !("log" in found) || !("places" in found)) return false
  const { log, places } = found
  return typeof log === "string" && Array.isArray(places) && places.every(isPlace)
}

const isPlace = (place: unknown): boolean =>
  Array.isArray(place) &&
  place.length === 3 &&
  typeof place[0] === "string" &&
  Number.isSafeInteger(place[1]) &&
  Number.isSafeInteger(place[2])
