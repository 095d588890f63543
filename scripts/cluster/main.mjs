// A cluster on this machine, to try it out: `npm run cluster [-- --nodes 3] [--nats 3] [-- FLAGS OF SERVE]`. It starts
// NATS servers, a Postgres server if that is installed, and nodes that keep accounts and rooms in it. It says how to
// connect to them, starts a node again that was killed, and ends all of them with Ctrl-C. Without Postgres, all clients
// are guests.
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { postgres, postgresPrograms } from "./postgres.mjs"
import { natsServer, natsServers, node } from "./processes.mjs"

const { positionals, values } = parseArgs({
  options: { nodes: { type: "string", default: "3" }, nats: { type: "string", default: "3" } },
  allowPositionals: true
})
const count = (name, most) => {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= 1 && number <= most) return number
  console.error(`cluster: --${name} takes a number from 1 to ${most}`)
  process.exit(2)
}
const [nodeCount, natsCount] = [count("nodes", 9), count("nats", 5)]
if (natsServer === undefined) {
  console.error("cluster: nats-server is not installed; in Debian and Ubuntu: apt-get install nats-server")
  process.exit(2)
}

/** Clients are at other nodes by then, and the others have taken the node for lost. */
const restSeconds = 20

const folder = mkdtempSync(join(tmpdir(), "achat-cluster-"))
const started = []
let ending
const end = (status) => {
  ending ??= (async () => {
    // The nodes first: they deliver what they have accepted, over the NATS servers, and store it.
    const nodes = started.filter(({ port, url }) => port !== undefined && url === undefined)
    await Promise.all(nodes.map((one) => one.end()))
    await Promise.all(started.map((one) => one.end(one.name === "postgres" ? "SIGINT" : "SIGTERM")))
    rmSync(folder, { recursive: true, force: true })
    process.exit(status)
  })()
  return ending
}
const startingAgain = async (one) => {
  for (;;) {
    if (one.isRunning) await once(one.child, "exit")
    if (ending !== undefined) return
    console.log(`node ${one.name} has ended, and starts again in ${restSeconds} s`)
    await setTimeout(restSeconds * 1_000)
    if (ending !== undefined) return
    await one.start().then(
      () => console.log(`node ${one.name} is ready again   kill -9 ${one.child.pid}`),
      (error) => console.error(`cluster: ${error.message}`)
    )
  }
}
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void end(0))

try {
  const servers = await natsServers(natsCount, folder)
  const database = postgresPrograms === undefined ? undefined : postgres(folder)
  started.push(...servers, ...(database === undefined ? [] : [database]))
  await Promise.all(started.map((server) => server.start()))
  const flags = database === undefined ? positionals : ["--store", database.url, ...positionals]
  const urls = servers.map(({ url }) => url)
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"].slice(0, nodeCount)
  const nodes = await Promise.all(names.map((name) => node({ name, folder, urls, flags })))
  started.push(...nodes)
  await Promise.all(nodes.map((one) => one.start()))
  console.log(`NATS: ${urls.join(" ")}`)
  if (database === undefined)
    console.log("Postgres is not installed: there are no accounts, and no rooms that are kept\n")
  else console.log(`Postgres: ${database.url}\n`)
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`)
  for (const [at, { admin, child, control, name, port }] of nodes.entries()) {
    const servers = [...hosts.slice(at), ...hosts.slice(0, at)].join(",")
    console.log(`node ${name}   node dist/main.js connect --server ${servers}`)
    console.log(`         node dist/main.js nodes --socket ${control}`)
    console.log(`         nc 127.0.0.1 ${port}   admin page http://127.0.0.1:${admin}/   kill -9 ${child.pid}`)
  }
  console.log("\nThe first line of nc is its name. A node that was killed starts again. Ctrl-C ends everything.")
  for (const one of nodes) void startingAgain(one)
} catch (error) {
  if (ending === undefined) console.error(`cluster: ${error.message}`)
  await end(1)
}
