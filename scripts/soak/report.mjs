// What a soak says at its end: the table of the quarters, and the verdict. Imported, not run.
import * as Prometheus from "./prometheus.mjs"

/** How much more memory the last quarter may take than the second, in percent. */
const growth = 10

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/** In less, memory does not come to rest. */
const minutesToRest = 1

/** The mean of each figure in each quarter of the samples that were taken under load. */
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
  { key: "pairs", title: "pairs a second", show: (rate) => rate.toFixed(0) }
]

/** What there is more of when everybody has gone than before anybody came, where that can be told. */
export const remnants = (before, after) =>
  ["descriptors", "fibers", "timers"]
    .filter((key) => before[key] !== undefined && after[key] > before[key])
    .map((key) => `${before[key]} ${key} before, ${after[key]} when all had left`)

/** What went wrong besides messages: one line for each, none if all is well. */
const verdict = ({ after, before, minutes, quarters, seen, server, totals }) => {
  const { account, alarms, status } = server
  const sum = account.written + account.returned + account.dead
  const more = (100 * (quarters[3].resident - quarters[1].resident)) / quarters[1].resident
  const checks = [
    [status === 0, `the server ended with ${status}`],
    [alarms.length === 0, `the server's log has ${alarms.length} odd lines, the first: ${alarms[0]}`],
    [account.accepted === sum && account.inFlight === 0, `its account is not even: ${JSON.stringify(account)}`],
    [account.accepted >= totals.received + totals.returned, `it accepted ${account.accepted}, less than came of it`],
    [
      more <= growth || minutes < minutesToRest,
      `memory grew by ${more.toFixed(1)} % from the second quarter to the last`
    ]
  ]
  return [
    ...checks.filter(([isWell]) => !isWell).map(([, fault]) => fault),
    ...remnants(before, after),
    ...(seen === undefined ? [] : Prometheus.faultsOf(seen, { account, totals }))
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

/** Of a moment there is no share of a core. */
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
  const { account } = server
  return [
    line("", ["before", "1st", "2nd", "3rd", "4th", "after"]),
    ...rows.map((row) => rowOf(row, columns)),
    "",
    ...crews.map(({ sent, title }) => line(title, [String(sent)])),
    "",
    `pairs: ${totals.sent} sent, ${totals.received} received, ${totals.written} told as written, ${totals.returned} returned`,
    `the server's account: ${account.accepted} = ${account.written} written + ${account.returned} returned + ${account.dead} dead`,
    ...(seen === undefined ? [] : Prometheus.summary(seen)),
    ...faults.map((fault) => `FAULT  ${fault}`),
    ...(faultCount > faults.length ? [`… and ${faultCount} faults in all`] : []),
    `${ok ? "ok" : "FAILED"}: ${minutes} minutes, seed ${seed}`
  ].join("\n")
}
