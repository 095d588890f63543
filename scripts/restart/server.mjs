// A server that is started again whenever it ends, on a socket that stays or on a port of its own. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { freePort } from "../port.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

/** How long an end and the start behind it are waited for, in milliseconds; a drain takes 10 s at most. */
const patience = 30_000

/** @param isHeld whether the socket is passed to each server, and stays in between */
export const start = async (isHeld, flags) => {
  const port = await freePort()
  const [sockets, own] = isHeld ? [[`a=${port}`], []] : [[], ["--port", String(port)]]
  const command = [process.execPath, path("../../dist/main.js"), "serve", "--log-format", "logfmt", ...own, ...flags]
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("ACHAT_")))
  const args = [path("activator.mjs"), ...sockets, "--", ...command]
  const activator = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] })

  let pid
  const kill = () => {
    activator.kill("SIGKILL")
    if (pid !== undefined) process.kill(pid, "SIGKILL")
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
    new Promise((resolve, reject) => {
      const late = () => reject(new Error(`the server: no ${event} within ${patience} ms; ${alarms.join("; ")}`))
      const timer = setTimeout(late, patience)
      waiting.set(event, (at) => {
        clearTimeout(timer)
        resolve(at)
      })
    })

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
  const listening = next("listening")
  await listening

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
