// Kills a loaded server with SIGKILL, again and again, and starts it on the same store: `npm run kills` (needs dist/)
//
//   --kills N       (default 100)
//   --seed N        of the moments of the kills (default: the time)
//   --program FILE  the program to kill (default dist/main.js)
//   --store PATH    a new store (default: a file in a temporary folder)
//
// Guests and the account alice write to the account bob, which acknowledges on one device and not on the other. Exits
// with 1 if a line that was reported as stored does not reach the device that acknowledges, if a number is missing or
// stands for two lines, if a line that alice sent again with its label (`once`) is stored twice, if one of her lines has no
// copy on her other device, or if at last she has no receipt for them.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { answers, freePort } from "../port.mjs"
import { seededRandom } from "../random.mjs"
import { Reader, Writer } from "./clients.mjs"

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    program: { type: "string", default: fileURLToPath(new URL("../../dist/main.js", import.meta.url)) },
    store: { type: "string" }
  }
})
const kills = Number(values.kills)
const random = seededRandom(Number(values.seed))
const folder = mkdtempSync(join(tmpdir(), "a-chat-kills-"))
const store = values.store ?? join(folder, "chat.db")
const port = await freePort()
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

let server = undefined
process.on("exit", () => {
  server?.kill("SIGKILL")
  rmSync(folder, { recursive: true, force: true })
})

const start = async () => {
  server = spawn(process.execPath, [values.program, "serve", "--port", String(port), "--store", store], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ACHAT_LOG_LEVEL: "error" }
  })
  while (!(await answers(port))) {
    if (server.exitCode !== null) throw new Error(`the server did not start: exit status ${server.exitCode}`)
    await sleep(5)
  }
}

const kill = async () => {
  const ended = once(server, "exit")
  server.kill("SIGKILL")
  await ended
}

/** Until a condition holds; `what` says in an error what did not happen. */
const until = async (holds, what) => {
  for (let left = 3_000; !holds(); left--) {
    if (left === 0) throw new Error(what())
    await sleep(10)
  }
}

const writers = [
  ...["carol", "dave", "erin"].map((name) => new Writer(port, name)),
  new Writer(port, "alice", "once seq receipts")
]
const alice = writers.at(-1)
const [main, phone, copies] = [
  new Reader(port, "bob", "main", "ack seq"),
  new Reader(port, "bob", "phone", "seq"),
  new Reader(port, "alice", "phone", "ack seq copies")
]
const readers = [main, phone, copies]

try {
  await start()
  for (const client of [alice, ...readers]) await client.register()
  for (let count = 0; count < kills; count++) {
    await Promise.all([...writers, ...readers].map((client) => client.come()))
    await sleep(random.between(20, 400))
    await kill()
    await Promise.all([...writers, ...readers].map((client) => client.gone()))
    await start()
  }
  for (const writer of writers) writer.rest()
  await Promise.all([...writers, ...readers].map((client) => client.come()))
  const stored = () => writers.flatMap((writer) => [...writer.stored])
  await until(
    () => writers.every((writer) => writer.isAtRest) && stored().every((text) => main.texts.has(text)),
    () =>
      `lines that were stored did not arrive: ${stored()
        .filter((text) => !main.texts.has(text))
        .slice(0, 5)}`
  )
  await until(
    () => [...alice.stored].every((text) => copies.texts.has(text)),
    () => "lines of alice have no copies"
  )
  await until(
    () => alice.givenUpTo >= alice.storedUpTo,
    () => `alice has receipts up to ${alice.givenUpTo}, and lines up to ${alice.storedUpTo}`
  )
  const ended = once(server, "exit")
  server.kill("SIGTERM")
  const [status] = await ended
  const faults = [...readers.flatMap(({ faults: some }) => some), ...main.holes(), ...copies.holes()]
  if (status !== 0) faults.push(`the server ended with status ${status}`)
  const own = [...main.texts.keys()].filter((text) => text.startsWith("alice "))
  for (const text of own) if (main.texts.get(text) > 1) faults.push(`"${text}" was stored twice`)
  for (const [text, count] of copies.texts) if (count > 1) faults.push(`"${text}" has two copies`)
  console.log(`kills                       ${kills}`)
  console.log(`lines reported as stored    ${stored().length}`)
  console.log(`stored, and not reported    ${main.texts.size - new Set(stored()).size}`)
  console.log(`given again after a kill    ${main.again}`)
  console.log(`sent again by alice         ${alice.sentAgain}`)
  console.log(`copies of hers              ${copies.texts.size}`)
  console.log(`receipts for her, up to     ${alice.givenUpTo}`)
  console.log(`lost                        0`)
  for (const fault of faults.slice(0, 10)) console.log(`FAULT  ${fault}`)
  console.log(faults.length === 0 ? `ok: seed ${values.seed}` : `${faults.length} faults: seed ${values.seed}`)
  process.exit(faults.length === 0 ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error.message} (seed ${values.seed})`)
  process.exit(1)
}
