import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"

/** What the page asks of the browser, besides what it then does: notifications, and the count on its icon. */
interface Asked {
  /** Calls of `Notification.requestPermission`. */
  requests: number
  readonly shown: Array<Notification>
  readonly badges: Array<number>
}

/** Remembers what the page asks for. The browser does it all the same. */
const remember = () => {
  const asked: Asked = { requests: 0, shown: [], badges: [] }
  const request = Notification.requestPermission.bind(Notification)
  const [set, clear] = [navigator.setAppBadge.bind(navigator), navigator.clearAppBadge.bind(navigator)]
  class Remembered extends Notification {
    static override requestPermission = () => {
      asked.requests += 1
      return request()
    }
    constructor(title: string, options?: NotificationOptions) {
      super(title, options)
      asked.shown.push(this)
    }
  }
  navigator.setAppBadge = (count = 0) => {
    asked.badges.push(count)
    return set(count)
  }
  navigator.clearAppBadge = () => {
    asked.badges.push(0)
    return clear()
  }
  Object.assign(globalThis, { asked, Notification: Remembered })
}

const shown = (page: Page): Promise<ReadonlyArray<string>> =>
  page.evaluate(() =>
    (globalThis as unknown as { asked: Asked }).asked.shown.map(({ body, title }) => `${title}: ${body}`)
  )

const requests = (page: Page): Promise<number> =>
  page.evaluate(() => (globalThis as unknown as { asked: Asked }).asked.requests)

/**
 * Waits until the user sees this in another window: whether the icon is drawn with a count, the last badge, and the
 * title. They follow a moment after the lines.
 */
const untilOutside = (page: Page, expected: string) =>
  page.waitForFunction((expected) => {
    const href = document.querySelector<HTMLLinkElement>("link[rel=icon]")?.href ?? ""
    const { badges } = (globalThis as unknown as { asked: Asked }).asked
    const icon = href.startsWith("data:image/png") ? "drawn" : new URL(href).pathname
    return `${icon} ${badges.at(-1) ?? 0} ${document.title}` === expected
  }, expected)

let browsers: B.Browsers
let server: B.WebServer

describe.skipIf(!B.isInstalled)("what the page says to those who look elsewhere", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    await server?.stop()
  })

  it("notifies of direct lines and mentions at the user's request, and counts in the title and the icon", async () => {
    const page = await browsers.open(server.web)
    await page.addInitScript(remember)
    await page.reload()
    await B.register(page, "alice", "correct horse")
    await B.go(page, "#ops")
    await B.go(page, "#muted")
    await B.say(page, "/mute")
    await B.go(page, "#ops")
    await untilOutside(page, "/icon.svg 0 #ops – a-chat")
    const bob = await server.client("bob", "/hello", "/join #ops", "/join #muted")

    // The browser is asked after a click, and never before.
    const origin = `http://127.0.0.1:${server.web}`
    assert.strictEqual(await requests(page), 0)
    await page.context().grantPermissions(["notifications"], { origin })
    const elsewhere = await page.context().newPage()
    const session = await page.context().newCDPSession(page)
    // Otherwise each page of this browser has the focus.
    await session.send("Emulation.setFocusEmulationEnabled", { enabled: false })
    await elsewhere.bringToFront()
    await page.waitForFunction(() => !document.hasFocus())
    bob.say("alice: before the click")
    await page.waitForSelector(".item.unread >> text=bob")
    assert.deepStrictEqual([await shown(page), await requests(page)], [[], 0])
    await page.bringToFront()
    await page.click(".you")
    await page.click("text=Notify me")
    await page.waitForSelector("dialog >> text=You are notified of direct messages")
    assert.strictEqual(await requests(page), 1)
    await B.closeDialog(page)

    // In sight: neither a notification nor a count.
    await page.waitForFunction(() => document.hasFocus())
    bob.say("#ops: alice: in sight")
    await page.waitForSelector(".text:has-text('in sight')")
    await elsewhere.bringToFront()
    await page.waitForFunction(() => !document.hasFocus())
    for (const line of ["#ops: just so", "#muted: noise", "#ops: alice: look", "#muted: alice: here", "alice: hello"]) {
      bob.say(line)
    }
    await page.waitForSelector(".item.unread:has-text('bob') .count >> text=2")
    // There is no order between conversations.
    assert.sameMembers(
      [...(await shown(page))],
      ["bob in #ops: alice: look", "bob in #muted: alice: here", "bob: hello"]
    )
    // Two lines in #ops, two of bob, and the mention in the muted room.
    await untilOutside(page, "drawn 5 (5) #ops – a-chat")

    // A click on the notification leads to the conversation, where everything is read.
    await page.evaluate(() => {
      const { asked } = globalThis as unknown as { asked: Asked }
      asked.shown.find(({ body }) => body === "hello")?.dispatchEvent(new Event("click"))
    })
    await page.waitForSelector("h1 >> text=bob")
    await page.bringToFront()
    await page.waitForFunction(() => document.title === "(3) bob – a-chat")
    for (const room of ["#ops", "#muted"]) await B.go(page, room)
    await page.waitForFunction(() => document.title === "#muted – a-chat")
    await untilOutside(page, "/icon.svg 0 #muted – a-chat")

    await page.click(".you")
    await page.click("text=Do not notify me")
    await B.closeDialog(page)
    await elsewhere.bringToFront()
    await page.waitForFunction(() => !document.hasFocus())
    bob.say("alice: are you there")
    await page.waitForSelector(".item.unread:has-text('bob')")
    assert.strictEqual((await shown(page)).length, 3)
    bob.end()
    await page.context().close()
  }, 90_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
