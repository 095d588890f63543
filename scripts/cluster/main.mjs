// A cluster on this machine, to try it out: `npm run cluster [-- --nodes 3] [--nats 3] [-- FLAGS OF SERVE]`, after
// `npm run build`. It starts NATS servers, a Postgres server if that is installed, and nodes that keep accounts and rooms in
// it. It says how to connect to each of them, and ends all of them with Ctrl-C. Without Postgres, all clients are guests.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
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
  for (const { admin, control, name, port } of nodes) {
    console.log(`node ${name}   nc 127.0.0.1 ${port}   page http://127.0.0.1:${admin}/`)
    console.log(`         node dist/main.js nodes --socket ${control}`)
  }
  console.log(
    `\nThe first line of a client is its name. Try: kill -9 ${nodes[0].child.pid} (node a). Ctrl-C ends everything.`
  )
} catch (error) {
  if (ending === undefined) console.error(`cluster: ${error.message}`)
  await end(1)
}
