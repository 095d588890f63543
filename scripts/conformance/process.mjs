// Servers that the suite starts with `--command`. Imported, not run.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { answers, freePort } from "../port.mjs"
import { Failure } from "./client.mjs"
import { bridge } from "./websocket.mjs"

const within = async (promise, patience, expected) => {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(expected, `nothing within ${patience} ms`)), patience)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const children = new Set()
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")))

/**
 * Runs the command with `--port` and these flags, and waits until the port accepts; `tls` as in `open`. If `websocket`
 * is true, the endpoint is a bridge to its `--web`.
 */
export const startWith =
  (command, { tls, websocket }) =>
  async (flags, patience) => {
    const port = await freePort()
    const web = websocket ? await freePort() : undefined
    const listens = `--host 127.0.0.1 --port ${port}${web === undefined ? "" : ` --web 127.0.0.1:${web}`}`
    const line = `exec ${command} ${listens} ${flags.join(" ")}`
    const child = spawn(line, { shell: true, stdio: ["ignore", "ignore", "pipe"] })
    children.add(child)
    let errors = ""
    child.stderr.setEncoding("utf8").on("data", (text) => (errors = (errors + text).slice(-1000)))
    const exit = once(child, "close").then(([code, signal]) => {
      children.delete(child)
      return { status: code ?? signal, errors }
    })
    const kill = () => {
      child.kill("SIGKILL")
      return exit
    }
    const deadline = Date.now() + 2 * patience
    const ports = web === undefined ? [port] : [port, web]
    const isListening = async () => (await Promise.all(ports.map(answers))).every(Boolean)
    while (!(await isListening())) {
      if (child.exitCode === null && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
      else {
        await kill()
        throw new Failure(`a server on port ${port} from: ${line}`, errors)
      }
    }
    const endpoint = web === undefined ? { host: "127.0.0.1", port, tls } : await bridge(`ws://127.0.0.1:${web}/chat`)
    return {
      endpoint,
      /** Its exit status, or the signal that killed it, and the end of its standard error. */
      ended: (patience) => within(exit, patience, "the end of the server"),
      kill,
      signal: (name) => child.kill(name)
    }
  }
