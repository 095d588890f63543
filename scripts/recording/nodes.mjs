// Records three users at three nodes of a cluster, for OPERATING.md:
// `npm run build && node scripts/recording/nodes.mjs` (needs nats-server, Postgres, and `script` of util-linux). Starts
// NATS, a database and nodes of dist/, kills the node of one user in mid-conversation, and draws what each of them sees
// into scripts/recording/nodes.svg. The clock of the clients is fake, and so is chance, which decides to which node the
// user goes who has lost one.
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { postgres, postgresPrograms } from "../cluster/postgres.mjs"
import { natsServer, natsServers, node } from "../cluster/processes.mjs"
import { draw } from "./drawing.mjs"
import { open } from "./person.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const program = path("../../dist/main.js")
const size = { columns: 46, rows: 11 }
const about = "Alice, bob and carol at three nodes: they talk, the node of bob is killed, and he goes on at another one"
const [enter, password] = ["\r", "correct horse"]
if (natsServer === undefined || postgresPrograms === undefined) throw new Error("nats-server or Postgres is missing")
const folder = await mkdtemp(join(tmpdir(), "a-chat-"))

/** Functions that end what was started, last one first. */
const ends = []

const start = async (...processes) => {
  ends.push(() => Promise.all(processes.map((one) => one.end(one.name === "postgres" ? "SIGINT" : "SIGTERM"))))
  await Promise.all(processes.map((one) => one.start()))
  return processes
}

/** Nodes at addresses that are the same in every recording. */
const addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
const port = 7878

const register = async (name) => {
  const socket = connect(port, addresses[0])
  socket.write(`${name}\n/register ${password}\n`)
  const [answer] = await once(socket, "data")
  if (!String(answer).startsWith("* registered")) throw new Error(`not registered: ${answer}`)
  socket.end("/quit\n")
  await once(socket, "close")
}

/** @param at the number of the node that the user prefers */
const enterAt = (at, login, chance) => {
  const fakes = `Date.now = () => ${Date.UTC(2026, 0, 1, 9, 41)}; Math.random = () => ${chance}`
  const servers = [...addresses.slice(at), ...addresses.slice(0, at)].map((address) => `${address}:${port}`).join(",")
  const flags = ["--server", servers, "--login", login, "--history", "off"]
  const command = ["env", `ACHAT_PASSWORD=${password}`, `XDG_STATE_HOME=${join(folder, login)}`, process.execPath]
  command.push("--import", `data:text/javascript,${fakes}`, program, "connect", ...flags)
  const person = open({ ...size, command, cwd: folder })
  ends.push(() => person.close())
  return person
}

const scenes = []
const scene = async (title, people) => {
  for (const person of people) await person.settled()
  scenes.push({ title, screens: people.map((person) => person.screen()) })
}

try {
  const servers = await natsServers(1, folder)
  const database = postgres(folder)
  await start(...servers, database)
  const urls = servers.map(({ url }) => url)
  const nodes = await Promise.all(
    ["a", "b", "c"].map(async (name, at) => {
      const machine = { clientHost: addresses[at], clientPort: port }
      return node({ name, folder, urls, machine, flags: ["--store", database.url] })
    })
  )
  await start(...nodes)
  for (const name of ["alice", "bob", "carol"]) await register(name)

  const alice = enterAt(0, "alice", 0.5)
  await alice.sees(/as alice/u)
  const bob = enterAt(1, "bob", 0.1)
  await bob.sees(/as bob/u)
  const carol = enterAt(2, "carol", 0.5)
  await carol.sees(/as carol/u)
  await bob.sees(/· carol joined/u)
  await alice.sees(/carol joined/u)
  const people = [alice, bob, carol]
  for (const person of people) {
    person.types(`/join #ops${enter}`)
    await person.sees(/#ops › $/u)
  }
  await alice.sees(/#ops: (?:bob, )?carol joined/u)
  await bob.sees(/#ops: carol joined/u)
  for (const person of people) person.types("\x0c")
  alice.types(`deploying 1.4 at ten${enter}`)
  for (const person of [bob, carol]) await person.sees(/alice › deploying 1\.4 at ten/u)
  bob.types(`wait, one test is red${enter}`)
  for (const person of [alice, carol]) await person.sees(/bob › wait, one test is red/u)
  carol.types(`which one?${enter}`)
  for (const person of [alice, bob]) await person.sees(/carol › which one\?/u)
  bob.types("the one about ti")
  await bob.sees(/about ti$/u)
  await scene("Alice, bob and carol are at three nodes, and in one room.", people)

  nodes[1].signal("SIGKILL")
  bob.types(`me zones${enter}`)
  carol.types(`bob, are you there?${enter}`)
  await carol.sees(/✓ #ops ‹ bob, are you there\?/u)
  alice.types(`bob: shall I wait?${enter}`)
  await alice.sees(/✓ bob ‹ shall I wait\?/u)
  await alice.sees(/#ops 1/u)
  await bob.sees(/your lines are kept\s+#ops/u)
  await scene(
    "The node of bob is killed. The others go on; what they write to him is stored, and what he types is kept.",
    people
  )

  await bob.sees(/connected to 127\.0\.0\.3:7878 again/u)
  await bob.sees(/✓ #ops ‹ the one about time zones/u)
  await alice.sees(/✓✓ bob has received/u)
  await carol.sees(/bob › the one about time zones/u)
  bob.types(`/go alice${enter}`)
  await bob.sees(/alice › shall I wait\?[^]*alice › $/u)
  bob.types(`yes, please${enter}`)
  await alice.sees(/bob › yes, please/u)
  alice.types(`/go #ops${enter}`)
  await alice.sees(/bob › the one about time zones[^]*#ops › $/u)
  await scene(
    "Seconds later, bob is at the node of carol: he has what was written to him, and his line is there once.",
    people
  )

  await writeFile(path("nodes.svg"), draw(scenes, size, about))
} finally {
  for (const end of ends.toReversed()) await end()
  await rm(folder, { recursive: true })
}
