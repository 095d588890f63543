import type { Violation } from "../Checks.js"
import { shrink } from "../Shrink.js"
import { check } from "./SendChecks.js"
import { make, type SendSchedule } from "./SendSchedule.js"
import { run, type SendHistory } from "./SendWorld.js"

/** Runs seeds as long as `goesOn`. Returns the first broken promise, told with the fewest acts that break it. */
export const search = (
  firstSeed: number,
  goesOn: (runs: number) => boolean
): { readonly runs: number; readonly story?: string } => {
  let runs = 0
  for (let seed = firstSeed; goesOn(runs); seed++) {
    const schedule = make(seed)
    runs += 1
    const [violation] = check(run(schedule, allOf(schedule)))
    if (violation !== undefined) return { runs, story: fewest(schedule, violation) }
  }
  return { runs }
}

const allOf = ({ acts }: SendSchedule) => acts.map((_, place) => place)

const fewest = (schedule: SendSchedule, { rule }: Violation): string => {
  const fails = (kept: ReadonlyArray<number>) => check(run(schedule, kept)).some((one) => one.rule === rule)
  const kept = shrink(allOf(schedule), fails)
  return `found by send's seed ${schedule.seed}: ${rule}\n${story(run(schedule, kept), kept)}`
}

/** A run in readable form. */
export const story = (history: SendHistory, kept: ReadonlyArray<number>): string => {
  const { endedAt, errors, reported, schedule, server, status } = history
  return [
    `setting ${JSON.stringify({ ...schedule.setting, pauses: [...schedule.setting.pauses] })}`,
    ...kept.map((place) => `act ${place} ${JSON.stringify(schedule.acts[place])}`),
    ...server.handled.map((line) => `${line.at} ms: got ${JSON.stringify(line)}`),
    ...server.connections.map(({ end, number }) => `connection ${number}: ${JSON.stringify(end.delivered)}`),
    ...reported.map((one) => `reported ${JSON.stringify(one)}`),
    `status ${status} after ${endedAt} ms: ${errors.trim()}`,
    ...check(history).map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")
}
