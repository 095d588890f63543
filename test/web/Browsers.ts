import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import axe from "axe-core"
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core"
import { chromiumFlags, chromiumPath } from "../../scripts/chromium.mjs"
import { main } from "../support/Program.js"

/** Real browsers for the tests of the page, and a server and a network that fail under them. */

/** Whether there is a browser here. */
export const isInstalled = chromiumPath !== undefined

/** How long a test waits for what the page is to show, in milliseconds: a busy machine may take seconds. */
export const patience = 20_000

/** A server of dist/ that can be killed and comes back on the same ports, with what it has stored. */
export class WebServer {
  private child: ChildProcess | undefined = undefined
  port = "0"
  web = "0"
  /** The port of the operator's page; empty without the flag `--admin`. */
  admin = ""

  private constructor(
    private readonly folder: string,
    private readonly flags: ReadonlyArray<string>
  ) {}

  /** @param flags of `a-chat serve`, besides those for the ports and the store */
  static async start(...flags: ReadonlyArray<string>): Promise<WebServer> {
    const server = new WebServer(await mkdtemp(join(tmpdir(), "a-chat-page-")), flags)
    await server.restart()
    return server
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
  }

  async restart(): Promise<void> {
    const ports = ["--port", this.port, "--web", this.web]
    const store = ["--store", join(this.folder, "chat.db")]
    const args = [main, "serve", ...ports, ...store, "--log-format", "logfmt", ...this.flags]
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] })
    this.child = child
    let log = ""
    child.stderr.setEncoding("utf8").on("data", (text: string) => (log += text))
    const found = async (pattern: RegExp): Promise<string> => {
      for (;;) {
        const port = pattern.exec(log)?.[1]
        if (port !== undefined) return port
        if (child.exitCode !== null) throw new Error(`the server has ended: ${log}`)
        await once(child.stderr, "data")
      }
    }
    this.port = await found(/message=listening address=[\d.]+:(\d+)/u)
    this.web = await found(/message=listening address=http:\/\/\S+:(\d+)/u)
    if (this.flags.includes("--admin")) this.admin = await found(/message="admin listening" address=\S+:(\d+)/u)
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined || !this.isRunning) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  }

  async stop(): Promise<void> {
    await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** A client over TCP, which says these lines and reads on. */
  async client(...lines: ReadonlyArray<string>): Promise<{
    readonly say: (text: string) => void
    /** Waits until it has received this text. */
    readonly until: (text: string) => Promise<void>
    readonly end: () => void
  }> {
    const socket = Net.connect(Number(this.port), "127.0.0.1")
    let received = ""
    socket.on("error", () => {}).on("data", (bytes) => (received += bytes.toString("latin1")))
    await once(socket, "connect")
    const say = (text: string) => void socket.write(`${text}\n`)
    for (const line of lines) say(line)
    const until = async (text: string) => {
      while (!received.includes(text)) await once(socket, "data")
    }
    return { say, until, end: () => socket.destroy() }
  }
}

/** A network between browsers and a server, which can be slow, silent or cut. */
export class Network {
  private readonly sockets = new Set<Net.Socket>()
  /** How long each byte takes, one way, in milliseconds. */
  delay = 0
  /** Whether connections break at once. */
  isCut = false
  /** Whether bytes vanish, and no connection ends. */
  isSilent = false

  private constructor(private readonly listener: Net.Server) {}

  static async to(server: WebServer): Promise<Network> {
    const network: Network = new Network(Net.createServer((socket) => network.accept(socket, Number(server.web))))
    network.listener.listen(0, "127.0.0.1")
    await once(network.listener, "listening")
    return network
  }

  get port(): number {
    return (this.listener.address() as Net.AddressInfo).port
  }

  cut(): void {
    this.isCut = true
    for (const socket of this.sockets) socket.destroy()
  }

  mend(): void {
    this.isCut = false
    this.isSilent = false
    this.delay = 0
  }

  close(): void {
    this.cut()
    this.listener.close()
  }

  private accept(socket: Net.Socket, port: number) {
    if (this.isCut) return void socket.destroy()
    const other = Net.connect(port, "127.0.0.1")
    for (const [from, to] of [
      [socket, other],
      [other, socket]
    ] as const) {
      this.sockets.add(from)
      from.on("error", () => {})
      from.on("close", () => {
        this.sockets.delete(from)
        to.destroy()
      })
      from.on("data", (bytes) => {
        if (this.isSilent) return
        if (this.delay === 0) to.write(bytes)
        else setTimeout(() => to.write(bytes), this.delay)
      })
    }
  }
}

/** One browser for all tests of a file: its start takes longer than most of them. */
export class Browsers {
  /** What browsers have complained about, besides connections that tests have cut. */
  readonly complaints: Array<string> = []

  private constructor(private readonly browser: Browser) {}

  static async launch(): Promise<Browsers> {
    const options = { executablePath: chromiumPath ?? "", headless: true, args: [...chromiumFlags], timeout: 60_000 }
    return new Browsers(await chromium.launch(options))
  }

  close(): Promise<void> {
    return this.browser.close()
  }

  /** A page of another user: what a browser keeps is not shared. */
  async open(port: number | string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1180, height: 760 }, ...options })
    context.setDefaultTimeout(patience)
    return this.tab(await context.newPage(), port)
  }

  /** Another tab of the same browser. */
  async tab(page: Page, port: number | string): Promise<Page> {
    page.on("pageerror", ({ message }) => this.complaints.push(message))
    page.on("console", (message) => {
      const text = message.text()
      if (message.type() === "error" && !/ERR_CONNECTION|WebSocket connection|Failed to load/u.test(text)) {
        this.complaints.push(text)
      }
    })
    await page.goto(`http://127.0.0.1:${port}/`)
    return page
  }
}

export const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 760 },
  hasTouch: true,
  colorScheme: "dark"
}

// What a user does.

export const enter = async (page: Page, name: string): Promise<void> => {
  await page.fill("input[name=username]", name)
  await page.click("button[type=submit]")
  await page.waitForSelector(".app")
}

export const logIn = async (page: Page, name: string, password: string): Promise<void> => {
  await page.fill("input[name=password]", password)
  await enter(page, name)
}

export const register = async (page: Page, name: string, password: string): Promise<void> => {
  await page.fill("input[name=username]", name)
  await page.fill("input[name=password]", password)
  await page.check("input[type=checkbox]")
  await page.click("button[type=submit]")
  await page.waitForSelector(".app")
  // The page logs in once more, as a device of its own.
  await page.waitForFunction(() => Object.keys(localStorage).some((key) => key.startsWith("a-chat.token.")))
  await online(page)
}

/** Waits until the page is connected. */
export const online = (page: Page): Promise<unknown> => page.waitForSelector(".you .dot.here")

/** Goes to a conversation by its name, and creates a room that is not there. */
export const go = async (page: Page, name: string): Promise<void> => {
  await page.keyboard.press("Control+k")
  await page.fill("dialog input", name)
  await page.waitForSelector(`[role=option] >> text="${name}"`)
  await page.keyboard.press("Enter")
  await page.waitForSelector("dialog", { state: "detached" })
  await page.waitForSelector(`h1 >> text="${name}"`)
}

export const say = async (page: Page, text: string): Promise<void> => {
  await page.fill("#composer", text)
  await page.press("#composer", "Enter")
}

/** Waits until the page shows a line with this text, and with this state if one is given. */
export const shows = (page: Page, text: string, state = ""): Promise<unknown> =>
  page.waitForSelector(`.line${state} .text >> text="${text}"`)

/** Presses the button that connects again, unless the page has begun to do so by itself. */
export const tryNow = (page: Page): Promise<void> =>
  page.evaluate(() => {
    for (const button of document.querySelectorAll("button")) if (button.textContent === "Try now") button.click()
  })

export const closeDialog = async (page: Page): Promise<void> => {
  await page.click("dialog [aria-label=Close]")
  await page.waitForSelector("dialog", { state: "detached" })
}

/** Problems that axe finds in what is shown, as the WCAG 2 levels A and AA and its best practices say. */
export const problems = async (page: Page): Promise<ReadonlyArray<string>> => {
  // Not as a script element, which the page's policy forbids.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`)
}

/** The texts of the lines on the screen. */
export const texts = (page: Page): Promise<ReadonlyArray<string>> => page.locator(".line .text").allTextContents()
