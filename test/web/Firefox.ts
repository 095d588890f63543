import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { WebSocket } from "ws"

/**
 * Firefox as its users have it, controlled over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks
 * by itself. Playwright controls only a Firefox of its own.
 */

const program = ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path))

/** Whether there is a Firefox here. */
export const isInstalled = program !== undefined

/** How long one step may take, in milliseconds: a busy machine may take seconds. */
const patience = 30_000

interface Answer {
  readonly id?: number
  readonly type: "success" | "error" | "event"
  readonly method?: string
  readonly message?: string
  readonly result?: unknown
  readonly params?: unknown
}

interface Fields {
  readonly [name: string]: unknown
}

/** The code points of keys that have no character (WebDriver, section 17.4.2). */
const enter = "\ue007"

export class Firefox {
  /** What the browser has complained about, besides connections that tests have cut. */
  readonly complaints: Array<string> = []
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private asked = 0
  private context = ""

  private constructor(
    private readonly child: ChildProcess,
    private readonly profile: string,
    private readonly socket: WebSocket
  ) {
    socket.on("message", (data: Buffer) => this.take(JSON.parse(data.toString("utf8")) as Answer))
  }

  static async launch(): Promise<Firefox> {
    const profile = await mkdtemp(join(tmpdir(), "a-chat-firefox-"))
    const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"]
    // It writes to the home directory besides its profile.
    const env = { ...process.env, HOME: profile }
    const child = spawn(program ?? "", args, { env, stdio: ["ignore", "ignore", "pipe"] })
    const log: Array<string> = []
    for await (const line of createInterface(child.stderr)) {
      log.push(line)
      const address = /WebDriver BiDi listening on (ws:\/\/\S+)/u.exec(line)?.[1]
      if (address === undefined) continue
      child.stderr.resume()
      const socket = new WebSocket(`${address}/session`)
      await once(socket, "open")
      const firefox: Firefox = new Firefox(child, profile, socket)
      await firefox.begin()
      return firefox
    }
    throw new Error(`Firefox has ended: ${log.join("\n")}`)
  }

  async close(): Promise<void> {
    const gone = this.child.exitCode === null ? once(this.child, "exit") : undefined
    await this.ask("browser.close", {}).catch(() => this.child.kill("SIGKILL"))
    await gone
    this.socket.terminate()
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  async open(url: string): Promise<void> {
    await this.ask("browsingContext.navigate", { context: this.context, url, wait: "complete" })
  }

  async reload(): Promise<void> {
    await this.ask("browsingContext.reload", { context: this.context, wait: "complete" })
  }

  /** The JSON value of an expression in the page. */
  async value(expression: string): Promise<unknown> {
    const target = { context: this.context }
    const text = `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`
    const { exceptionDetails, result } = (await this.ask("script.evaluate", {
      expression: text,
      target,
      awaitPromise: true
    })) as { readonly result?: Fields; readonly exceptionDetails?: Fields }
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${String(exceptionDetails["text"])}`)
    return JSON.parse(String(result?.["value"]))
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string): Promise<void> {
    const end = Date.now() + patience
    const look =
      `const look = () => ((${expression}) || Date.now() > ${end} ? done(!!(${expression})) : ` +
      `setTimeout(look, 20))`
    const isSo = await this.value(`new Promise((done) => { ${look}; look() })`)
    if (isSo !== true)
      throw new Error(`not seen: ${expression}\n${String(await this.value("document.body.innerText"))}`)
  }

  /** Waits until an element has this text. */
  shows(selector: string, text: string): Promise<void> {
    const wanted = JSON.stringify(text)
    return this.until(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].some((one) => one.textContent.includes(${wanted}))`
    )
  }

  /** Clicks on the middle of an element, once it is there. */
  async click(selector: string): Promise<void> {
    const element = `document.querySelector(${JSON.stringify(selector)})`
    await this.until(`${element}?.checkVisibility()`)
    const middle = `(({ x, y, width, height }) => [x + width / 2, y + height / 2])(${element}.getBoundingClientRect())`
    const [x, y] = (await this.value(middle)) as readonly [number, number]
    await this.act("pointer", [
      { type: "pointerMove", x: Math.round(x), y: Math.round(y) },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 }
    ])
  }

  /** Types a text with the keyboard, and Enter for each LF. */
  async type(text: string): Promise<void> {
    const keys = [...text.replaceAll("\n", enter)]
    await this.act(
      "key",
      keys.flatMap((value) => [
        { type: "keyDown", value },
        { type: "keyUp", value }
      ])
    )
  }

  private async act(type: "pointer" | "key", actions: ReadonlyArray<Fields>) {
    await this.ask("input.performActions", { context: this.context, actions: [{ type, id: type, actions }] })
  }

  private async begin() {
    await this.ask("session.new", { capabilities: {} })
    await this.ask("session.subscribe", { events: ["log.entryAdded"] })
    const { contexts } = (await this.ask("browsingContext.getTree", {})) as {
      readonly contexts: ReadonlyArray<{ readonly context: string }>
    }
    this.context = contexts[0]?.context ?? ""
    await this.ask("browsingContext.setViewport", { context: this.context, viewport: { width: 1180, height: 760 } })
  }

  private ask(method: string, params: Fields): Promise<unknown> {
    this.asked += 1
    const id = this.asked
    return new Promise((settle, fail) => {
      this.waiting.set(id, ({ message, result, type }) =>
        type === "error" ? fail(new Error(`${method}: ${message}`)) : settle(result)
      )
      this.socket.send(JSON.stringify({ id, method, params }))
    })
  }

  private take(answer: Answer) {
    if (answer.id !== undefined) {
      this.waiting.get(answer.id)?.(answer)
      this.waiting.delete(answer.id)
    } else if (answer.method === "log.entryAdded") {
      const { level, text } = answer.params as Fields
      if (level === "error" && !/can’t establish a connection|interrupted while/u.test(String(text))) {
        this.complaints.push(String(text))
      }
    }
  }
}
