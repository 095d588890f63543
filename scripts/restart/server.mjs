// A server that is restarted whenever it ends, on a socket that stays open or on its own port. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { neutral } from "../environment.mjs"
import { freePort } from "../port.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

/** The program to restart, by default. */
export const main = path("../../dist/main.js")

/** Waits for a promise, but not forever. */
export const within = (patience, what, promise) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} within ${patience / 1000} s`)), patience)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/**
 * @param isHeld whether the socket stays open and is passed to each server
 * @param patience how long to wait for an end and the following start, in milliseconds; a drain takes up to 10 s
 */
export const start = async (isHeld, { flags, patience, program }) => {
  const port = await freePort()
  const [sockets, own] = isHeld ? [[`a=${port}`], []] : [[], ["--port", String(port)]]
  const command = [process.execPath, program, "serve", "--log-format", "logfmt", ...own, ...flags]
  const env = neutral()
  const args = [path("activator.mjs"), ...sockets, "--", ...command]
  const activator = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"], detached: true })

  let pid
  const kill = () => {
    // The whole group: the activator may be about to start another server.
    try {
      process.kill(-activator.pid, "SIGKILL")
    } catch {} // the group has ended already; an error here must not hide the one that led here
  }
  process.once("exit", kill)

  const ledgers = []
  const alarms = []
  /** Resolvers by event: start, listening, end. */
  const waiting = new Map()
  const happened = (event) => {
    waiting.get(event)?.(performance.now())
    waiting.delete(event)
  }
  const next = (event) =>
    within(
      patience,
      () => `${alarms.map((alarm) => `${alarm}\n`).join("")}the server: no ${event}`,
      new Promise((resolve) => waiting.set(event, resolve))
    )

  createInterface({ input: activator.stdout }).on("line", (line) => {
    const started = /^server (\d+)$/.exec(line)
    if (started === null) return
    pid = Number(started[1])
    happened("start")
  })
  createInterface({ input: activator.stderr }).on("line", (line) => {
    if (!/ level=INFO /.test(line)) alarms.push(line)
    if (/ message=listening /.test(line)) happened("listening")
    if (!/ message=stopped /.test(line)) return
    ledgers.push(Object.fromEntries([...line.matchAll(/ (\w+)=(\d+)/g)].map(([, key, count]) => [key, Number(count)])))
    happened("end")
  })
  await next("listening")

  return {
    port,
    /** The ledger of each server that has ended, and unexpected lines of their logs. */
    ledgers,
    alarms,
    /** Ends the server in order, and the next one starts. Returns the time of each event, in milliseconds. */
    restart: async () => {
      const events = ["end", "start", "listening"].map(next)
      const signalled = performance.now()
      process.kill(pid, "SIGTERM")
      const [ended, started, listening] = await Promise.all(events)
      return { signalled, ended, started, listening }
    },
    stop: async () => {
      const ended = next("end")
      activator.kill("SIGTERM")
      await once(activator, "exit")
      process.kill(pid, "SIGTERM")
      await ended
      process.removeListener("exit", kill)
    }
  }
}
