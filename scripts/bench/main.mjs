// Compares a-chat with other servers: `npm run build && npm run bench`. Options go after `--`:
// `npm run bench -- --quick`
//
//   --quick              one short run of each row, in about a minute
//   --runs N             runs per row and server; the median counts (default 5; at most 3 for long rows)
//   --only ROW,ROW       only these rows of loads.mjs
//   --servers NAME,NAME  of a-chat, plain-node, nats-server (default: those installed), or those of --costs
//   --costs              compare a-chat's own configurations instead: TCP, a Unix socket, the PROXY protocol, --admin
//                        with a scrape every second, clients that acknowledge, and TLS; and plain Node over TLS
//   --against DIR        a-chat against the build in another checkout, and no other server: what did a change cost?
//   --json FILE          write all figures of all runs, and the machine
//   --svg FILE           draw the medians
//   --update-docs        write the medians into BENCHMARKS.md, and the chart (not with --costs) next to this file
//
// The servers take turns, with a new process for each run. With `taskset`, server and generator have a core each. Exits
// with 1 as soon as a message is lost, duplicated, reordered or changed.
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import * as Documents from "../documents.mjs"
import { chart } from "./chart.mjs"
import { costRows, ids, rowOf } from "./loads.mjs"
import { measure } from "./measure.mjs"
import { markdown, median, quantity, text } from "./report.mjs"
import { compareWith, costs, isBuilt, isPinned, names, serverOf, spawnOn, versionOf } from "./servers.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const give = (message) => {
  console.error(message)
  process.exit(2)
}

const readOptions = () => {
  const list = { type: "string" }
  const options = { runs: list, only: list, servers: list, against: list, json: list, svg: list }
  const flag = { type: "boolean", default: false }
  const { values } = parseArgs({ options: { ...options, quick: flag, "update-docs": flag, costs: flag } })
  const chosen = (value, all, what) => {
    const parts = value.split(",")
    const unknown = parts.find((part) => !all.includes(part))
    return unknown === undefined ? parts : give(`unknown ${what}: ${unknown}; there are ${all.join(", ")}`)
  }
  const runs = Number(values.runs ?? (values.quick ? 1 : 5))
  if (!Number.isInteger(runs) || runs < 1) give("--runs takes a whole number from 1")
  if (values.against !== undefined) compareWith(values.against)
  const installed = names.filter((name) => serverOf(name).isInstalled())
  const usual = values.costs ? costs : installed.filter((name) => !serverOf(name).isOptional)
  const compared = values.against === undefined ? usual : ["a-chat", "a-chat-earlier"]
  const servers = chosen(values.servers ?? compared.join(","), names, "server")
  const missing = servers.find((name) => !installed.includes(name))
  if (missing !== undefined) give(`${missing} is not installed`)
  if (values["update-docs"] && values.quick) give("--update-docs needs full runs, without --quick")
  if (!isBuilt) give("there is no dist/main.js: run `npm run build` first")
  return {
    ...values,
    runs,
    servers,
    only: chosen(values.only ?? (values.costs ? costRows : ids).join(","), ids, "row")
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

const measureAll = async (options) => {
  const figures = []
  for (const row of options.only.map((id) => rowOf(id, options.quick, options.costs))) {
    const results = Object.fromEntries(options.servers.map((name) => [name, []]))
    for (let round = 0; round < Math.min(options.runs, row.maxRuns ?? Infinity); round++) {
      for (const name of round % 2 === 0 ? options.servers : options.servers.toReversed()) {
        const server = serverOf(name)
        const result = row.kind === "start-up" ? await startUp(server) : await measure(server, row, options.quick)
        results[name].push(result)
        const values = row.figures.map(({ key, unit }) => `${key} ${quantity(result[key])} ${unit}`)
        console.error(`${row.id.padEnd(10)} ${name.padEnd(14)} ${values.join(", ")}`)
      }
    }
    for (const { key, ...figure } of row.figures) {
      const servers = options.servers.map((name) => {
        const runs = results[name].map((result) => result[key])
        const generatorBusy = median(results[name].map((result) => result.generatorBusy ?? 0))
        return [name, { median: median(runs), runs, generatorBusy, details: results[name] }]
      })
      figures.push({ row: row.id, key, ...figure, servers: Object.fromEntries(servers) })
    }
  }
  return figures
}

const options = readOptions()
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130)) // kills the server
try {
  const commit = Documents.commit()
  const figures = await measureAll(options)
  const versions = Object.fromEntries(options.servers.map((name) => [name, versionOf(name)]))
  const { costs, quick, runs, servers } = options
  const report = {
    machine: { ...Documents.machine(), isPinned },
    commit,
    versions,
    quick,
    runs,
    servers,
    figures,
    costs
  }
  console.log(text(report))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`)
  const svg = options.svg ?? (options["update-docs"] && !options.costs ? path("figures.svg") : undefined)
  if (svg !== undefined) writeFileSync(svg, chart(report))
  if (options["update-docs"]) Documents.replace(costs ? "costs" : "figures", markdown(report))
} catch (error) {
  console.error(`FAILED: ${error.message}`)
  process.exit(1)
}
