// A database server as a process of this machine, on a Unix socket. Imported, not run.
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { env, getuid, kill } from "node:process"
import { setTimeout } from "node:timers/promises"
import { asUser } from "./machines.mjs"
import { Process } from "./processes.mjs"

const debian = "/usr/lib/postgresql"

/** The folder of Postgres' programs, which Debian does not have in the PATH; undefined if it is not installed. */
export const postgresPrograms = [
  ...(existsSync(debian) ? readdirSync(debian) : [])
    .toSorted((one, other) => Number(other) - Number(one))
    .map((version) => join(debian, version, "bin")),
  ...(env.PATH ?? "").split(delimiter)
].find((folder) => ["postgres", "initdb"].every((name) => existsSync(join(folder, name))))

/** Postgres refuses to run as root, so it runs as another user then. */
const user = () => {
  if (getuid?.() !== 0 || asUser() !== undefined) return {}
  const users = readFileSync("/etc/passwd", "utf8").split("\n")
  const [, , uid, gid] = (users.find((line) => /^(?:postgres|nobody):/u.test(line)) ?? "").split(":")
  return { uid: Number(uid), gid: Number(gid) }
}

/** The processes that this one has started (Linux). */
const childrenOf = (pid) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number)

const sendTo = (pid, signal) => {
  try {
    kill(pid, signal)
  } catch {
    // It ended with its parent.
  }
}

const program = (name) => join(postgresPrograms, name)

/**
 * A new, empty database server, not started, in a folder of its own. `url` is what `--store` takes. It ends with
 * SIGQUIT or SIGKILL as in a crash, with SIGINT after its transactions, and with SIGTERM only after its clients.
 */
export const postgres = (folder) => {
  const place = join(folder, "postgres")
  const data = join(place, "data")
  mkdirSync(data, { recursive: true })
  const { gid, uid } = user()
  if (uid !== undefined) {
    chmodSync(folder, 0o755)
    for (const path of [place, data]) chownSync(path, uid, gid)
  }
  const options = { uid, gid, cwd: place, env: { ...env, LC_ALL: "C" } }
  const init = [program("initdb"), "--auth=trust", "--username=chat", "--no-sync", "-D", data]
  const [file, ...args] = [...(asUser() ?? []), ...init]
  execFileSync(file, args, { ...options, stdio: "ignore" })
  const command = [...(asUser() ?? []), program("postgres"), "-D", data, "-k", place, "-c", "listen_addresses="]
  const isReady = async () => server.latest.includes("ready to accept connections")
  const server = new Process("postgres", command, isReady, options)
  const all = (signal) => {
    const { pid } = server.child
    const children = childrenOf(pid)
    // The first one first: it would start others again.
    for (const one of [pid, ...children]) sendTo(one, signal)
    return children
  }
  /** Sends a signal to all of its processes. */
  server.signalAll = all
  /** Kills all of its processes, and waits until they are gone: before that, the next start is refused. */
  server.crash = async () => {
    const ended = once(server.child, "exit")
    const children = all("SIGKILL")
    await ended
    while (children.some((pid) => existsSync(`/proc/${pid}`))) await setTimeout(5)
  }
  server.url = `postgres://chat@/postgres?host=${place}`
  server.socket = join(place, ".s.PGSQL.5432")
  return server
}
