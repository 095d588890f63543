import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"
import { Firefox, isInstalled } from "./Firefox.js"

let firefox: Firefox | undefined
let chromium: B.Browsers | undefined
let server: B.WebServer | undefined

describe("the page in Firefox", () => {
  beforeAll(async () => {
    if (!isInstalled || !B.isInstalled) return
    ;[firefox, chromium, server] = await Promise.all([Firefox.launch(), B.Browsers.launch(), B.WebServer.start()])
  }, 120_000)

  afterAll(async () => {
    await Promise.all([firefox?.close(), chromium?.close()])
    await server?.stop()
  }, 60_000)

  it("talks with one in Chromium, without a lost or repeated line when the server is killed", async (context) => {
    if (firefox === undefined || chromium === undefined || server === undefined) {
      return context.skip("Firefox or Chromium is not installed (packages firefox-esr, chromium)")
    }
    const bob = await chromium.open(server.web)
    await B.register(bob, "bob", "correct horse")
    await B.go(bob, "#ops")

    await firefox.open(`http://127.0.0.1:${server.web}/`)
    await firefox.click("input[name=username]")
    await firefox.type("alice")
    await firefox.click("input[name=password]")
    await firefox.type("correct horse")
    await firefox.click("input[type=checkbox]")
    await firefox.click("button[type=submit]")
    await firefox.until("document.querySelector('.you .dot.here') !== null")
    await firefox.until("localStorage.getItem('a-chat.token.alice') !== null")
    await firefox.click("[aria-label='New conversation']")
    await firefox.until("document.activeElement?.matches('dialog input') === true")
    await firefox.type("#ops")
    await firefox.shows("[role=option][aria-selected=true]", "#ops")
    await firefox.type("\n")
    await firefox.shows("h1", "#ops")
    // Firefox has no mouse here.
    await firefox.until("document.activeElement?.id === 'composer'")
    await firefox.type("is the build green? שלום\n")
    await B.shows(bob, "is the build green? שלום")
    await B.say(bob, "alice: since nine")
    await firefox.shows(".text mark", "alice")
    await firefox.until("navigator.serviceWorker.controller !== null")

    await server.kill()
    await firefox.shows(".link", "Cut off from the server")
    await firefox.click("#composer")
    await firefox.type("kept\n")
    await firefox.shows(".line.waiting", "kept")
    // The page comes from the service worker, and the line from the browser's storage.
    await firefox.reload()
    await firefox.shows(".line.waiting", "kept")
    await B.say(bob, "mine, too")
    await server.restart()
    await firefox.shows(".line:has(.state.stored)", "kept")
    await firefox.shows(".line", "mine, too")
    await B.shows(bob, "kept")
    await B.shows(bob, "mine, too", ":has(.state.stored)")
    const all = await firefox.value("[...document.querySelectorAll('.line .text')].map((one) => one.textContent)")
    assert.deepStrictEqual(all, await B.texts(bob))
    assert.deepStrictEqual((all as ReadonlyArray<string>).toSorted(), [
      "alice: since nine",
      "is the build green? שלום",
      "kept",
      "mine, too"
    ])
    return assert.deepStrictEqual([firefox.complaints, chromium.complaints], [[], []])
  }, 120_000)
})
