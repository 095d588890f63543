// Compares a-chat with other servers: `npm run build && npm run bench`. Options go after `--`:
// `npm run bench -- --quick`
//
//   --quick              one short run of each row, in about a minute
//   --runs N             runs per row and server; the median counts (default 3; 2 with --growth and --costs)
//   --only ROW,ROW       only these rows of loads.mjs
//   --servers NAME,NAME  of a-chat, plain-node, nats-server (default: those installed), or those of --costs
//
// One of these measures another table:
//   --aged               all loads on the same processes, which are old: they have had messages of each kind, 20,000
//                        connections that came and went, and half a minute of rest
//   --growth             many connections: what a message, a login and a connection cost next to 10 and to 15,000
//                        others
//   --costs              a-chat's own configurations: TCP, a Unix socket, the PROXY protocol, --admin with a scrape
//                        every second, clients that acknowledge, and TLS; and plain Node over TLS
//   --clients            a-chat's commands: send, listen, exec
//   --web                WebSocket next to TCP, and next to a relay with the package ws; requests and streams over HTTP
//   --store              a server with a store: guests next to a server without one, lines to accounts, and looking
//                        back at a million lines
//
//   --cluster            several nodes on this machine: what a line, a login and a lost node cost, next to NATS alone
//
//   --against DIR        a-chat against the build in another checkout, and no other server: what did a change cost?
//   --json FILE          write all figures of all runs, and the machine
//   --figures FILE,FILE  do not measure: take the figures of these files, of rows that were measured one after the
//                        other with --only and --json, at the same commit
//   --svg FILE           draw the medians
//   --update-docs        write the medians into BENCHMARKS.md, and the chart of the first table next to this file
//
// The servers take turns, with a new process for each run except with --aged. With `taskset`, server and generator have
// a core each. Exits with 1 as soon as a message is lost, duplicated, reordered or changed.
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Documents from "../documents.mjs"
import { aged } from "./aged.mjs"
import { cluster } from "./cluster.mjs"
import { chart } from "./chart.mjs"
import { command } from "./commands.mjs"
import { rowOf, tables, usualRuns } from "./loads.mjs"
import { measure } from "./measure.mjs"
import { markdown, median, quantity, text } from "./report.mjs"
import {
  compareWith,
  costs,
  isBuilt,
  isPinned,
  names,
  overWeb,
  rawDisk,
  serverOf,
  spawnOn,
  start,
  versionOf,
  withNodes,
  withStore
} from "./servers.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const give = (message) => {
  console.error(message)
  process.exit(2)
}

const readOptions = () => {
  const list = { type: "string" }
  const options = { runs: list, only: list, servers: list, against: list, json: list, svg: list, figures: list }
  const flag = { type: "boolean", default: false }
  const others = Object.keys(tables).filter((name) => name !== "figures")
  const flags = Object.fromEntries(["quick", "update-docs", ...others].map((name) => [name, flag]))
  const { values } = parseArgs({ options: { ...options, ...flags } })
  const [table = "figures", second] = others.filter((name) => values[name])
  if (second !== undefined) give(`--${table} and --${second} are two tables`)
  const chosen = (value, all, what) => {
    const parts = value.split(",")
    const unknown = parts.find((part) => !all.includes(part))
    return unknown === undefined ? parts : give(`unknown ${what}: ${unknown}; there are ${all.join(", ")}`)
  }
  const runs = Number(values.runs ?? (values.quick ? 1 : usualRuns[table]))
  if (!Number.isInteger(runs) || runs < 1) give("--runs takes a whole number from 1")
  if (values.against !== undefined) compareWith(values.against)
  const installed = names.filter((name) => serverOf(name).isInstalled())
  const comparable = installed.filter((name) => !serverOf(name).isOptional)
  const usual = { costs, clients: ["a-chat"], store: withStore, web: overWeb, cluster: withNodes }[table] ?? comparable
  const compared = values.against === undefined ? usual : ["a-chat", "a-chat-earlier"]
  const servers = chosen(values.servers ?? compared.join(","), names, "server")
  const missing = servers.find((name) => !installed.includes(name))
  if (missing !== undefined) give(`${missing} is not installed`)
  if (values["update-docs"] && values.quick) give("--update-docs needs full runs, without --quick")
  if (values["update-docs"] && values.only)
    give("--update-docs needs all rows: measure some with --json, see --figures")
  if (!isBuilt) give("there is no dist/main.js: run `npm run build` first")
  return {
    ...values,
    table,
    runs,
    servers,
    only: chosen(values.only ?? tables[table].join(","), Object.values(tables).flat(), "row")
  }
}

/** The time of a program that only starts. */
const startUp = async ({ help: [command, args] }) => {
  const times = []
  for (let i = 0; i < 5; i++) {
    const begin = performance.now()
    const child = spawnOn(1, command, args, { stdio: "ignore" })
    await once(child, "exit")
    times.push(performance.now() - begin)
  }
  return { ok: true, milliseconds: median(times) }
}

/** The time from the start of a server until it accepts connections. */
const serving = async (server, row) => {
  const times = []
  for (let i = 0; i < 5; i++) {
    const running = await start(server, row)
    times.push(running.milliseconds)
    await running.stop()
  }
  return { ok: true, milliseconds: median(times) }
}

/** What measures one row on one server, and what comes after all rows. */
const measuring = async ({ quick, servers, table }) => {
  if (table === "aged") return aged(servers.map(serverOf), quick)
  const measured = (server, row) => {
    if (row.kind === "start-up") return startUp(server)
    if (row.kind === "serving") return serving(server, row)
    if (server.name === "raw-disk") return rawDisk(row)
    if (row.cluster !== undefined) return cluster(server, row, quick)
    return row.kind === "command" ? command(server, row) : measure(server, row, quick)
  }
  return { measure: measured, stop: () => {} }
}

const measureAll = async (options) => {
  const { measure, stop } = await measuring(options)
  const figures = []
  for (const row of options.only.map((id) => rowOf(id, options.quick, options.table))) {
    const servers = options.servers.filter((name) => row.servers?.includes(name) ?? name !== "raw-disk")
    const results = Object.fromEntries(servers.map((name) => [name, []]))
    for (let round = 0; round < options.runs; round++) {
      for (const name of round % 2 === 0 ? servers : servers.toReversed()) {
        const result = await measure(serverOf(name), row)
        results[name].push(result)
        const values = row.figures.map(({ key, unit }) => `${key} ${quantity(result[key])} ${unit}`)
        console.error(`${row.id.padEnd(10)} ${name.padEnd(14)} ${values.join(", ")}`)
      }
    }
    for (const { key, ...figure } of row.figures) {
      const measured = servers.map((name) => {
        const runs = results[name].map((result) => result[key])
        const generatorBusy = median(results[name].map((result) => result.generatorBusy ?? 0))
        return [name, { median: median(runs), runs, generatorBusy, details: results[name] }]
      })
      figures.push({ row: row.id, key, ...figure, servers: Object.fromEntries(measured) })
    }
  }
  await stop()
  return figures
}

/** What the reports of one table have in common. */
const partOf = ({ commit, machine, quick, runs, servers }) =>
  JSON.stringify({ commit, machine: { ...machine, date: undefined }, quick, runs, servers })

/** The report of several files, which must be of one build on one machine, as one. */
const joined = ({ figures: files, only, table }) => {
  const reports = files.split(",").map((file) => JSON.parse(readFileSync(file, "utf8")))
  const [first] = reports
  for (const report of reports) {
    if (report.table !== table) give(`the figures are those of --${report.table}`)
    if (partOf(report) !== partOf(first)) give(`the figures differ in ${partOf(report)}, and ${partOf(first)}`)
  }
  const all = reports.flatMap(({ figures }) => figures)
  const figures = only.flatMap((id) => {
    const found = all.filter(({ row }) => row === id)
    return found.length === 0 ? give(`no file has figures of ${id}`) : found
  })
  return { ...first, figures }
}

/** Measures all rows. */
const newReport = async (options) => {
  const commit = Documents.commit()
  const figures = await measureAll(options)
  const versions = Object.fromEntries(options.servers.map((name) => [name, versionOf(name)]))
  const { quick, runs, servers, table } = options
  const machine = { ...Documents.machine(), isPinned }
  return { machine, commit, versions, quick, runs, servers, figures, table }
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // kills the server
try {
  const { table } = options
  const report = options.figures === undefined ? await newReport(options) : joined(options)
  console.log(text(report))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  const svg = options.svg ?? (options["update-docs"] && table === "figures" ? path("figures.svg") : undefined)
  if (svg !== undefined) writeFileSync(svg, chart(report))
  if (options["update-docs"]) Documents.replace(table, markdown(report))
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  process.exit(1)
}
