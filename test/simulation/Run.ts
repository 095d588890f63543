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
  const { sessions, violations } = Checks.check(history)
  return { history, sessions, violations: [...violations, ...clockViolations(schedule, history)] }
}

/**
 * Whoever sets the wall clock, the server does the same at the same time: another run, without these steps, is equal.
 */
const clockViolations = (schedule: Schedule, history: History): ReadonlyArray<Checks.Violation> => {
  const others = history.steps.filter(([, step]) => step.do !== "setClock").map(([place]) => place)
  if (others.length === history.steps.length) return []
  const again = new World(schedule, others).run()
  const [log, other] = [history.logs, again.logs].map((logs) => logs.map((line) => JSON.stringify(line)))
  const place = log?.findIndex((line, index) => line !== other?.[index]) ?? -1
  if (place >= 0) return [violation(`${log?.[place]} instead of ${other?.[place]}`)]
  const differs = history.wires.find((wire, index) => JSON.stringify(wire) !== JSON.stringify(again.wires[index]))
  return differs === undefined ? [] : [violation(differs.remote)]
}

const violation = (detail: string) => ({ rule: "the wall clock changed what the server did", detail })
