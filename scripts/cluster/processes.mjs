// NATS servers and nodes of a cluster as processes of this machine. Imported, not run.
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync } from "node:fs"
import { delimiter, join } from "node:path"
import { env } from "node:process"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { answers, freePort } from "../port.mjs"

/** The built program. */
export const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/** The program of NATS, also where it is not in the PATH, as in Debian; undefined if it is not installed. */
export const natsServer = [...(env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/local/bin"]
  .map((folder) => join(folder, "nats-server"))
  .find((path) => existsSync(path))

/** Its version, such as `v2.9.21`. */
export const natsVersion = () =>
  spawnSync(natsServer ?? "nats-server", ["--version"], { encoding: "utf8" })
    .stdout?.trim()
    .split(" ")
    .at(-1)

/** The processes that run. Whatever ends this one, also a mistake in it, ends them, even those that are stopped. */
const running = new Set()
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL")
})

/** A process that can be killed and started again with the same command. */
export class Process {
  child
  log = ""
  /** What it has written since it was started last. */
  latest = ""

  /**
   * @param args the command and its arguments
   * @param options further ones of `spawn`
   */
  constructor(name, args, ready, options = {}) {
    Object.assign(this, { name, args, ready, options })
  }

  /** Starts it, and waits until it can be used, for 30 s at most. */
  async start() {
    const [command, ...args] = this.args
    const options = { ...this.options, stdio: ["ignore", "ignore", "pipe"], env: { ...env, ...this.options.env } }
    const child = spawn(command, args, options)
    this.child = child
    this.latest = ""
    running.add(child)
    child.once("exit", () => running.delete(child))
    child.stderr.setEncoding("utf8").on("data", (text) => {
      this.log = (this.log + text).slice(-200_000)
      this.latest = (this.latest + text).slice(-20_000)
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

/** NATS servers with JetStream, not started: one, or a cluster of more; each on its machine, or all on this one. */
export const natsServers = async (count, folder, machines = []) => {
  const places = []
  for (let i = 0; i < count; i++) {
    const { host = "127.0.0.1", within = [] } = machines[i] ?? {}
    places.push({ host, within, port: await freePort(), route: await freePort(), monitor: await freePort() })
  }
  const routes = places.map(({ host, route }) => `nats://${host}:${route}`).join(",")
  return places.map(({ host, monitor, port, route, within }, at) => {
    const data = join(folder, `nats-${at + 1}`)
    mkdirSync(data, { recursive: true })
    const cluster = ["--cluster_name", "chat", "--cluster", `nats://${host}:${route}`, "--routes", routes]
    const args = ["-a", host, "-p", String(port), "-m", String(monitor), "-js", "-sd", data, "-n", `nats-${at + 1}`]
    const server = new Process(
      `nats-${at + 1}`,
      [...within, natsServer, ...args, ...(count > 1 ? cluster : [])],
      async () => server.log.includes("Server is ready") && answers({ host, port })
    )
    return Object.assign(server, { data, host, monitor, port, url: `nats://${host}:${port}` })
  })
}

/**
 * A node, not started, whose clients come to `host` and `port`. `flags` are further ones of `a-chat serve`, and
 * `environment` further variables.
 */
export const node = async ({ environment, flags = [], folder, machine, name, urls }) => {
  const { clientHost: host = "127.0.0.1", clientPort: port = await freePort(), within = [] } = machine ?? {}
  const admin = await freePort()
  const control = join(folder, `${name}.control`)
  const places = ["--host", host, "--port", String(port), "--admin", `${host}:${admin}`, "--control", control]
  const cluster = ["--cluster", urls.join(","), "--node", name]
  const served = ["serve", ...places, "--log-format", "logfmt", ...cluster, ...flags]
  const ready = async () => (await readiness(node)) === 200
  const node = new Process(name, [...within, process.execPath, main, ...served], ready, { env: environment })
  return Object.assign(node, { admin, control, host, port })
}

/** The status of /readyz; undefined if there is no answer. */
export const readiness = async ({ admin, host }) => {
  const answer = await fetch(`http://${host}:${admin}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(() => {})
  return answer?.status
}

/** What /metrics of a node shows, summed over labels; undefined if it does not answer. */
export const metrics = async ({ admin, host }) => {
  const signal = AbortSignal.timeout(2_000)
  const answer = await fetch(`http://${host}:${admin}/metrics`, { signal }).catch(() => undefined)
  if (answer === undefined) return undefined
  const sums = new Map()
  for (const line of (await answer.text()).split("\n")) {
    const [, name, value] = /^([a-z_]+)(?:\{.*\})? (\S+)$/u.exec(line) ?? []
    if (name !== undefined) sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  return (name) => sums.get(name) ?? 0
}
