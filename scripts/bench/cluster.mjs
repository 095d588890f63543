// The rows about several nodes: on one machine, with their NATS servers. Imported by main.mjs, not run.
import { spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { metrics, natsServers, node } from "../cluster/processes.mjs"
import { load, measure } from "./measure.mjs"
import { median } from "./report.mjs"
import { residentOf } from "./resources.mjs"
import { onBothCores, program } from "./servers.mjs"

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis))
const folderOf = () => mkdtempSync(join(tmpdir(), "a-chat-bench-cluster-"))
const names = ["a", "b", "c"]

/** Where NATS servers and nodes run. */
const machine = { within: onBothCores }

/** Runs something with NATS servers and nodes, and ends them. */
const within = async ({ nats = 1, nodes = 2, flags = [] }, run) => {
  const folder = folderOf()
  const servers = await natsServers(
    nats,
    folder,
    Array.from({ length: nats }, () => machine)
  )
  const chats = []
  try {
    await Promise.all(servers.map((server) => server.start()))
    const urls = servers.map(({ url }) => url)
    for (const name of names.slice(0, nodes)) chats.push(await node({ name, folder, urls, flags, machine }))
    await Promise.all(chats.map((chat) => chat.start()))
    return await run(chats, servers)
  } finally {
    await Promise.all(chats.map((chat) => chat.end("SIGTERM", 5_000)))
    await Promise.all(servers.map((server) => server.end()))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A client that takes lines as they come. */
const client = async (port, name, onLine = () => {}) => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  let rest = ""
  let first
  const answered = new Promise((resolve) => (first = resolve))
  socket.setEncoding("latin1").on("data", (text) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop()
    for (const line of lines) {
      first(line)
      onLine(line)
    }
  })
  socket.on("error", () => {})
  socket.on("close", () => first(""))
  socket.write(`${name}\n/ping in\n`)
  return { socket, isIn: (await answered) === "* pong: in" }
}

/** The messages of a row over NATS alone. */
const raw = ({ batch, milliseconds, window }) =>
  within({ nodes: 0 }, async (_, [{ url }]) => {
    const script = fileURLToPath(new URL("nats-pair.mjs", import.meta.url))
    const args = [script, url, join(dirname(program), "nats.cjs"), batch, window, milliseconds].map(String)
    const [command, ...rest] = [...onBothCores, process.execPath, ...args]
    const { status, stderr, stdout } = spawnSync(command, rest, { encoding: "utf8" })
    if (status !== 0) throw new Error(`NATS alone: ${stderr}`)
    return JSON.parse(stdout)
  })

const traffic = (row, isQuick) =>
  within(row, async (nodes) => {
    const running = {
      place: nodes.map(({ port }) => port).join(","),
      pid: nodes.map(({ child }) => child.pid).join(",")
    }
    const result = await load({ name: "a-chat-cluster", protocol: "a-chat" }, running, { id: row.id }, isQuick)
    return { ...result, microseconds: result.serverMicroseconds }
  })

/** One labelled line at a time from a client at `a` to one at `b`. */
const outcome = ({ lines }) =>
  within({}, async ([a, b]) => {
    const delays = []
    let begun = 0
    let number = 0
    let done
    const ended = new Promise((resolve) => (done = resolve))
    const next = () => {
      number += 1
      begun = performance.now()
      alice.socket.write(`@${number} bob: ${"x".repeat(40)}\n`)
    }
    await client(b.port, "bob")
    const alice = await client(a.port, "alice", (line) => {
      if (line.startsWith("! ")) throw new Error(line)
      if (!line.startsWith("* written ")) return
      delays.push(performance.now() - begun)
      if (delays.length === lines) done()
      else next()
    })
    alice.socket.write("/hello\n")
    next()
    await ended
    return { ok: true, p50: median(delays.slice(lines / 2)) * 1000 }
  })

/** From the end of a node until its client's name is free at another one, in terms. */
const death = ({ termMillis }) =>
  within({ flags: ["--cluster-term", `${termMillis}ms`] }, async ([a, b]) => {
    const bob = await client(b.port, "bob")
    if (!bob.isIn) throw new Error("bob is not in")
    await sleep(2 * termMillis) // as nodes that have known each other for long
    const begun = performance.now()
    b.child.kill("SIGKILL")
    for (;;) {
      const { isIn, socket } = await client(a.port, "bob")
      socket.destroy()
      if (isIn) return { ok: true, terms: (performance.now() - begun) / termMillis }
      if (performance.now() - begun > 10 * termMillis) throw new Error("the name of a lost node is never free")
      await sleep(20)
    }
  })

/**
 * What clients that never wait write to a node while another one, or the engine, stands still: the growth of its
 * memory.
 */
const away = ({ milliseconds, senders }) =>
  within({ flags: ["--cluster-term", "60s"] }, async ([a, b], [server]) => {
    let received = 0
    await client(b.port, "bob", (line) => (received += line.startsWith("from ") ? 1 : 0))
    const chunk = `bob: ${"x".repeat(59)}\n`.repeat(1_000)
    for (let i = 0; i < senders; i++) {
      const { socket } = await client(a.port, `alice-${i}`)
      const push = () => {
        while (socket.write(chunk));
      }
      socket.on("drain", push)
      push()
    }
    await sleep(2_000) // at full speed
    const growth = async (stopped) => {
      const before = residentOf(a.child.pid)
      stopped.kill("SIGSTOP")
      let peak = before
      const until = performance.now() + milliseconds
      while (performance.now() < until) {
        await sleep(50)
        peak = Math.max(peak, residentOf(a.child.pid))
      }
      stopped.kill("SIGCONT")
      await sleep(2_000)
      return (peak - before) / 1024
    }
    const node = await growth(b.child)
    const engine = await growth(server.child)
    const shown = await metrics(a)
    if (received === 0 || shown?.("achat_pairs_unaccounted") !== 0) throw new Error("the ledger does not balance")
    return { ok: true, node, engine }
  })

const kinds = { traffic, churn: traffic, outcome, death, away }

/** One run of a row about several nodes. */
export const cluster = async (server, row, isQuick) => {
  if (server.name === "raw-nats") return raw(row.raw)
  if (server.name === "a-chat-cluster") return kinds[row.cluster](row, isQuick)
  const result = await measure(server, row, isQuick)
  return { ...result, microseconds: result.serverMicroseconds }
}
