// Headless Chromium, controlled through its pipe (Chrome DevTools Protocol). Imported, not run.
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromiumPath } from "../chromium.mjs"

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--hide-scrollbars",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-pipe"
]

/** Returns an open browser, or undefined if this machine has none. */
export const open = () => {
  if (chromiumPath === undefined) return undefined
  const profile = mkdtempSync(join(tmpdir(), "a-chat-browser-"))
  const args = [...flags, `--user-data-dir=${profile}`, "about:blank"]
  const child = spawn(chromiumPath, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] })
  const [to, from] = child.stdio.slice(3)
  const answers = new Map()
  const listeners = new Set()
  let heard = ""
  let sent = 0

  from.setEncoding("utf8").on("data", (text) => {
    const messages = (heard + text).split("\0")
    heard = messages.pop()
    for (const message of messages.map((one) => JSON.parse(one))) {
      if (message.id === undefined) for (const listener of listeners) listener(message)
      else answers.get(message.id)(message)
    }
  })
  const tell = async (method, params = {}, sessionId = undefined) => {
    sent += 1
    const id = sent
    const answer = new Promise((resolve) => answers.set(id, resolve))
    to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    const { error, result } = await answer
    answers.delete(id)
    if (error !== undefined) throw new Error(`${method}: ${error.message}`)
    return result
  }

  return {
    /** Shows a page in a window of this size; `dark` is the preferred colour scheme. */
    page: async (url, { dark, height, scale, width }) => {
      // In its own window: the page sends no requests while its tab is hidden.
      const { targetId } = await tell("Target.createTarget", { url: "about:blank", newWindow: true })
      const { sessionId } = await tell("Target.attachToTarget", { targetId, flatten: true })
      const ask = (method, params) => tell(method, params, sessionId)
      const complaints = []
      listeners.add(({ method, params, sessionId: of }) => {
        if (of !== sessionId) return
        if (method === "Log.entryAdded") complaints.push(params.entry.text)
        if (method === "Runtime.exceptionThrown") complaints.push(params.exceptionDetails.exception?.description)
        if (method === "Runtime.consoleAPICalled") complaints.push(params.args.map(({ value }) => value).join(" "))
      })
      for (const domain of ["Page", "Log", "Runtime"]) await ask(`${domain}.enable`)
      await ask("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: scale, mobile: width < 600 })
      const features = [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]
      await ask("Emulation.setEmulatedMedia", { features })
      await ask("Page.navigate", { url })
      return {
        /** The browser's messages about the page. */
        complaints,
        /** The value of an expression in the page. */
        value: async (expression) => {
          const { result } = await ask("Runtime.evaluate", { expression, returnByValue: true })
          return result.value
        },
        /** Returns a PNG of the window. */
        picture: async () => {
          const { data } = await ask("Page.captureScreenshot", { optimizeForSpeed: false })
          return Buffer.from(data, "base64")
        }
      }
    },
    close: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve))
      await tell("Browser.close")
      await gone
      rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    }
  }
}
