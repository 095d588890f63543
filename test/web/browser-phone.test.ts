import type { Page } from "playwright-core"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"

let browsers: B.Browsers
let server: B.WebServer

const goBack = (page: Page) => page.evaluate(() => history.back())

/** The name of the conversation in sight; undefined in the list. */
const shown = (page: Page) => page.evaluate(() => document.querySelector(".app.at-talk h1")?.textContent ?? undefined)

describe.skipIf(!B.isInstalled)("the page on a phone", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    await server?.stop()
  })

  it("goes back to the list with the phone's own Back, from each conversation and panel", async () => {
    const page = await browsers.open(server.web, B.phone)
    await B.register(page, "alice", "correct horse")
    const before = await page.evaluate(() => history.length)
    await B.go(page, "#ops")
    await page.click("[aria-label='Members and settings']")
    await page.waitForSelector(".panel")
    await goBack(page)
    await page.waitForSelector(".panel", { state: "detached" })
    assert.strictEqual(await shown(page), "#ops")
    await goBack(page)
    await page.waitForSelector(".app.at-list")

    // The buttons of the page do the same, and leave nothing to go back to.
    await page.click(".item:has-text('ops')")
    await page.waitForSelector(".app.at-talk")
    await page.click("[aria-label='All conversations']")
    await page.waitForSelector(".app.at-list")
    await page.waitForFunction(() => history.state === null)
    // From one conversation to another is no step.
    await B.go(page, "#ops")
    await B.go(page, "#dev")
    assert.isAtMost(await page.evaluate(() => history.length), before + 2)
    // Also after a reload.
    await page.reload()
    await page.waitForSelector("h1 >> text=#dev")
    await goBack(page)
    await page.waitForSelector(".app.at-list")
    assert.strictEqual(await page.evaluate(() => history.state as unknown), null)
    await page.context().close()

    // In a wide window both are in sight.
    const wide = await browsers.open(server.web)
    await B.enter(wide, "bob")
    const entries = await wide.evaluate(() => history.length)
    await B.go(wide, "#ops")
    assert.strictEqual(await wide.evaluate(() => history.length), entries)
    await wide.context().close()
  }, 60_000)

  it("notifies through the service worker, and shows the conversation after a click", async () => {
    const page = await browsers.open(server.web, B.phone)
    await page.context().grantPermissions(["notifications"], { origin: `http://127.0.0.1:${server.web}` })
    await page.addInitScript(() => {
      // As in the browsers of phones, only a service worker may show one.
      class OnlyInWorkers extends Notification {
        constructor(title: string) {
          super(title)
          throw new TypeError("Illegal constructor. Use ServiceWorkerRegistration.showNotification() instead.")
        }
      }
      Object.assign(globalThis, { Notification: OnlyInWorkers })
    })
    await page.reload()
    await page.evaluate(() => navigator.serviceWorker.ready)
    await B.register(page, "carol", "correct horse")
    await page.click(".you")
    await page.click("text=Notify me")
    await page.waitForSelector("dialog >> text=You are notified of direct messages")
    await B.closeDialog(page)
    const session = await page.context().newCDPSession(page)
    await session.send("Emulation.setFocusEmulationEnabled", { enabled: false })
    const elsewhere = await page.context().newPage()
    await elsewhere.bringToFront()
    await page.waitForFunction(() => !document.hasFocus())
    const dave = await server.client("dave", "/hello", "carol: lunch?")
    const [worker] = page.context().serviceWorkers()
    if (worker === undefined) throw new Error("there is no service worker")
    const click = () =>
      worker.evaluate(async () => {
        const scope = globalThis as unknown as {
          readonly registration: ServiceWorkerRegistration
          readonly NotificationEvent: new (type: string, options: object) => Event
        }
        const [notification] = await scope.registration.getNotifications()
        if (notification === undefined) return false
        dispatchEvent(new scope.NotificationEvent("notificationclick", { notification }))
        return true
      })
    await page.waitForSelector(".item.unread >> text=dave")
    for (const deadline = Date.now() + B.patience; !(await click());) assert.isBelow(Date.now(), deadline)
    await page.waitForSelector("h1 >> text=dave")
    dave.end()
    await page.context().close()
  }, 60_000)

  it("can be installed, and keeps its own files for that, and nothing that was said", async () => {
    const page = await browsers.open(server.web, B.phone)
    await page.evaluate(() => navigator.serviceWorker.ready)
    const session = await page.context().newCDPSession(page)
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors")
    // What is left is about this window, and not about the page.
    assert.deepStrictEqual(
      installabilityErrors.map(({ errorId }) => errorId),
      ["in-incognito"]
    )
    assert.deepStrictEqual((await session.send("Page.getAppManifest")).errors, [])
    await B.register(page, "erin", "correct horse")
    await B.go(page, "#ops")
    await B.say(page, "a secret of 4711")
    await B.shows(page, "a secret of 4711", ":has(.state.stored)")
    await page.reload()
    await B.shows(page, "a secret of 4711")
    for (const path of ["/who", "/history/%23ops", "/openapi.json"]) {
      assert.strictEqual(await page.evaluate(async (path) => (await fetch(path)).status, path), 200)
    }
    const kept = await page.evaluate(async () => {
      const texts: Array<readonly [path: string, text: string]> = []
      for (const name of await caches.keys()) {
        const cache = await caches.open(name)
        for (const request of await cache.keys()) {
          texts.push([new URL(request.url).pathname, (await (await cache.match(request))?.text()) ?? ""])
        }
      }
      return texts
    })
    assert.isTrue(kept.some(([path]) => path === "/"))
    for (const [path, text] of kept) {
      assert.match(path, /^\/(?:|page-\w+\.(?:js|css)|icon[-\w]*\.\w+|manifest\.webmanifest)$/u)
      assert.notInclude(text, "4711")
    }
    await page.context().close()
  }, 60_000)

  it("does not send what an input method is still composing", async () => {
    const page = await browsers.open(server.web, B.phone)
    await B.enter(page, "frank")
    await B.go(page, "#ime")
    await page.fill("#composer", "にほん")
    const press = (init: object) =>
      page.evaluate((init) => {
        const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...init })
        document.querySelector("#composer")?.dispatchEvent(event)
      }, init)
    await press({ isComposing: true })
    await press({ keyCode: 229 })
    assert.strictEqual(await page.inputValue("#composer"), "にほん")
    await press({ keyCode: 13 })
    await B.shows(page, "にほん", ":has(.state.stored)")
    await page.context().close()
  }, 60_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
