// Takes the screenshots of the page for README.md: `npm run build && node scripts/screenshots/page.mjs` (needs
// Chromium). Starts a server of dist/, where others talk over TCP, and opens the page in a desktop and a phone window.
//
// Exits with 1 if the browser reported any problem.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect } from "node:net"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { chromiumPath } from "../chromium.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))

if (chromiumPath === undefined) throw new Error("there is no Chromium here (package chromium)")

const args = ["serve", "--port", "0", "--web", "0", "--store", "memory", "--log-format", "logfmt"]
const server = spawn(process.execPath, [path("../../dist/main.js"), ...args], { stdio: ["ignore", "ignore", "pipe"] })
process.once("exit", () => server.kill("SIGKILL"))
let log = ""
server.stderr.setEncoding("utf8").on("data", (text) => (log += text))
const found = async (pattern) => {
  while (!pattern.test(log)) await once(server.stderr, "data")
  return pattern.exec(log)[1]
}
const port = await found(/message=listening address=[\d.]+:(\d+)/u)
const web = await found(/message=listening address=http:\/\/\S+:(\d+)/u)

/** Sends lines over TCP, and waits until the server has handled them. */
const person = async (name, ...lines) => {
  const socket = connect(Number(port), "127.0.0.1")
  socket.setEncoding("utf8").write(`${name}\n`)
  const say = async (...more) => {
    socket.write(`${more.join("\n")}\n/ping done\n`)
    let heard = ""
    while (!heard.includes("* pong: done")) heard += (await once(socket, "data"))[0]
  }
  await say("/hello", ...lines)
  return say
}

const password = "correct horse"
const account = (name, ...rooms) => person(name, `/register ${password}`, ...rooms.map((room) => `/join ${room}`))

const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
})
const complaints = []
const open = async (name, options) => {
  const page = await (await browser.newContext({ locale: "en-GB", ...options })).newPage()
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", ({ message }) => complaints.push(message))
  await page.goto(`http://127.0.0.1:${web}/`)
  await page.fill("input[name=username]", name)
  await page.fill("input[name=password]", password)
  await page.click("button[type=submit]")
  await page.waitForSelector(".you .dot.here")
  return page
}
const picture = async (page, file) => page.screenshot({ path: path(file) })

const alice = await account("alice", "#ops", "#design", "#lunch")
const bob = await account("bob", "#ops", "#design", "#lunch")
const carol = await account("carol", "#ops", "#design")
const dave = await person("dave", "/join #lunch")
await alice("/topic #ops What is broken, and who is on it")
await bob("#ops: disk of db-2 is at 81 %, and grows by one percent an hour", "#ops: looking at the logs now")
await carol("#ops: it is the audit table. Nothing removes its old rows since the release on Monday")
await carol("#ops: https://wiki.example.org/runbooks/audit-table has what we did last time")
await alice("#ops: thanks! I can take it", "#ops: the job is switched on again; 400 GB will be free by noon")
await bob("#ops: alice: then I close the ticket after lunch", "#ops: is the build green?")
await carol(
  "#ops: since nine",
  "alice: do you have ten minutes for the review?",
  "alice: no hurry, this afternoon is fine"
)
await bob("#design: the second draft is up", "#design: comments until Thursday, please")
await dave("#lunch: noodles at half past twelve?")
await bob("alice: ticket 4711 is yours")

const desktop = await open("alice", { viewport: { width: 1100, height: 640 } })
await desktop.click(".item:has-text('ops')")
await desktop.waitForSelector(".text >> text=since nine")
await desktop.fill("#composer", "then lunch")
await desktop.press("#composer", "Enter")
await desktop.click("[aria-label='Members and settings']")
await desktop.waitForSelector(".panel .item >> text=carol")
await desktop.waitForSelector(".state >> nth=2")
await picture(desktop, "page.png")

const dark = await open("alice", { viewport: { width: 1100, height: 640 }, colorScheme: "dark" })
await dark.click(".item:has-text('carol')")
await dark.waitForSelector(".text >> text=no hurry")
await dark.fill("#composer", "at three?")
await dark.press("#composer", "Enter")
await dark.waitForSelector(".state")
await picture(dark, "page-dark.png")

const phone = await open("bob", { viewport: { width: 390, height: 640 }, hasTouch: true, deviceScaleFactor: 1 })
await phone.click(".item:has-text('ops')")
await phone.waitForSelector(".text >> text=then lunch")
await picture(phone, "page-phone.png")

await browser.close()
for (const complaint of complaints) console.error(complaint)
process.exit(complaints.length === 0 ? 0 : 1)
