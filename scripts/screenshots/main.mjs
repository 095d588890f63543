// Takes the screenshots of the admin page for OPERATING.md: `npm run build && node scripts/screenshots/main.mjs` (needs
// Chromium). Starts a server of dist/, simulates users and programs, and opens the page in a desktop and a phone
// window.
//
//   --seconds N  how long they talk before the screenshots; the charts show three minutes (default 180)
//
// Exits with 1 if the browser reported any problem.
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { seededRandom } from "../random.mjs"
import { open } from "./browser.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

const windows = {
  "desktop.png": { width: 1100, height: 640, scale: 1, dark: false },
  "phone.png": { width: 390, height: 640, scale: 1, dark: true }
}

const people = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "mallory", "olivia"]
const programs = ["build", "deploy", "monitor", "tickets", "weather", "calendar", "backup", "metrics-bot"]
const texts = [
  "is the build green?",
  "since nine",
  "then lunch?",
  "the deployment of the shop has finished; see the release notes for what has changed",
  "disk of db-2 is at 81 %",
  "on my way"
]

const serve = async () => {
  const args = [path("../../dist/main.js"), "serve", "--port", "0", "--admin", "0", "--log-format", "logfmt"]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] })
  process.once("exit", () => child.kill("SIGKILL"))
  let log = ""
  const found = (pattern) =>
    new Promise((resolve, reject) => {
      const look = () => {
        const port = pattern.exec(log)?.[1]
        if (port !== undefined) resolve(Number(port))
      }
      child.stderr.on("data", look)
      child.once("exit", () => reject(new Error(`the server ended: ${log}`)))
      look()
    })
  child.stderr.setEncoding("utf8").on("data", (text) => (log = (log + text).slice(-10_000)))
  const chat = found(/message=listening address=\S+:(\d+)/u)
  const admin = found(/message="admin listening" address=\S+:(\d+)/u)
  return { chat: await chat, admin: await admin }
}

const random = seededRandom(1)

const join = (port, name) => {
  const socket = connect(port, "127.0.0.1")
  socket.on("error", () => {}).on("data", () => {})
  socket.write(`${name}\n`)
  return socket
}

/**
 * All clients talk now and then, programs more often and in bursts; one stops reading at times, some stay only briefly.
 */
const talk = (port) => {
  const slow = join(port, "archive")
  const names = [...people, ...programs]
  for (const name of names) {
    const socket = join(port, name)
    const pause = people.includes(name) ? 400 : 40
    const speak = () => {
      const at = performance.now() / 1000
      const burst = Math.round(10 + 5 * Math.sin(at / 13) + 4 * Math.sin(at / 3) + random.below(6))
      const lines = Array.from(
        { length: people.includes(name) ? 1 : burst },
        () => `${random.pick(names)}, archive: ${random.pick(texts)}\n`
      )
      socket.write(lines.join(""))
      setTimeout(speak, random.between(pause / 2, 1.5 * pause))
    }
    speak()
  }
  const nap = () => {
    slow.pause()
    setTimeout(() => slow.resume(), 2_000)
    setTimeout(nap, random.between(10_000, 40_000))
  }
  nap()
  const visit = () => {
    const socket = join(port, random.pick(["cron", "cron", "probe", "alice", "no name!"]))
    setTimeout(() => (random.below(5) === 0 ? socket.resetAndDestroy() : socket.end()), 300)
    setTimeout(visit, random.below(8_000))
  }
  visit()
}

const { values } = parseArgs({ options: { seconds: { type: "string", default: "180" } } })
const browser = open()
if (browser === undefined) throw new Error("there is no Chromium here (package chromium)")
const { admin, chat } = await serve()
talk(chat)
const pages = []
for (const [file, size] of Object.entries(windows)) {
  pages.push({ file, page: await browser.page(`http://127.0.0.1:${admin}/`, size) })
}
await sleep(1000 * Number(values.seconds))
const complaints = []
for (const { file, page } of pages) {
  writeFileSync(path(file), await page.picture())
  complaints.push(...page.complaints)
}
await browser.close()
for (const complaint of complaints) console.error(complaint)
process.exit(complaints.length === 0 ? 0 : 1)
