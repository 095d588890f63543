import type { Outcome } from "./Run.js"
import { make, type Schedule } from "./Schedule.js"

/**
 * A schedule in short form: its seed and, if steps were removed, the places of those that were kept, as in `77:0-3,9`.
 */
export const show = ({ seed, steps }: Schedule, kept: ReadonlyArray<number>): string =>
  showPlaces(seed, steps.length, kept)

/** The same for a plan with this number of steps of another kind. */
export const showPlaces = (seed: number, steps: number, kept: ReadonlyArray<number>): string => {
  if (kept.length === steps) return `${seed}`
  const ranges: Array<readonly [number, number]> = []
  for (const place of kept) {
    const last = ranges.at(-1)
    if (last?.[1] === place - 1) ranges[ranges.length - 1] = [last[0], place]
    else ranges.push([place, place])
  }
  return `${seed}:${ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",")}`
}

/** Parses the short form; undefined if it is invalid. */
export const parse = (
  text: string
): { readonly schedule: Schedule; readonly kept: ReadonlyArray<number> } | undefined => {
  const found = parsePlaces(text)
  if (found === undefined) return undefined
  const schedule = make(found.seed)
  return { schedule, kept: found.kept ?? schedule.steps.map((_, place) => place) }
}

/** The seed, and the places; without them, all are kept. */
export const parsePlaces = (
  text: string
): { readonly seed: number; readonly kept: ReadonlyArray<number> | undefined } | undefined => {
  const [, seed, places] = /^(\d+)(?::([\d,-]*))?$/.exec(text) ?? []
  if (seed === undefined) return undefined
  const kept = places?.split(",").flatMap((range) => {
    const [from = "", to = from] = range.split("-")
    return from === "" ? [] : Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i)
  })
  return { seed: Number(seed), kept }
}

/** A run in readable form: its steps, connections, log and broken promises. */
export const story = ({ history, sessions, violations }: Outcome): string =>
  [
    `options ${JSON.stringify(history.setting)}`,
    ...history.steps.map(([place, step]) => `step ${place} ${JSON.stringify(step)}`),
    ...sessions.flatMap(({ name, reason, wire }) => [
      `${wire.remote} ${name ?? "(no name)"}: ${reason ?? "no close"}`,
      ...wire.heard.map(({ at, bytes, turn }) => `  ${at} ms, turn ${turn}: < ${cut(bytes)}`),
      ...wire.taken.split("\n").map((line) => `  > ${cut(line)}`)
    ]),
    ...history.logs.map(({ at, fields, level, message, turn }) => {
      const shown = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)
      return `${at} ms, turn ${turn}: ${level} ${message} ${shown.join(" ")}`
    }),
    ...violations.map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")

const cut = (text: string) => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
