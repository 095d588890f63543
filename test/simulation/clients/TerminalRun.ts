import { searchIn } from "./Search.js"
import { check } from "./TerminalChecks.js"
import { make } from "./TerminalSchedule.js"
import { run, type TerminalHistory } from "./TerminalWorld.js"

/** A run in readable form. */
export const story = (history: TerminalHistory, kept: ReadonlyArray<number>): string => {
  const { atRest, endedAt, leftAt, schedule, server, shown, typed } = history
  return [
    `setting ${JSON.stringify(schedule.setting)}`,
    ...kept.map((place) => `act ${place} ${JSON.stringify(schedule.acts[place])}`),
    ...typed.map(({ at, text, to }) => `${at} ms: typed ${to.join(", ")}: ${text}`),
    ...server.story,
    ...(atRest?.shown ?? []).map((row) => `at rest | ${row}`),
    ...shown.map((row) => `at the end | ${row}`),
    `left at ${leftAt} ms, ended at ${endedAt} ms`,
    ...check(history).map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")
}

export const search = searchIn({ client: "the terminal", make, run, check, story })
