import { searchIn } from "./Search.js"
import { check } from "./SendChecks.js"
import { make } from "./SendSchedule.js"
import { run, type SendHistory } from "./SendWorld.js"

/** A run in readable form. */
export const story = (history: SendHistory, kept: ReadonlyArray<number>): string => {
  const { endedAt, errors, reported, schedule, server, status } = history
  return [
    `setting ${JSON.stringify({ ...schedule.setting, pauses: [...schedule.setting.pauses] })}`,
    ...kept.map((place) => `act ${place} ${JSON.stringify(schedule.acts[place])}`),
    ...server.story,
    ...reported.map((one) => `reported ${JSON.stringify(one)}`),
    `status ${status} after ${endedAt} ms: ${errors.trim()}`,
    ...check(history).map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")
}

export const search = searchIn({ client: "send", make, run, check, story })
