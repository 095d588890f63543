// The server under test as a child process, and its measurements. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { neutral } from "../environment.mjs"
import { cpuOf, residentOf } from "../bench/resources.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

const descriptorsOf = (pid) => {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return undefined // only Linux has these
  }
}

/** How long to wait for an answer of the process, in milliseconds. */
const patience = 10_000

/** Starts `program` (by default the built one) on a free port. */
export const start = async (program = path("../../dist/main.js"), flags = []) => {
  const args = ["--import", path("probe.mjs"), program, "serve", "--port", "0", "--log-format", "logfmt", ...flags]
  const env = neutral()
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe", "ipc"] })
  const kill = () => child.kill("SIGKILL")
  process.once("exit", kill)

  // Only two parts of the log are kept: its last lines, and lines that a server should not write.
  let tail = ""
  const alarms = []
  child.stderr.setEncoding("utf8").on("data", (text) => {
    const lines = (tail + text).split("\n")
    alarms.push(...lines.slice(0, -1).filter((line) => !/^timestamp=\S+ level=(?:INFO|WARN) /.test(line)))
    tail = lines.slice(-5).join("\n")
  })
  const ended = once(child, "close").then(([code, signal]) => code ?? signal)
  const port = await new Promise((resolve, reject) => {
    const look = () => {
      const found = /address=127\.0\.0\.1:(\d+)/.exec(tail)
      if (found !== null) resolve(Number(found[1]))
    }
    child.stderr.on("data", look)
    void ended.then((status) => reject(new Error(`the server did not start (${status}): ${tail}`)))
  })

  return {
    port,
    /** Memory in KB, CPU seconds since the start, and counts. */
    sample: async () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server has ended: ${tail}`)
      const answer = once(child, "message", { signal: AbortSignal.timeout(patience) })
      child.send("")
      const [inside] = await answer
      return {
        resident: residentOf(child.pid),
        cpu: cpuOf(child.pid),
        descriptors: descriptorsOf(child.pid),
        ...inside
      }
    },
    /** Ends the server in order, and returns its exit status and its ledger. */
    stop: async () => {
      child.kill("SIGTERM")
      const timer = setTimeout(kill, 2 * patience)
      const status = await ended
      clearTimeout(timer)
      process.removeListener("exit", kill)
      const ledger = Object.fromEntries(
        ["accepted", "written", "received", "returned", "dead", "inFlight"].map((key) => [
          key,
          Number(new RegExp(` ${key}=(\\d+)`).exec(tail)?.[1])
        ])
      )
      return { status, ledger, alarms }
    }
  }
}
