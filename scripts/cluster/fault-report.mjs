// The table of faults. Imported, not run.
import { kinds } from "./fault-kinds.mjs"

/** Several runs as one: their rounds, and the machine and commit of the last. */
export const merge = (runs) => ({ ...runs.at(-1), results: runs.flatMap(({ results }) => results) })

const shown = (number) => number.toLocaleString("en-US")

const line = (cells) => `| ${cells.join(" | ")} |`

/** The columns: a title, and the figure of all rounds of one kind. */
const columns = [
  ["rounds", ({ rounds }) => rounds.length],
  ["lines", ({ sum }) => sum(({ counts }) => counts.sent)],
  ["received", ({ sum }) => sum(({ reasons }) => reasons.received ?? 0)],
  ["`node-lost`", ({ sum }) => sum(({ reasons }) => reasons["node-lost"] ?? 0)],
  ["`unavailable`", ({ sum }) => sum(({ reasons }) => reasons.unavailable ?? 0)],
  ["`offline`", ({ sum }) => sum(({ reasons }) => reasons.offline ?? 0)],
  ["faults", ({ sum }) => sum(({ problems }) => problems.length)]
]

/** A row for each kind that ran, in the order of the kinds. */
export const table = ({ commit, machine, nats, results, term }) => {
  const { cores, cpu, date, kernel, memory, node } = machine
  const rows = Object.entries(kinds).flatMap(([kind, { what }]) => {
    const rounds = results.filter((result) => result.kind === kind)
    if (rounds.length === 0) return []
    const sum = (of) => rounds.reduce((total, result) => total + of(result), 0)
    return [line([what, ...columns.map(([, figure]) => shown(figure({ rounds, sum })))])]
  })
  return [
    line(["fault", ...columns.map(([title]) => title)]),
    line(["---", ...columns.map(() => "---:")]),
    ...rows,
    "",
    `Term ${term} s; ${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memory}, ${kernel}, Node ${node}, ` +
      `nats-server ${nats}.`
  ].join("\n")
}
