import * as Effect from "effect/Effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { temporaryFolder } from "./TemporaryFolder.js"

/** The folder of Postgres' programs; undefined if it is not installed. Debian does not have them in the PATH. */
const programs = (() => {
  const debian = "/usr/lib/postgresql"
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((one, other) => Number(other) - Number(one)) : []
  return [...versions.map((version) => join(debian, version, "bin")), ...(process.env["PATH"] ?? "").split(":")].find(
    (folder) => existsSync(join(folder, "postgres")) && existsSync(join(folder, "initdb"))
  )
})()

/** Postgres refuses to run as root, so it runs as another user then. */
const user = (() => {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync("/etc/passwd", "utf8").split("\n")
  const [, , uid, gid] = (users.find((line) => /^(?:postgres|nobody):/u.test(line)) ?? "").split(":")
  return { uid: Number(uid), gid: Number(gid) }
})()

/** Why there is no Postgres here; undefined if there is. */
export const missing = programs === undefined ? "Postgres is not installed" : undefined

/** The driver, which the build would bundle. */
export const driver = createRequire(import.meta.url).resolve("pg")

export interface PostgresServer {
  readonly url: string
  /** Ends the server like a power cut of its process, and waits until it is gone. */
  readonly kill: Effect.Effect<void>
  /** Kills all of its processes with SIGKILL, and waits until they are gone. */
  readonly killAll: Effect.Effect<void>
  /** Starts it again. */
  readonly start: Effect.Effect<void>
}

const program = (name: string) => join(programs ?? "", name)

/** The processes that this one has started (Linux). */
const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/u.test(entry)) return []
    try {
      // The name of the program is in parentheses, and may have spaces.
      const [, parent] = readFileSync(`/proc/${entry}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? []
      return Number(parent) === pid ? [Number(entry)] : []
    } catch {
      return [] // it has ended meanwhile
    }
  })

/** A database server on a Unix socket, until the scope closes. */
export const make = (...settings: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder
    const data = join(folder, "data")
    mkdirSync(data)
    if (user.uid !== undefined) {
      chmodSync(folder, 0o755)
      for (const path of [folder, data]) chownSync(path, user.uid, user.gid)
    }
    const options = { ...user, cwd: folder, env: { ...process.env, LC_ALL: "C" } }
    execFileSync(program("initdb"), ["--auth=trust", "--username=chat", "--no-sync", "-D", data], {
      ...options,
      stdio: "ignore"
    })
    appendFileSync(join(data, "postgresql.conf"), settings.map((setting) => `${setting}\n`).join(""))
    let child: ChildProcess | undefined
    const start = Effect.promise(async () => {
      const server = spawn(program("postgres"), ["-D", data, "-k", folder, "-c", "listen_addresses="], options)
      child = server
      let log = ""
      await new Promise<void>((resolve, reject) => {
        server.stderr.on("data", (chunk) => {
          log += String(chunk)
          if (log.includes("ready to accept connections")) resolve()
        })
        server.once("exit", () => reject(new Error(log)))
      })
    })
    const kill = Effect.promise(async () => {
      const server = child
      if (server === undefined) return
      child = undefined
      const exited = once(server, "exit")
      server.kill("SIGQUIT") // at once: the next start recovers
      await exited
    })
    const killAll = Effect.promise(async () => {
      const server = child
      if (server?.pid === undefined) return
      child = undefined
      const exited = once(server, "exit")
      const children = childrenOf(server.pid)
      server.kill("SIGKILL") // first: it would start children again
      for (const pid of children) {
        try {
          process.kill(pid, "SIGKILL")
        } catch {
          // It ended with its parent.
        }
      }
      await exited
      // The next start refuses to work while one of them has the shared memory.
      while (children.some((pid) => existsSync(`/proc/${pid}`))) await setTimeout(5)
    })
    yield* Effect.acquireRelease(start, () => kill)
    return { url: `postgres://chat@/postgres?host=${folder}`, kill, killAll, start } satisfies PostgresServer
  })
