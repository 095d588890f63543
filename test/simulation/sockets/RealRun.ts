import { check } from "./RealChecks.js"
import { run, type RealHistory } from "./RealWorld.js"
import type { Found } from "../clients/Search.js"

/** Runs seeds as long as `goesOn`. The kernel has a part in each run, so a seed is not always the same run. */
export const search = async (firstSeed: number, goesOn: (runs: number) => boolean): Promise<Found> => {
  let runs = 0
  for (let seed = firstSeed; goesOn(runs); seed++) {
    const history = await run(seed)
    runs += 1
    const violations = check(history)
    if (violations.length > 0) return { runs, story: story(history) }
  }
  return { runs }
}

const story = (history: RealHistory): string => {
  const { clients, ledger, seed } = history
  const violations = check(history)
  return [
    `found by the seed ${seed} on real sockets: ${violations[0]?.rule}`,
    `ledger ${JSON.stringify(ledger)}`,
    ...clients.map(
      ({ ending, error, isOrderly, lines, name, sent, transport, words }) =>
        `${name} over ${transport.is}, ${error}, words ${words}: sent ${sent.length}, got ${lines.length} lines, ` +
        `left by ${ending}, orderly ${isOrderly}`
    ),
    ...violations.slice(0, 20).map(({ detail, rule }) => `BROKEN ${rule}: ${detail}`)
  ].join("\n")
}
