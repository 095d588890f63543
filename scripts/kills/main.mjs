// Kills a loaded server with SIGKILL, again and again, and starts it on the same store: `npm run kills` (needs dist/)
//
//   --kills N       (default 100; 30 with --rooms)
//   --seed N        of the moments of the kills, and of what members of rooms do (default: the time)
//   --program FILE  the program to kill (default dist/main.js)
//   --store PATH    a new store: a file, or postgres://… (default: a file in a temporary folder)
//   --flush-millis N   how much longer each flush of the store takes: a slow disk (Linux, with a C compiler)
//   --power-cuts    after each kill, the store is what had been flushed (Linux, with a C compiler)
//                   The disk is that of the default store: neither goes with --store, which exits with 2
//   --save FILE     adds the result to a file of results
//   --update-docs FILE   runs nothing, and writes the results in that file into the table of OPERATING.md
//
// Guests and the account alice write to the account bob, which acknowledges on one device and not on the other. Exits
// with 1 if a line that was reported as stored does not reach the device that acknowledges, if a number is missing or
// stands for two lines, if a line that alice sent again with its label (`once`) is stored twice, if one of her lines
// has no copy on her other device, or if at last she has no receipt for them.
//
//   --rooms         members of rooms instead: accounts, of which a third have two devices, and guests
//   --members N     how many (default 1,000, in 50 rooms)
//   --minutes N     how long, in which all kills are (default 10)
//   --rate N        lines per second (default 40)
//
// They write, join, leave, are removed, invited and silenced, look back, and come and go. Exits with 1 if a line that
// was reported as stored is lost for a member that acknowledges, or not in /history; if a line has two numbers, or two
// members see another order; if anybody is given a line of a room that it is not in, or from before its join, or finds
// one with any command; if a line comes again without a kill or a break since, or long after it was acknowledged; if a
// line of a member returns; or if the store's ledger does not add up after a kill.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { commit, machine, replace } from "../documents.mjs"
import { seededRandom } from "../random.mjs"
import { direct } from "./direct.mjs"
import { compile, cutPower, keep } from "./disk.mjs"
import { formOf, table } from "./report.mjs"
import { rooms } from "./rooms.mjs"
import { built, KilledServer } from "./server.mjs"

const text = { type: "string" }
const { values } = parseArgs({
  options: {
    kills: text,
    "flush-millis": text,
    "power-cuts": { type: "boolean", default: false },
    save: text,
    "update-docs": text,
    seed: { ...text, default: String(Date.now() % 1_000_000_000) },
    program: { ...text, default: built },
    store: text,
    rooms: { type: "boolean", default: false },
    members: { ...text, default: "1000" },
    minutes: { ...text, default: "10" },
    rate: { ...text, default: "40" }
  }
})
if (values["update-docs"] !== undefined) {
  replace("kills", table(JSON.parse(readFileSync(values["update-docs"], "utf8"))))
  process.exit(0)
}

if (values.store !== undefined && (values["power-cuts"] || values["flush-millis"] !== undefined)) {
  console.error("--power-cuts and --flush-millis simulate the disk of the default store: leave out --store")
  process.exit(2)
}

const measured = commit()
const kills = Number(values.kills ?? (values.rooms ? 30 : 100))
const random = seededRandom(Number(values.seed))
const parent = mkdtempSync(join(tmpdir(), "a-chat-kills-"))
process.on("exit", () => rmSync(parent, { recursive: true, force: true }))
const [folder, shadow] = ["disk", "shadow"].map((name) => join(parent, name))
for (const name of [folder, shadow]) mkdirSync(name)

/** The simulated disk that the flags ask for. */
const disk = () => {
  const cuts = values["power-cuts"]
  const millis = values["flush-millis"]
  if (!cuts && millis === undefined) return undefined
  const environment = { LD_PRELOAD: compile(parent), FOLDER: folder }
  if (cuts) environment.SHADOW = shadow
  if (millis !== undefined) environment.DELAY = millis
  const killed = () => {
    if (!cuts) return
    cutPower(folder, shadow)
    // The next server starts with what is on the disk now.
    keep(folder, shadow)
  }
  return { environment, killed }
}

const server = await KilledServer.on(values.program, values.store ?? join(folder, "chat.db"), [], disk())

try {
  const { members, minutes, rate } = values
  const { faults, figures } = await (values.rooms
    ? rooms(server, { kills, random, members: Number(members), minutes: Number(minutes), perSecond: Number(rate) })
    : direct(server, { kills, random }))
  for (const [title, figure] of Object.entries(figures)) console.log(`${title.padEnd(27)} ${figure}`)
  for (const fault of faults.slice(0, 10)) console.log(`FAULT  ${fault}`)
  console.log(faults.length === 0 ? `ok: seed ${values.seed}` : `${faults.length} faults: seed ${values.seed}`)
  if (values.save !== undefined) save(values.save, { form: formOf(values), figures, faults: faults.length })
  process.exit(faults.length === 0 ? 0 : 1)
} catch (error) {
  console.error(`FAILED: ${error.message} (seed ${values.seed})`)
  process.exit(1)
}

function save(file, result) {
  const before = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : []
  writeFileSync(file, JSON.stringify([...before, { ...result, commit: measured, machine: machine() }]))
}
