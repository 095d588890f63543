// The soak's result: a table by quarters of the run, and the verdict. Imported, not run.
import * as Prometheus from "./prometheus.mjs"

/** By how much memory in the last quarter may exceed the second, in percent. */
const growth = 10

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** In shorter runs memory does not settle. */
const minutesToRest = 1

/** The mean of each figure in each quarter of the run. */
const quartersOf = ({ before, samples }) =>
  [0, 1, 2, 3].map((quarter) => {
    const from = Math.floor((samples.length * quarter) / 4)
    const part = samples.slice(from, Math.floor((samples.length * (quarter + 1)) / 4))
    const figure = (key) =>
      part.every((sample) => sample[key] !== undefined) ? mean(part.map((sample) => sample[key])) : undefined
    const [first, last] = [samples[from - 1] ?? { ...before, at: 0, sent: 0 }, part.at(-1)]
    return {
      resident: figure("resident"),
      heap: figure("heap"),
      external: figure("external"),
      descriptors: figure("descriptors"),
      fibers: figure("fibers"),
      timers: figure("timers"),
      connections: figure("connections"),
      cpu: (100 * (last.cpu - first.cpu)) / (last.at - first.at),
      pairs: (last.sent - first.sent) / (last.at - first.at)
    }
  })

const rows = [
  { key: "resident", title: "resident memory, MB", show: (kilobytes) => (kilobytes / 1024).toFixed(1) },
  { key: "heap", title: "heap in use, MB", show: (kilobytes) => (kilobytes / 1024).toFixed(1) },
  { key: "external", title: "memory outside the heap, MB", show: (kilobytes) => (kilobytes / 1024).toFixed(1) },
  { key: "descriptors", title: "descriptors", show: (count) => count.toFixed(0) },
  { key: "fibers", title: "fibers", show: (count) => count.toFixed(0) },
  { key: "timers", title: "timers", show: (count) => count.toFixed(0) },
  { key: "connections", title: "connections", show: (count) => count.toFixed(0) },
  { key: "cpu", title: "CPU, % of a core", show: (percent) => percent.toFixed(0) },
  { key: "pairs", title: "pairs per second", show: (rate) => rate.toFixed(0) }
]

/** What is left over after all clients have gone, where it can be measured. */
export const remnants = (before, after) =>
  ["descriptors", "fibers", "timers"]
    .filter((key) => before[key] !== undefined && after[key] > before[key])
    .map((key) => `${before[key]} ${key} before, ${after[key]} after all clients had left`)

/** Faults other than those of messages, one line each. */
const verdict = ({ after, before, minutes, quarters, seen, server, totals }) => {
  const { alarms, ledger, status } = server
  const sum = ledger.written + ledger.received + ledger.returned + ledger.dead
  const more = (100 * (quarters[3].resident - quarters[1].resident)) / quarters[1].resident
  const checks = [
    [status === 0, `the server ended with ${status}`],
    [alarms.length === 0, `the server's log has ${alarms.length} unexpected lines, the first: ${alarms[0]}`],
    [ledger.accepted === sum && ledger.inFlight === 0, `its ledger does not balance: ${JSON.stringify(ledger)}`],
    [
      ledger.accepted >= totals.received + totals.returned,
      `it accepted ${ledger.accepted} pairs, fewer than were received or returned`
    ],
    [
      more <= growth || minutes < minutesToRest,
      `memory grew by ${more.toFixed(1)} % from the second quarter to the last`
    ]
  ]
  return [
    ...checks.filter(([isWell]) => !isWell).map(([, fault]) => fault),
    ...remnants(before, after),
    ...(seen === undefined ? [] : Prometheus.faultsOf(seen, { ledger, totals }))
  ]
}

export const judge = (run) => {
  const quarters = quartersOf(run)
  const faults = [...run.faults, ...verdict({ ...run, quarters })]
  return { ...run, quarters, faults, ok: faults.length === 0 && run.faultCount === 0 }
}

const line = (title, cells) => title.padEnd(30) + cells.map((cell) => cell.padStart(10)).join("")

const rowOf = ({ key, show, title }, columns) =>
  line(
    title,
    columns.map((figures) => (figures[key] === undefined ? "" : show(figures[key])))
  )

/** A single moment has no CPU share. */
const moment = (sample) => ({ ...sample, cpu: undefined })

export const table = ({
  after,
  before,
  crews,
  faults,
  faultCount,
  minutes,
  ok,
  quarters,
  seed,
  seen,
  server,
  totals
}) => {
  const columns = [moment(before), ...quarters, moment(after)]
  const { ledger } = server
  return [
    line("", ["before", "1st", "2nd", "3rd", "4th", "after"]),
    ...rows.map((row) => rowOf(row, columns)),
    "",
    ...crews.map(({ sent, title }) => line(title, [String(sent)])),
    "",
    `pairs: ${totals.sent} sent, ${totals.received} received, ${totals.written} reported as written, ` +
      `${totals.returned} returned`,
    `the server's ledger: ${ledger.accepted} = ${ledger.written} written + ${ledger.received} received + ` +
      `${ledger.returned} returned + ${ledger.dead} dead`,
    ...(seen === undefined ? [] : Prometheus.summary(seen)),
    ...faults.map((fault) => `FAULT  ${fault}`),
    ...(faultCount > faults.length ? [`… and ${faultCount} faults in all`] : []),
    `${ok ? "ok" : "FAILED"}: ${minutes} minutes, seed ${seed}`
  ].join("\n")
}
