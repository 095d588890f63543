// Records two users in browsers and one at a terminal, for README.md: `npm run build && node
// scripts/recording/browsers.mjs` (needs Chromium, and `script` of util-linux). Starts a server of dist/, kills it and
// starts it again, and writes what the three see meanwhile into scripts/recording/browsers.webp.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { chromium } from "playwright-core"
import { chromiumPath } from "../chromium.mjs"
import { animate } from "./animation.mjs"
import { draw } from "./drawing.mjs"
import { open } from "./person.mjs"

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const program = path("../../dist/main.js")
const folder = await mkdtemp(join(tmpdir(), "a-chat-"))
const terminal = { columns: 88, rows: 10 }
const [desktop, phone] = [
  { width: 652, height: 426 },
  { width: 320, height: 620 }
]
const size = { width: 1010, height: 684 }
const maxBytes = 300_000
/** Text is sharp, in half of the bytes that a picture without loss has. */
const quality = 0.82

/** Functions that end what was started, last one first. */
const ends = []

const ports = { chat: "0", web: "0" }

const serve = async () => {
  const args = ["serve", "--port", ports.chat, "--web", ports.web, "--store", "chat.db", "--log-format", "logfmt"]
  const server = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
  ends.push(() => server.kill("SIGKILL"))
  let log = ""
  server.stderr.setEncoding("utf8").on("data", (text) => (log += text))
  const found = async (pattern) => {
    while (!pattern.test(log)) await once(server.stderr, "data")
    return pattern.exec(log)[1]
  }
  ports.chat = await found(/message=listening address=[\d.]+:(\d+)/u)
  ports.web = await found(/message=listening address=http:\/\/\S+:(\d+)/u)
  return server
}

if (chromiumPath === undefined) throw new Error("there is no Chromium here (package chromium)")
const browser = await chromium.launch({
  executablePath: chromiumPath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic"]
})
ends.push(() => browser.close())

const enter = async (name, options) => {
  const page = await (await browser.newContext({ locale: "en-GB", ...options })).newPage()
  await page.goto(`http://127.0.0.1:${ports.web}/`)
  await page.fill("input[name=username]", name)
  await page.fill("input[name=password]", "correct horse")
  await page.check("input[type=checkbox]")
  await page.click("button[type=submit]")
  await page.waitForFunction((key) => localStorage.getItem(key) !== null, `a-chat.token.${name}`)
  await page.waitForSelector(".you .dot.here")
  await page.keyboard.press("Control+k")
  await page.fill("dialog input", "#ops")
  await page.waitForSelector("[role=option] >> text='#ops'")
  await page.keyboard.press("Enter")
  await page.waitForSelector("#composer")
  return page
}

const say = async (page, text) => {
  await page.fill("#composer", text)
  await page.press("#composer", "Enter")
}

const shows = (page, text, state = "") => page.waitForSelector(`.line${state} .text >> text=${text}`)

/** The pictures so far: a WebP of the part that has changed, and its place. */
const frames = []

/** Runs in the browser: draws a picture, compares it with the last one, and returns the part that has changed. */
const changed = async ([png, wide, tall, quality]) => {
  const image = new Image()
  image.src = png
  await image.decode()
  const canvas = Object.assign(document.createElement("canvas"), { width: wide, height: tall })
  const context = canvas.getContext("2d", { willReadFrequently: true })
  context.drawImage(image, 0, 0)
  const { data } = context.getImageData(0, 0, wide, tall)
  const pixels = new Uint32Array(data.buffer)
  const before = globalThis.before ?? new Uint32Array(pixels.length)
  globalThis.before = pixels
  let [left, top, right, bottom] = [wide, tall, 0, 0]
  for (let at = 0; at < pixels.length; at++) {
    if (pixels[at] === before[at]) continue
    const [x, y] = [at % wide, Math.floor(at / wide)]
    ;[left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)]
  }
  if (right < left) return undefined
  const [x, y] = [left - (left % 2), top - (top % 2)]
  const [width, height] = [right + 1 - x, bottom + 1 - y]
  const part = Object.assign(document.createElement("canvas"), { width, height })
  part.getContext("2d").drawImage(canvas, x, y, width, height, 0, 0, width, height)
  return { x, y, width, height, url: part.toDataURL("image/webp", quality) }
}

/** Where the three are put together, and where the pictures are compared. */
const stage = await (await browser.newContext({ viewport: size })).newPage()
const canvas = await (await browser.newContext()).newPage()

// Of the drawing of the terminal, only the screen is shown.
const styles = `
  body { margin: 0; background: #e9e7e2; font: 600 15px system-ui, sans-serif; color: #1f2426; }
  p { position: absolute; margin: 0; left: 14px; top: 14px; }
  div { position: absolute; border-radius: 8px; overflow: hidden; }
  .alice { left: 14px; top: 46px; } .bob { left: 676px; top: 46px; }
  .carol { left: 14px; top: 486px; width: 654px; height: 180px; } .carol img { margin: -30px 0 0 -12px; }`

const picture = (className, type, bytes) =>
  `<div class="${className}"><img src="data:image/${type};base64,${Buffer.from(bytes).toString("base64")}"></div>`

const show = async (title, millis, { alice, bob, carol }) => {
  const [one, other] = await Promise.all([alice.screenshot(), bob.screenshot()])
  const svg = draw([{ title: "", screens: [carol.screen()] }], terminal, "Carol at a terminal")
  const pictures = [picture("alice", "png", one), picture("bob", "png", other), picture("carol", "svg+xml", svg)]
  await stage.setContent(`<style>${styles}</style><p>${title}</p>${pictures.join("")}`)
  await stage.evaluate(() => Promise.all([...document.images].map((image) => image.decode())))
  const png = `data:image/png;base64,${(await stage.screenshot()).toString("base64")}`
  const frame = await canvas.evaluate(changed, [png, size.width, size.height, quality])
  if (frame === undefined) throw new Error(`nothing has changed: ${title}`)
  frames.push({ ...frame, millis, file: Buffer.from(frame.url.split(",")[1], "base64") })
}
try {
  let server = await serve()
  const alice = await enter("alice", { viewport: desktop })
  const bob = await enter("bob", { viewport: phone, hasTouch: true, colorScheme: "dark" })
  const args = ["connect", "--port", ports.chat, "--login", "carol", "--history", "off"]
  const carol = open({ ...terminal, command: [process.execPath, program, ...args], cwd: folder })
  ends.push(() => carol.close())
  const all = { alice, bob, carol }
  const arrives = (text) => Promise.all([shows(alice, text), shows(bob, text), carol.sees(new RegExp(text, "u"))])

  await carol.sees(/as carol/u)
  carol.types("/join #ops\r")
  await carol.sees(/#ops › $/u)
  await show("Alice in a browser, bob on a phone, and carol at a terminal are in #ops.", 2_500, all)
  await say(alice, "is the build green?")
  await shows(alice, "is the build green", ":has(.state.stored)")
  await arrives("is the build green")
  await show("Alice in a browser, bob on a phone, and carol at a terminal are in #ops.", 1_500, all)
  carol.types("since nine\r")
  await arrives("since nine")
  await say(bob, "alice: then lunch?")
  await shows(bob, "then lunch", ":has(.state.stored)")
  await arrives("then lunch")
  await show("Each line is marked once the server has stored it.", 3_000, all)

  server.kill("SIGKILL")
  await carol.sees(/trying again/u)
  for (const page of [alice, bob]) await page.waitForSelector(".link >> text=Cut off")
  await show("The server is killed.", 2_500, all)
  await say(alice, "half past twelve?")
  await say(bob, "fine with me")
  carol.types("I come, too\r")
  await shows(alice, "half past twelve", ".waiting")
  await shows(bob, "fine with me", ".waiting")
  await carol.sees(/I come, too — not sent yet/u)
  await show("What they write is kept.", 3_500, all)

  server = await serve()
  for (const page of [alice, bob])
    if ((await page.locator("text=Try now").count()) > 0) await page.click("text=Try now")
  for (const text of ["half past twelve", "fine with me", "I come, too"]) await arrives(text)
  await shows(alice, "half past twelve", ":has(.state.stored)")
  await shows(bob, "fine with me", ":has(.state.stored)")
  await show("It is back: everything arrives, and nothing twice.", 3_500, all)
  await fetch(`http://127.0.0.1:${ports.web}/send/%23ops?from=ci`, { method: "POST", body: "deployed 1.4" })
  await arrives("deployed 1.4")
  await show("$ curl -d 'deployed 1.4' '127.0.0.1:8081/send/%23ops?from=ci'", 4_000, all)

  const file = animate(size, frames)
  if (file.length > maxBytes) throw new Error(`${file.length} bytes are too many`)
  await writeFile(path("browsers.webp"), file)
} finally {
  for (const end of ends.toReversed()) await end()
  await rm(folder, { recursive: true, force: true })
}
