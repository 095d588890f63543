// A server that is killed and started again on the same store. Imported, not run.
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { neutral } from "../environment.mjs"
import { answers, freePort } from "../port.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** The built program. */
export const built = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

export class KilledServer {
  process = undefined

  constructor(program, store, port, flags, disk) {
    this.program = program
    this.store = store
    this.port = port
    this.flags = flags
    this.disk = disk
    process.on("exit", () => this.process?.kill("SIGKILL"))
  }

  /**
   * @param store a file, or the URL of a database
   * @param disk the environment of a simulated disk (`environment`), and what happens to it after a kill (`killed`)
   */
  static async on(program, store, flags = [], disk = { environment: {}, killed: () => {} }) {
    return new KilledServer(program, store, await freePort(), flags, disk)
  }

  /** Resolves when it accepts connections. */
  async start() {
    const args = [this.program, "serve", "--port", String(this.port), "--store", this.store, ...this.flags]
    this.process = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...neutral(), ...this.disk.environment, ACHAT_LOG_LEVEL: "error" }
    })
    while (!(await answers(this.port))) {
      const { exitCode } = this.process
      if (exitCode !== null) throw new Error(`the server did not start: exit status ${exitCode}`)
      await sleep(5)
    }
  }

  async kill() {
    const ended = once(this.process, "exit")
    this.process.kill("SIGKILL")
    await ended
    this.disk.killed()
  }

  /** Ends it in order, and returns its exit status: 1 if its ledger does not balance. */
  async stop() {
    const ended = once(this.process, "exit")
    this.process.kill("SIGTERM")
    const [status] = await ended
    return status
  }

  /** Runs `a-chat store` on the store, while no server runs. Returns what it prints. */
  command(request, { flags = [], input } = {}) {
    const args = [this.program, "store", request, "--store", this.store, ...flags]
    const { status, stderr, stdout } = spawnSync(process.execPath, args, { input, env: neutral(), encoding: "utf8" })
    if (status !== 0) throw new Error(`store ${request}: ${stdout}${stderr}`)
    return stdout
  }
}
