// A server that is started again whenever it ends, on a socket that stays or on a port of its own. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { neutral } from "../environment.mjs"
import { freePort } from "../port.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

/** The program that is restarted, unless another is named. */
export const main = path("../../dist/main.js")

/** Waits for something, but not for ever. */
export const within = (patience, what, promise) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()} within ${patience / 1000} s`)), patience)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/**
 * @param isHeld whether the socket is passed to each server, and stays in between
 * @param patience how long an end and the start behind it are waited for, in milliseconds; a drain takes 10 s at most
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
    } catch {} // all of it has ended already; what led here must not be hidden by that
  }
  process.once("exit", kill)

  const accounts = []
  const alarms = []
  /** Resolvers by event: a server was started, it listens, it has ended. */
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
    accounts.push(Object.fromEntries([...line.matchAll(/ (\w+)=(\d+)/g)].map(([, key, count]) => [key, Number(count)])))
    happened("end")
  })
  await next("listening")

  return {
    port,
    /** The account of each server that has ended, and lines of their logs that should not be there. */
    accounts,
    alarms,
    /** Ends it in order; the next one is started then. Answers when each of that was, in milliseconds. */
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
