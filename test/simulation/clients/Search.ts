import type { Violation } from "../Checks.js"
import { shrink } from "../Shrink.js"

/** A simulation of a client: how a run is planned, carried out, checked and told. */
export interface ClientSimulation<
  Schedule extends { readonly seed: number; readonly acts: ReadonlyArray<unknown> },
  History
> {
  readonly client: string
  readonly make: (seed: number) => Schedule
  /** Runs the acts at these places. */
  readonly run: (schedule: Schedule, kept: ReadonlyArray<number>) => History
  readonly check: (history: History) => ReadonlyArray<Violation>
  readonly story: (history: History, kept: ReadonlyArray<number>) => string
  /** Called with each run that broke nothing. */
  readonly note?: (history: History) => void
}

/** What a search has found: the first broken promise, with the fewest acts that break it. */
export interface Found {
  readonly runs: number
  readonly story?: string
}

export type Search = (firstSeed: number, goesOn: (runs: number) => boolean) => Found

/** Runs seeds as long as `goesOn`. */
export const searchIn =
  <Schedule extends { readonly seed: number; readonly acts: ReadonlyArray<unknown> }, History>({
    check,
    client,
    make,
    note = () => {},
    run,
    story
  }: ClientSimulation<Schedule, History>): Search =>
  (firstSeed, goesOn) => {
    let runs = 0
    for (let seed = firstSeed; goesOn(runs); seed++) {
      const schedule = make(seed)
      const all = schedule.acts.map((_, place) => place)
      runs += 1
      const history = run(schedule, all)
      const [violation] = check(history)
      if (violation === undefined) {
        note(history)
        continue
      }
      const { rule } = violation
      const kept = shrink(all, (some) => check(run(schedule, some)).some((one) => one.rule === rule))
      return { runs, story: `found by ${client}'s seed ${seed}: ${rule}\n${story(run(schedule, kept), kept)}` }
    }
    return { runs }
  }
