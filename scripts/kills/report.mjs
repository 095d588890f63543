// The table of kills. Imported, not run.

/** What happened to the server, from the flags of the run. */
export const formOf = (values) => {
  const flush = values["flush-millis"]
  const slow = flush === undefined ? "" : `, each flush ${flush} ms longer`
  const store = values.store?.startsWith("postgres") === true ? ", Postgres" : ""
  return `${values["power-cuts"] ? "power cut" : "`kill -9`"}${values.rooms ? ", rooms" : ""}${store}${slow}`
}

/** The rows: the title in the figures of a run, which has as many as it counts. */
export const rows = [
  "kills",
  "members, and their devices",
  "lines reported as stored",
  "stored, and not reported",
  "given to members",
  "given again after a kill",
  "sent again by alice",
  "lost"
]

const shown = (figure) => (typeof figure === "number" ? figure.toLocaleString("en-US") : (figure ?? "-"))

const line = (cells) => `| ${cells.join(" | ")} |`

/** The results of runs as a table: a column for each. */
export const table = (results) => {
  const { commit, machine } = results.at(-1)
  const { cores, cpu, date, kernel, memory, node } = machine
  return [
    line(["", ...results.map(({ form }) => form)]),
    line(["---", ...results.map(() => "---:")]),
    ...rows.map((row) => line([row, ...results.map(({ figures }) => shown(figures[row]))])),
    line(["faults", ...results.map(({ faults }) => shown(faults))]),
    "",
    `On ${date}, commit ${commit}: ${cpu}, ${cores} cores, ${memory}, ${kernel}, Node ${node}.`
  ].join("\n")
}
