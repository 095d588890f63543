// Records two users of the terminal client, for README.md: `npm run build && node scripts/recording/main.mjs`.
// Starts a server and two clients of dist/ in pseudo-terminals (`script` of util-linux), types, waits for the expected
// text, and draws the screens into scripts/recording/session.svg. The clock is fake, and so is chance, which decides
// who reconnects first, so that recording the same program gives the same file.
import { spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { draw } from "./drawing.mjs"
import { open } from "./person.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const program = path("../../dist/main.js")
const folder = await mkdtemp(join(tmpdir(), "a-chat-"))
const size = { columns: 58, rows: 11 }
const about = "Alice and bob at the terminal client: they talk, the server goes away, and it comes back"
const [enter, tab] = ["\r", "\t"]

/** Functions that end what was started, last one first. */
const ends = []

const serve = async () => {
  const server = spawn(process.execPath, [program, "serve", "--unix", "chat.sock"], { cwd: folder, stdio: "pipe" })
  ends.push(() => server.kill("SIGKILL"))
  await new Promise((resolve, reject) => {
    let log = ""
    server.stderr.on("data", (text) => (log += text).includes("listening") && resolve())
    server.on("exit", () => reject(new Error(`the server ended: ${log}`)))
  })
  return server
}

const connect = (login, chance) => {
  const fakes = `Date.now = () => ${Date.UTC(2026, 0, 1, 9, 41)}; Math.random = () => ${chance}`
  const args = [
    "--import",
    `data:text/javascript,${fakes}`,
    program,
    "connect",
    "--unix",
    "chat.sock",
    "--login",
    login,
    "--history",
    "off"
  ]
  const person = open({ ...size, command: [process.execPath, ...args], cwd: folder })
  ends.push(() => person.close())
  return person
}

const scenes = []
const scene = async (title, people) => {
  for (const person of people) await person.settled()
  scenes.push({ title, screens: people.map((person) => person.screen()) })
}

try {
  const server = await serve()
  const alice = connect("alice", 0.5)
  await alice.sees(/as alice/u)
  const bob = connect("bob", 0.3)
  await bob.sees(/as bob/u)
  await alice.sees(/· bob joined/u)

  alice.types(`bob: is the build green?${enter}`)
  await alice.sees(/✓ bob ‹ is the build green\?/u)
  await bob.sees(/alice › is the build green\?/u)
  bob.types(tab)
  await bob.sees(/› alice: $/u)
  bob.types(`since nine${enter}`)
  await alice.sees(/bob › since nine/u)
  await bob.sees(/✓ alice ‹ since nine/u)
  alice.types(`bob, carol: then lunch?${enter}${enter}`) // twice, because carol was never here
  await alice.sees(/carol offline/u)
  await bob.sees(/then lunch/u)
  bob.types("\x1b[200~$ npm test\nTests  all passed\n$\x1b[201~")
  await bob.sees(/y\/n: send 3 lines to alice/u)
  alice.types("bob: half a li")
  await alice.sees(/half a li$/u)
  await scene("They talk; each line says what became of it, and a paste asks once.", [alice, bob])

  bob.types("y")
  await alice.sees(/bob › \$\n/u)
  await bob.sees(/✓ alice ‹ \$\n/u)
  server.removeAllListeners("exit")
  server.kill("SIGKILL")
  for (const person of [alice, bob]) await person.sees(/trying again/u)
  alice.types("ne, kept")
  alice.types(`${enter}another one${enter}`)
  await alice.sees(/another one — not sent yet/u)
  await scene("The server is gone: what is typed is kept.", [alice, bob])

  // With these chances, alice tries again before bob does. Her lines wait for him.
  for (const person of [alice, bob]) await person.sees(/are kept —/u)
  await serve()
  await alice.sees(/another one — waiting for bob/u)
  await alice.sees(/✓ bob ‹ another one/u)
  await alice.sees(/· bob joined/u)
  await bob.sees(/alice › another one/u)
  await scene("It is back, and so is bob: he gets what was kept.", [alice, bob])

  for (const person of [alice, bob]) {
    person.types(`\x0c/join #ops${enter}`)
    await person.sees(/#ops › $/u)
  }
  bob.types(`deploying 1.4${enter}`)
  await alice.sees(/#ops bob › deploying 1\.4/u)
  alice.types(`/join #web${enter}`)
  await alice.sees(/#web › $/u)
  bob.types(`done, alice${enter}`)
  await alice.sees(/» #ops 1/u)
  bob.types(`/topic Deployments${enter}`)
  await bob.sees(/topic of #ops/u)
  await scene("In rooms: what is unread elsewhere is listed above the prompt.", [alice, bob])

  await writeFile(path("session.svg"), draw(scenes, size, about))
} finally {
  for (const end of ends.toReversed()) end()
  await rm(folder, { recursive: true })
}
