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

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
