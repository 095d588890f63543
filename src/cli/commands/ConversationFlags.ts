import * as Duration from "effect/Duration"
import * as Either from "effect/Either"
import * as Units from "../settings/Units.js"
import * as Setting from "../settings/Setting.js"

/** The flags about rooms and kept lines. */

/** A place in a conversation: the number of a line, or a time in milliseconds since 1970. */
export type PastPlace =
  { readonly _tag: "Number"; readonly seq: number } | { readonly _tag: "Time"; readonly at: number }

/** Rooms to be in. */
export const rooms = (about: string): Setting.Setting<ReadonlyArray<string> | undefined> =>
  Setting.parsed("room", "#name,#name", { about, default: undefined }, (given) => {
    const names = given.split(",").map((name) => name.trim())
    const bad = names.find((name) => !/^#[^\s,:]+$/u.test(name))
    if (bad === undefined) return Either.right(names)
    return Either.left(`is not a room: a room's name begins with #, and needs quotes in a shell: '#ops'`)
  })

/** A room, or the other name of a direct conversation. */
export const conversation = (name: string, about: string): Setting.Setting<string | undefined> =>
  Setting.parsed(name, "#name|name", { about, default: undefined }, (given) =>
    /^#?[^\s,:#]+$/u.test(given)
      ? Either.right(given)
      : Either.left("is neither a room nor a name; quote the # of a room in a shell: '#ops'")
  )

/**
 * The beginning or the end of a range: `17` is a line, `10m` means ten minutes ago, and `2026-11-27T08:00` is a time in
 * the local zone, or in one that it names.
 */
export const place = (name: string, about: string, now = Date.now): Setting.Setting<PastPlace | undefined> =>
  Setting.parsed(name, "number|time", { about, default: undefined }, (given) => {
    const found = parsePlace(given, now())
    return found === undefined
      ? Either.left("is neither the number of a line nor a time such as 10m, 2h, 2026-11-27 or 2026-11-27T08:00Z")
      : Either.right(found)
  })

const date = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/iu

export const parsePlace = (text: string, now: number): PastPlace | undefined => {
  const seq = Units.parseCount(text)
  if (seq !== undefined) return { _tag: "Number", seq }
  const ago = Units.parseDuration(text)
  if (ago !== undefined) return { _tag: "Time", at: now - Duration.toMillis(ago) }
  if (!date.test(text)) return undefined
  // `Date.parse` takes a date alone as midnight UTC.
  const at = Date.parse(text.length === "2026-11-27".length ? `${text}T00:00` : text.replace(" ", "T"))
  return Number.isNaN(at) ? undefined : { _tag: "Time", at }
}

/** The place where a client begins to read. A line is included. */
export const startOf = (place: PastPlace): { readonly after: number } | { readonly since: number } =>
  place._tag === "Number" ? { after: Math.max(0, place.seq - 1) } : { since: place.at }
