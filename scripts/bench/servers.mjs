// The servers that the benchmark compares, each as a child process. Imported, not run.
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import {
  closeSync,
  copyFileSync,
  cpSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { cpus, tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { neutral } from "../environment.mjs"
import { answers, freePort } from "../port.mjs"
import { exported } from "./accounts.mjs"
import { fill, fillRoom } from "./kept.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const runs = (command, ...args) => spawnSync(command, args, { stdio: "ignore" }).status === 0
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const folder = mkdtempSync(join(tmpdir(), "a-chat-bench-"))
process.once("exit", () => rmSync(folder, { recursive: true, force: true }))

const built = path("../../dist")
/** The program that is measured. */
// a copy, so that a build in the meantime does not change what is measured
export const program = join(folder, "dist/main.js")
export const isBuilt = existsSync(join(built, "main.js"))
if (isBuilt) {
  cpSync(built, dirname(program), { recursive: true })
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`)
  symlinkSync(path("../../node_modules"), join(folder, "node_modules")) // for the package with SQLite
}

const earlier = join(folder, "earlier/dist/main.js")

/** Measures another build of a-chat as well. @param checkout the directory that contains its dist/ */
export const compareWith = (checkout) => {
  cpSync(join(checkout, "dist"), dirname(earlier), { recursive: true })
  writeFileSync(join(folder, "earlier/package.json"), `{ "type": "module" }`)
}

/** Whether the server runs on core 0 and the generator on core 1. */
export const isPinned = cpus().length > 1 && runs("taskset", "-c", "1", "true")

// This process scrapes the metrics, which must not take the server's core.
if (isPinned) runs("taskset", "-cp", "1", String(process.pid))

/** What starts a command on both cores: a child of this process is otherwise on core 1, as this process is. */
export const onBothCores = isPinned ? ["taskset", "-c", "0,1"] : []

/** Starts a child process, on one core or some (`0,1`) if possible. */
export const spawnOn = (core, command, args, options) =>
  isPinned ? spawn("taskset", ["-c", String(core), command, ...args], options) : spawn(command, args, options)

// For the row of the slow consumer: by default a-chat answers `busy` after 2 s, and nats-server closes it at 64 MB.
const patient = {
  "a-chat": ["--hold-timeout", "10s"],
  "nats-server": `max_pending: 512MB\nwrite_deadline: "30s"\n`
}

const certificate = (name) => path(`../../test/certificates/${name}.pem`)
const [cert, key] = [certificate("server"), certificate("server.key")]

/** a-chat in another configuration; its costs are not compared with other servers. */
const setUp = (name, protocol, flags, more = {}) => ({
  name,
  protocol,
  isOptional: true,
  isInstalled: () => true,
  help: [process.execPath, [program, "--help"]],
  command: async (port, row, other) => [
    process.execPath,
    [
      program,
      "serve",
      "--port",
      String(port),
      ...(await flags(other, row)),
      ...(row.kind === "slow" ? patient["a-chat"] : [])
    ]
  ],
  ...more
})

/** A relay over WebSocket. The generator's protocol says how many lines a frame has. */
const relay = (name, protocol) => ({
  name,
  protocol,
  isOptional: true,
  isInstalled: () => true,
  help: [process.execPath, ["-e", "0"]],
  command: (port) => [process.execPath, [path("relay.mjs"), String(port)]]
})

const manyStreams = ["--web-max-streams", "1000", "--web-max-connections", "2000"]

const socket = join(folder, "socket")

let stores = 0

/** A new store with the accounts of a row. It keeps more unread lines than by default, for the row of those. */
const imported = (row) => {
  const file = join(folder, `store-${++stores}.db`)
  const { status, stderr } = spawnSync(process.execPath, [program, "store", "import", "--store", file], {
    input: exported(row),
    env: neutral()
  })
  if (status !== 0) throw new Error(`the accounts could not be created: ${stderr}`)
  return file
}

/** Stores that are filled already, by the number of their lines. */
const filled = new Map()

/**
 * A copy of a store with the lines of a row, of which the operating system has nothing in memory, if `dd` can do that.
 */
const filledWith = async (row) => {
  const known = filled.get(row.lines) ?? imported(row)
  if (!filled.has(row.lines)) await fill(known, { accounts: row.accounts[1], lines: row.lines })
  filled.set(row.lines, known)
  const file = join(folder, `store-${++stores}.db`)
  copyFileSync(known, file)
  spawnSync("sync", [file])
  spawnSync("dd", [`if=${file}`, "iflag=nocache", "count=0"], { stdio: "ignore" })
  return file
}

const limits = [
  "--keep-lines",
  "10000000",
  "--unread-lines",
  "100000",
  "--unread-bytes",
  "1GiB",
  "--search-rate",
  "off"
]

/** A store with the lines of a row in a room: a copy, because this process has locked the one that it has filled. */
const withRoom = async (row) => {
  const filled = imported(row)
  await fillRoom(filled, row)
  const file = join(folder, `store-${++stores}.db`)
  copyFileSync(filled, file)
  return file
}

const storeOf = { history: filledWith, search: filledWith, "room-return": withRoom }

const stored = async (row) => ["--store", await (storeOf[row.kind] ?? imported)(row), ...limits]

/** Appends lines like those of a row to a file, in batches as large as its window, and flushes each batch. */
export const rawDisk = ({ measure, size, window }) => {
  const file = openSync(join(folder, "raw"), "w")
  const batch = "x".repeat(window * (size + "from p00000: \n".length))
  const from = performance.now()
  let lines = 0
  for (; performance.now() - from < measure; lines += window) {
    writeSync(file, batch)
    fdatasyncSync(file)
  }
  const seconds = (performance.now() - from) / 1000
  closeSync(file)
  return { ok: true, rate: lines / seconds }
}

const all = [
  {
    name: "a-chat",
    protocol: "a-chat",
    isInstalled: () => true,
    help: [process.execPath, [program, "--help"]],
    command: (port, { kind }) => [
      process.execPath,
      [program, "serve", "--port", String(port), ...(kind === "slow" ? patient["a-chat"] : [])]
    ]
  },
  {
    name: "a-chat-earlier",
    protocol: "a-chat",
    isOptional: true,
    isInstalled: () => existsSync(earlier),
    help: [process.execPath, [earlier, "--help"]],
    command: (port, { kind }) => [
      process.execPath,
      [earlier, "serve", "--port", String(port), ...(kind === "slow" ? patient["a-chat"] : [])]
    ]
  },
  setUp("a-chat-unix", "a-chat", () => ["--unix", socket], { socket }),
  setUp("a-chat-proxy", "a-chat-proxy", () => ["--proxy-protocol", "--proxy-from", "127.0.0.1"]),
  setUp("a-chat-admin", "a-chat", (admin) => ["--admin", String(admin)], { isScraped: true }),
  setUp("a-chat-ack", "a-chat-ack", () => []),
  setUp("a-chat-web", "a-chat-web", (web) => ["--web", String(web), ...manyStreams], { isWeb: true }),
  setUp("a-chat-web-single", "a-chat-web-single", (web) => ["--web", String(web)], { isWeb: true }),
  relay("ws-relay", "a-chat-web"),
  relay("ws-relay-single", "a-chat-web-single"),
  setUp("a-chat-store", "a-chat-store", (_, row) => stored(row)),
  ...["raw-nats", "a-chat-cluster"].map((name) => ({
    name,
    isOptional: true,
    isInstalled: () => runs("nats-server", "--version")
  })),
  {
    name: "raw-disk",
    isOptional: true,
    isInstalled: () => true
  },
  setUp("a-chat-tls", "a-chat-tls", () => ["--tls-cert", cert, "--tls-key", key]),
  {
    name: "plain-node-tls",
    protocol: "a-chat-tls",
    isOptional: true,
    isInstalled: () => true,
    help: [process.execPath, ["-e", "0"]],
    command: (port) => [process.execPath, [path("forwarder.mjs"), String(port), cert, key]]
  },
  {
    name: "plain-node",
    protocol: "a-chat",
    isInstalled: () => true,
    help: [process.execPath, ["-e", "0"]],
    command: (port) => [process.execPath, [path("forwarder.mjs"), String(port)]]
  },
  {
    name: "nats-server",
    protocol: "nats",
    isInstalled: () => runs("nats-server", "--version"),
    help: ["nats-server", ["--help"]],
    command: (port, { kind }) => {
      const file = join(folder, "nats.conf")
      writeFileSync(file, `host: "127.0.0.1"\nport: ${port}\n${kind === "slow" ? patient["nats-server"] : ""}`)
      return ["nats-server", ["-c", file]]
    }
  }
]

/** What `--costs` compares. */
export const costs = [
  "a-chat",
  "a-chat-unix",
  "a-chat-proxy",
  "a-chat-admin",
  "a-chat-ack",
  "a-chat-tls",
  "plain-node-tls"
]

/** What `--web` compares. */
export const overWeb = ["a-chat", "a-chat-web", "a-chat-web-single", "ws-relay", "ws-relay-single"]

/** What `--cluster` compares. */
export const withNodes = ["raw-nats", "a-chat-cluster", "a-chat"]

/** What `--store` compares. */
export const withStore = ["a-chat", "a-chat-store", "raw-disk"]
export const names = all.map((server) => server.name)
export const serverOf = (name) => all.find((server) => server.name === name)
export const versionOf = (name) =>
  name === "nats-server"
    ? spawnSync(name, ["--version"], { encoding: "utf8" }).stdout.trim().split(" ").at(-1)
    : undefined

/**
 * Scrapes the metrics as Prometheus does, but fifteen times as often; `stop` returns the fault, if there was one. The
 * first answers of a new server take ten times as long, so they are requested before the load.
 */
const scrape = async (port) => {
  let fault
  const ask = async () => {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`)
      if (!(await answer.text()).includes("\nachat_pairs_unaccounted 0\n"))
        fault = "has pairs in flight that are in no queue"
    } catch (error) {
      fault = `did not answer a scrape: ${error.message}`
    }
  }
  for (let i = 0; i < 30; i++) await ask()
  const timer = setInterval(ask, 1000)
  const stop = () => {
    clearInterval(timer)
    return fault
  }
  return { stop }
}

/**
 * A new process of a server, without environment variables that configure a-chat. `place` is its port or socket, and
 * `milliseconds` the time until it answered there; `stop` resolves when the process has ended.
 */
export const start = async (server, row) => {
  const [port, other] = [await freePort(), await freePort()]
  const place = server.isWeb ? other : (server.socket ?? port)
  const [command, args] = await server.command(port, row, other)
  const log = join(folder, `${server.name}.log`)
  const env = neutral()
  const file = openSync(log, "w")
  // The store has a thread of its own, which must not take the time of the event loop's, nor start after it.
  const hasBoth = row.kind === "serving" || (server.name === "a-chat-store" && row.accounts !== undefined)
  const cores = hasBoth ? "0,1" : 0
  const child = spawnOn(cores, command, args, { env, stdio: ["ignore", file, file] })
  closeSync(file)
  const ended = once(child, "exit")
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)
  const fault = (what) => new Error(`${server.name} ${what}\n${readFileSync(log, "utf8").slice(-2000)}`)

  const begun = performance.now()
  while (!(await answers(place))) {
    if (child.exitCode !== null || performance.now() - begun > 10_000) throw fault("did not start")
    await sleep(2)
  }
  const milliseconds = performance.now() - begun
  await sleep(100)
  const scraped = server.isScraped ? await scrape(other) : undefined
  const stop = async () => {
    const trouble = scraped?.stop()
    child.kill("SIGTERM")
    const timer = setTimeout(kill, 15_000)
    const [code, signal] = await ended
    clearTimeout(timer)
    process.removeListener("exit", kill)
    // a-chat exits with 1 if its ledger does not balance
    if (code !== 0 && server.name !== "nats-server") throw fault(`ended with ${code ?? signal}`)
    if (trouble !== undefined) throw fault(trouble)
  }
  return { place, port, other, pid: child.pid, milliseconds, stop }
}
