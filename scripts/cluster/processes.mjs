// NATS servers and nodes of a cluster as processes of this machine. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync } from "node:fs"
import { delimiter, join } from "node:path"
import { env } from "node:process"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { answers, freePort } from "../port.mjs"

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/** The program of NATS, also where it is not in the PATH, as in Debian; undefined if it is not installed. */
export const natsServer = [...(env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin"]
  .map((folder) => join(folder, "nats-server"))
  .find((path) => existsSync(path))

/** The processes that run. Whatever ends this one, also a mistake in it, ends them, even those that are stopped. */
const running = new Set()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** A process that can be killed and started again with the same command. */
class Process {
  child
  log = ""

  /** @param args the command and its arguments */
  constructor(name, args, ready) {
    Object.assign(this, { name, args, ready })
  }

  /** Starts it, and waits until it can be used, for 30 s at most. */
  async start() {
    const [command, ...args] = this.args
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] })
    this.child = child
    running.add(child)
    child.once("exit", () => running.delete(child))
    child.stderr.setEncoding("utf8").on("data", (text) => {
      this.log = (this.log + text).slice(-200_000)
    })
    for (let i = 0; i < 600; i++) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${this.name} ended: ${this.log}`)
      if (await this.ready()) return
      await setTimeout(50)
    }
    throw new Error(`${this.name} is not ready: ${this.log}`)
  }

  get isRunning() {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  signal(signal) {
    if (this.isRunning) this.child.kill(signal)
  }

  /** Ends it, and returns its exit status; null if it did not end within the time and was killed, or by a signal. */
  async end(signal = "SIGTERM", millis = 20_000) {
    if (!this.isRunning) return this.child?.exitCode
    const ended = once(this.child, "exit")
    this.child.kill("SIGCONT") // a stopped process takes no other signal but SIGKILL
    this.child.kill(signal)
    const timer = globalThis.setTimeout(() => this.child.kill("SIGKILL"), millis)
    await ended
    globalThis.clearTimeout(timer)
    return this.child.exitCode
  }
}

/** NATS servers with JetStream, not started: one, or a cluster of more. */
export const natsServers = async (count, folder) => {
  const ports = []
  for (let i = 0; i < count; i++) ports.push({ port: await freePort(), route: await freePort() })
  const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`).join(",")
  return ports.map(({ port, route }, at) => {
    const data = join(folder, `nats-${at + 1}`)
    mkdirSync(data, { recursive: true })
    const cluster = ["--cluster_name", "chat", "--cluster", `nats://127.0.0.1:${route}`, "--routes", routes]
    const args = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", data, "-n", `nats-${at + 1}`]
    const server = new Process(
      `nats-${at + 1}`,
      [natsServer, ...args, ...(count > 1 ? cluster : [])],
      async () => server.log.includes("Server is ready") && answers(port)
    )
    server.port = port
    server.url = `nats://127.0.0.1:${port}`
    return server
  })
}

/** A node, not started. `flags` are further ones of `a-chat serve`. */
export const node = async ({ flags = [], folder, name, urls }) => {
  const port = await freePort()
  const admin = await freePort()
  const control = join(folder, `${name}.control`)
  const served = ["--port", String(port), "--admin", String(admin), "--control", control, "--log-format", "logfmt"]
  const cluster = ["--cluster", urls.join(","), "--node", name]
  const node = new Process(name, [process.execPath, main, "serve", ...served, ...cluster, ...flags], async () => {
    const answer = await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => undefined)
    return answer?.status === 200
  })
  Object.assign(node, { admin, control, port })
  return node
}

/** What /metrics of a node shows, summed over labels; undefined if it does not answer. */
export const metrics = async ({ admin }) => {
  const signal = AbortSignal.timeout(2_000)
  const answer = await fetch(`http://127.0.0.1:${admin}/metrics`, { signal }).catch(() => undefined)
  if (answer === undefined) return undefined
  const sums = new Map()
  for (const line of (await answer.text()).split("\n")) {
    const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/u.exec(line) ?? []
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  return (name) => sums.get(name) ?? 0
}
