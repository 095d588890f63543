import type { History } from "./History.js"
import * as Checks from "./Checks.js"
import type { Schedule } from "./Schedule.js"
import type { ObservedConnection } from "./ObservedConnection.js"
import { World } from "./World.js"

export interface Outcome {
  readonly history: History
  readonly sessions: ReadonlyArray<ObservedConnection>
  readonly violations: ReadonlyArray<Checks.Violation>
}

/** Runs a schedule, or only the kept steps, and checks what happened. */
export const run = (schedule: Schedule, kept?: ReadonlyArray<number>): Outcome => {
  const history = new World(schedule, kept).run()
  return { history, ...Checks.check(history) }
}
