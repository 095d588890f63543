// Writes V8's compiled code of the program, which halves the start-up time: `node scripts/code-cache.mjs DIRECTORY`,
// the directory of program.cjs. V8 compiles functions when they first run, so each file has what one kind of command
// ran:
//
//   serve.cache     a server, from its start through a client that comes, sends and leaves, to its end
//   store.cache     the same of a server with a store in a file
//   program.cache   the help, and `send` to that server
//
// All kinds run in processes of their own, which this script starts with a third argument.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import V8 from "node:v8"
import { Script } from "node:vm"

const [directory = "dist", kind, unix] = process.argv.slice(2)
const path = resolve(directory, "program.cjs")

/** Runs the program once for each command, in this process. */
const record = async (file, ...commands) => {
  const source = readFileSync(path, "latin1")
  const script = new Script(source, { filename: "program.cjs" })
  // V8 rejects code that was compiled under other flags, and the program changes them while it runs.
  V8.setFlagsFromString = () => {}
  const { exit } = process
  process.stdout.write = (_text, ...rest) => {
    rest.findLast((last) => typeof last === "function")?.()
    return true
  }
  for (const command of commands) {
    process.argv = [process.execPath, path, ...command]
    const ended = new Promise((resolve) => (process.exit = resolve))
    script.runInThisContext()(createRequire(path), pathToFileURL(path).href)
    await ended
  }
  const digest = Buffer.from(source.slice(-64)) // of the program, so that no other program runs with this code
  writeFileSync(resolve(directory, file), Buffer.concat([script.createCachedData(), digest]))
  exit(0)
}

const start = (kind, socket, stdio) =>
  spawn(process.execPath, [fileURLToPath(import.meta.url), directory, kind, socket], { stdio })

/** The server of each kind is one that the clients of another use. */
const all = async () => {
  const temporary = mkdtempSync(join(tmpdir(), "a-chat-cache-")) // a socket's path must be short
  try {
    // That of the clients is made with each server, and the last one stays: the one that needs nothing else.
    for (const kind of ["store", "serve"]) await serve(kind, join(temporary, kind))
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

const serve = async (kind, socket) => {
  const server = start(kind, socket, ["ignore", "ignore", "pipe"])
  const ended = once(server, "exit")
  let log = ""
  await new Promise((resolve) => {
    server.stderr.on("data", (chunk) => (log += chunk).includes("listening") && resolve())
    server.once("exit", resolve)
  })
  if (kind === "store" && !log.includes("listening")) return // without SQLite, no server has a store
  const reader = connect(socket, () => reader.write("reader\n/hello\n"))
  // Until its `* hello`. There is an error if the server did not start, which is reported below.
  await new Promise((resolve) => reader.once("data", resolve).once("error", resolve))
  const [clients] = await once(start("clients", socket, ["ignore", "inherit", "inherit"]), "exit")
  reader.end()
  server.kill("SIGTERM")
  const [status] = await ended
  if (status !== 0) throw new Error(`the server ended with ${status}: ${log}`)
  if (clients !== 0) throw new Error(`the clients ended with ${clients}`)
}

if (kind === "serve") await record("serve.cache", ["serve", "--unix", unix])
else if (kind === "store") await record("store.cache", ["serve", "--unix", unix, "--store", `${unix}.db`])
else if (kind === "clients") await record("program.cache", ["--help"], ["send", "--unix", unix, "reader", "text"])
else await all()
