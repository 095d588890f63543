import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { NatsConnection, natsDriver } from "../../src/cluster/NatsConnection.js"
import { freePort } from "./FreePort.js"
import { temporaryFolder } from "./TemporaryFolder.js"

/** Debian has the program in a folder that is not in everybody's PATH. */
const program = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/local/bin"]
  .map((folder) => join(folder, "nats-server"))
  .find((path) => existsSync(path))

/** Why there is no NATS here; undefined if there is. */
export const missing = program === undefined ? "nats-server is not installed" : undefined

/** The driver, which the build would bundle. */
export const driver = createRequire(import.meta.url).resolve("@nats-io/transport-node")

export interface NatsServer {
  readonly url: string
  /** What it has on its disk. */
  readonly folder: string
  /** Ends the server with SIGKILL, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
  /** Starts it, with what it has on its disk. */
  readonly start: Effect.Effect<void>
  /** Stops it (SIGSTOP) and lets it go on (SIGCONT): to the others it is silent. */
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
}

/** Whether any thread of a process does not stand still yet; false where the kernel does not tell. */
const runs = (pid: number | undefined): boolean => {
  const tasks = `/proc/${pid}/task`
  if (pid === undefined || !existsSync(tasks)) return false
  return readdirSync(tasks).some((task) => /^State:\s+[^T]/mu.test(readFileSync(join(tasks, task, "status"), "utf8")))
}

const makeServer = (port: number, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    let child: ChildProcess | undefined
    const start = Effect.promise(async () => {
      const given = ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder, ...args]
      const server = spawn(program ?? "", given, { stdio: ["ignore", "ignore", "pipe"] })
      child = server
      let log = ""
      await new Promise<void>((resolve, reject) => {
        server.stderr.on("data", (chunk) => {
          log = (log + String(chunk)).slice(-10_000)
          if (log.includes("Server is ready")) resolve()
        })
        server.once("exit", () => reject(new Error(log)))
      })
    })
    const kill = Effect.promise(async () => {
      const server = child
      child = undefined
      if (server === undefined) return
      const exited = once(server, "exit")
      server.kill("SIGKILL")
      await exited
    })
    yield* Effect.acquireRelease(start, () => kill)
    const signal = (signal: NodeJS.Signals) =>
      Effect.promise(async () => {
        child?.kill(signal)
        if (signal !== "SIGSTOP") return
        // A thread of it may still run on another core, and answer.
        // oxlint-disable-next-line no-await-in-loop -- until it has stopped
        while (runs(child?.pid)) await new Promise((resolve) => setTimeout(resolve, 1))
      })
    return { folder, url: `nats://127.0.0.1:${port}`, start, kill, signal } satisfies NatsServer
  })

/** One server with JetStream, until the scope closes. */
export const one = (...args: ReadonlyArray<string>) =>
  Effect.flatMap(
    Effect.promise(() => freePort()),
    (port) => makeServer(port, args)
  )

/** Three servers that are one cluster, with a leader. */
export const three = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const ports = yield* Effect.promise(async () => {
      const ports: Array<readonly [number, number]> = []
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      for (let i = 0; i < 3; i++) ports.push([await freePort(), await freePort()])
      return ports
    })
    const routes = ports.map(([, route]) => `nats://127.0.0.1:${route}`).join(",")
    return yield* Effect.forEach(
      ports,
      ([port, route], index) =>
        makeServer(port, [
          "-n",
          `n${index}`,
          "--cluster_name",
          "test",
          "--cluster",
          `nats://127.0.0.1:${route}`,
          "--routes",
          routes,
          ...args
        ]),
      { concurrency: 3 }
    )
  })

/** A connection to a server, without what a node has above it. */
export const connected = (url: string, user: { readonly user?: string; readonly pass?: string } = {}) =>
  Effect.gen(function* () {
    const connection = new NatsConnection(natsDriver(driver), {
      connect: { servers: url, reconnect: false, ...user },
      pingMillis: 500,
      maxUnconfirmedBytes: 1e6,
      minPayload: 1
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => connection.open()),
      () => Effect.promise(() => connection.close())
    )
    return connection
  })
