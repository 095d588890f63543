import type { BrowserContextOptions, Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"

let browsers: B.Browsers
let server: B.WebServer

/** The colours and the fonts of a page, as the browser computes them. */
const look = (page: Page) =>
  page.evaluate(() => {
    const style = getComputedStyle(document.documentElement)
    const names = ["paper", "shade", "text", "quiet", "line", "accent", "good", "bad", "radius", "small"]
    const title = document.querySelector(".brand")
    if (title === null) throw new Error("there is no title")
    const { color, fontFamily, fontSize, fontWeight } = getComputedStyle(title)
    return {
      variables: names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
      font: style.fontFamily,
      title: { color, fontFamily, fontSize, fontWeight, text: title.textContent?.trim() }
    }
  })

/** What `/nodes` has of a node that sees two others. */
const clusterOf = (isSuspended: boolean) => ({
  node: "a",
  isSuspended,
  grantMillis: 8_800,
  names: 2,
  inDoubt: 1,
  queued: 3,
  windowBytes: 4_194_304,
  claims: { yours: 1, taken: 0, unavailable: 0 },
  foreign: { received: 1_234_567, delivered: 1_234_000, returned: 567 },
  others: ["b", "a-node-whose-name-is-as-long-as-one-may"].map((name) => ({
    name,
    incarnation: "01a21e428ddedb43",
    silentMillis: 8_500,
    inFlightBytes: 3_145_728,
    resent: 60
  }))
})

describe.skipIf(!B.isInstalled)("the operator's page in a browser", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start("--admin", "0")])
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    await server?.stop()
  })

  const windows: ReadonlyArray<BrowserContextOptions> = [
    { colorScheme: "light" },
    { colorScheme: "dark" },
    { ...B.phone, colorScheme: "dark" }
  ]
  it.each(windows)(
    "looks like the page of the chat, and has no problems: %o",
    async (options) => {
      const [chat, admin] = await Promise.all([
        browsers.open(server.web, options),
        browsers.open(server.admin, options)
      ])
      await chat.waitForSelector(".brand")
      await admin.waitForSelector("#state.good")
      await admin.waitForSelector("#paths td")
      const both = await look(chat)
      assert.isTrue(both.variables.every(([, value]) => value !== ""))
      assert.deepStrictEqual(await look(admin), both)
      assert.deepStrictEqual(await B.problems(admin), [])
      assert.isTrue(await admin.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
      for (const page of [chat, admin]) await page.context().close()
    },
    60_000
  )

  it.each(windows)(
    "shows the other nodes, and that this one is cut off from them: %o",
    async (options) => {
      const admin = await browsers.open(server.admin, options)
      await admin.waitForSelector("#state.good")
      assert.isFalse(await admin.isVisible("#cluster"))
      let isSuspended = true
      await admin.route("**/nodes", (route) => route.fulfill({ json: { cluster: clusterOf(isSuspended) } }))
      await admin.waitForSelector("#state.bad >> text=suspended: cut off from the other nodes")
      await admin.waitForSelector("#cluster-figures .bad >> text=suspended")
      assert.strictEqual(await admin.title(), "suspended: cut off from the other nodes – a-chat")
      assert.deepStrictEqual(await admin.locator("#nodes td:first-child").allTextContents(), [
        "b",
        "a-node-whose-name-is-as-long-as-one-may"
      ])
      assert.deepStrictEqual(await B.problems(admin), [])
      assert.isTrue(await admin.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
      isSuspended = false
      await admin.waitForSelector("#state.good")
      await admin.waitForSelector("#cluster-figures .good >> text=ok")
      await admin.context().close()
    },
    60_000
  )

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
