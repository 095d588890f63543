import { searchIn, type Search } from "../clients/Search.js"
import * as Replay from "../Replay.js"
import { NodesCoverage } from "./NodesCoverage.js"
import { make, type NodesSchedule } from "./NodesSchedule.js"
import { NodesWorld, type NodesHistory } from "./NodesWorld.js"

/** Runs the kept steps of a schedule. */
export const run = (schedule: NodesSchedule, kept: ReadonlyArray<number>): NodesHistory =>
  new NodesWorld(schedule, kept).run()

/** A run in readable form. */
export const story = ({ schedule, story }: NodesHistory, kept: ReadonlyArray<number>): string =>
  [
    `to replay it: npm run simulate -- --nodes --replay ` +
      `${Replay.showPlaces(schedule.seed, schedule.acts.length, kept)}`,
    `setting ${JSON.stringify(schedule.setting)}`,
    ...story
  ].join("\n")

/** Runs seeds, and counts what occurred in them. */
export const search = (coverage = new NodesCoverage()): Search =>
  searchIn({
    client: "the nodes",
    make,
    run,
    check: ({ violations }) => violations,
    story,
    note: ({ counts }) => coverage.add(counts)
  })

/**
 * Runs a schedule in its short form once more, and tells everything that happens in it; undefined if the form is
 * invalid.
 */
export const replay = (text: string): { readonly story: string; readonly isBroken: boolean } | undefined => {
  const found = Replay.parsePlaces(text)
  if (found === undefined) return undefined
  const schedule = make(found.seed)
  const kept = found.kept ?? schedule.acts.map((_, place) => place)
  const history = run(schedule, kept)
  return { story: story(history, kept), isBroken: history.violations.length > 0 }
}
