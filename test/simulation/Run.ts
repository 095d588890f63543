import type { History } from "./History.js"
import * as Model from "./Model.js"
import type { Schedule } from "./Schedule.js"
import type { Session } from "./Session.js"
import { World } from "./World.js"

export interface Outcome {
  readonly history: History
  readonly sessions: ReadonlyArray<Session>
  readonly violations: ReadonlyArray<Model.Violation>
}

/** Runs a schedule, or the steps of it that are kept, and holds what happened against the model. */
export const run = (schedule: Schedule, kept?: ReadonlyArray<number>): Outcome => {
  const history = new World(schedule, kept).run()
  return { history, ...Model.check(history) }
}
