import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"

/** What the tests share. */
let browsers: B.Browsers
let server: B.WebServer

describe.skipIf(!B.isInstalled)("rooms in the page", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    await server?.stop()
  })

  it("invites an account into a locked room, silences and removes it", async () => {
    const alice = await browsers.open(server.web)
    await B.register(alice, "alice", "correct horse")
    await B.go(alice, "#secret")
    await alice.click("[aria-label='Members and settings']")
    await alice.click("text=Lock the room")
    await alice.waitForSelector(".note >> text=only members and invited accounts may enter")
    const bob = await browsers.open(server.web, B.phone)
    await B.register(bob, "bob", "correct horse")
    const eve = await browsers.open(server.web)
    await B.enter(eve, "eve")

    // Nobody sees the room, nor enters it.
    for (const page of [bob, eve]) {
      await page.click("[aria-label='New conversation']")
      await page.fill("dialog input", "secret")
      await page.click("[role=option] >> text='#secret'")
      await page.waitForSelector("dialog .trouble >> text=locked")
      await B.closeDialog(page)
    }

    const invite = async (name: string) => {
      await alice.fill(".panel label:has-text('Invite') input", name)
      await alice.click(".panel button:has-text('Invite')")
    }
    await invite("eve")
    await alice.waitForSelector(".note.trouble >> text=Only accounts can be invited")
    await invite("bob")
    await alice.waitForSelector(".note >> text=bob is invited")
    await bob.waitForSelector(".toast >> text=alice invites you to #secret")
    assert.deepStrictEqual(await B.problems(bob), [])
    await bob.click("[aria-label='New conversation']")
    await bob.waitForSelector("[role=option]:has-text('#secret') >> text=you are invited")
    await B.closeDialog(bob)
    await bob.click(".toast button:has-text('Join')")
    await bob.waitForSelector("h1 >> text=#secret")
    await bob.waitForSelector(".toast", { state: "detached" })
    await alice.waitForSelector(".panel .item >> text=bob")
    await B.say(bob, "thank you")
    await B.shows(alice, "thank you")
    assert.strictEqual(await eve.locator(".toast").count(), 0)

    await B.say(alice, "/silence bob 10m")
    await bob.waitForSelector(".note >> text=bob may not write for now, says alice")
    await B.say(bob, "but why")
    await bob.waitForSelector(".line.failed .undelivered >> text=Not delivered")
    await B.say(alice, "/unsilence bob")
    await bob.waitForSelector(".note >> text=bob may write again")
    await bob.click("text=Send again")
    await B.shows(alice, "but why")
    await B.say(alice, "/remove bob")
    await bob.waitForSelector(".note.trouble >> text=alice has removed you")
    await bob.waitForSelector(".composer.out")
    await alice.waitForSelector(".panel .item >> text=bob", { state: "detached" })
    for (const page of [alice, bob, eve]) await page.context().close()
  }, 120_000)

  it("understands commands, and says which ones there are", async () => {
    const page = await browsers.open(server.web)
    await B.register(page, "carol", "correct horse")
    await B.go(page, "#commands")
    const note = (text: string) => page.waitForSelector(`.note >> text=${text}`)
    await page.fill("#composer", "/")
    const offered = await page.locator(".offers code").allTextContents()
    assert.includeMembers(offered, ["/join #ROOM", "/topic TEXT", "/quit"])
    await page.click(".offers button:has-text('/topic')")
    assert.strictEqual(await page.inputValue("#composer"), "/topic ")
    await page.keyboard.type("What is broken")
    await page.keyboard.press("Enter")
    await page.waitForSelector(".subtitle >> text=What is broken")
    await B.say(page, "/tpic again")
    await note("There is no command /tpic; did you mean /topic?")
    await B.say(page, "/remove dave")
    await note("No user of that name is in the room.")
    await B.say(page, "/slow 5s")
    await note("Members may write one line every 5 s")
    await B.say(page, "//not a command")
    await B.shows(page, "/not a command", ":has(.state.stored)")
    await B.say(page, "/me waves")
    await page.waitForSelector(".text.action >> text=carol waves")
    // A password that was typed here is not shown to anybody, nor kept.
    await B.say(page, "/password battery staple")
    await page.waitForSelector("dialog >> text=Change the password")
    assert.notInclude(await page.evaluate(() => document.body.innerText), "battery")
    await B.closeDialog(page)
    await B.say(page, "/msg #elsewhere")
    await page.waitForSelector("h1 >> text=#elsewhere")
    await B.say(page, "/leave")
    await page.waitForSelector(".composer.out")
    await page.context().close()
  }, 60_000)

  it("takes a paste of several lines, and asks before it sends many", async () => {
    const page = await browsers.open(server.web)
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"])
    await B.enter(page, "frank")
    await B.go(page, "#paste")
    const paste = async (text: string) => {
      await page.evaluate((copied) => navigator.clipboard.writeText(copied), text)
      await page.focus("#composer")
      await page.keyboard.press("Control+v")
    }
    await paste("$ npm test\r\n\tall passed\n\n$ ")
    await page.waitForSelector(".hint-line >> text=3 lines, each a message of its own")
    await page.keyboard.press("Enter")
    await B.shows(page, "$", ":has(.state.stored)")
    assert.deepStrictEqual(await B.texts(page), ["$ npm test", "all passed", "$"])

    // The field is as high as the text, whatever the width of the window.
    const height = () => page.evaluate(() => document.querySelector("#composer")?.clientHeight ?? 0)
    const low = await height()
    await page.fill("#composer", "some words ".repeat(20).trim())
    const high = await height()
    assert.isAbove(high, low)
    await page.setViewportSize({ width: 420, height: 760 })
    await page.waitForFunction((before) => (document.querySelector("#composer")?.clientHeight ?? 0) > before, high)
    await page.setViewportSize({ width: 1180, height: 760 })
    await page.waitForFunction((before) => document.querySelector("#composer")?.clientHeight === before, high)
    await page.fill("#composer", "")

    const many = Array.from({ length: 25 }, (_, index) => `row ${index + 1}`)
    await paste(many.join("\n"))
    await page.keyboard.press("Enter")
    await page.waitForSelector("[role=alertdialog] >> text=Send these 25 lines to #paste")
    assert.deepStrictEqual(await B.problems(page), [])
    await page.click("text=Keep as a draft")
    assert.strictEqual(await page.inputValue("#composer"), many.join("\n"))
    assert.strictEqual((await B.texts(page)).length, 3)
    await page.keyboard.press("Enter")
    await page.click("text='Send 25 lines'")
    await B.shows(page, "row 25", ":has(.state.stored)")
    assert.deepStrictEqual((await B.texts(page)).slice(3), many)
    await page.context().close()
  }, 60_000)

  it("opens links in a tab that knows nothing of this one", async () => {
    const page = await browsers.open(server.web)
    await B.enter(page, "grace")
    await B.go(page, "#links")
    const url = `http://127.0.0.1:${server.web}/who`
    const shown = ["see (", url, "), ", `${url}?a=(b)`, ". ftp://example.org/ file:///etc/passwd www.example.org"]
    await B.say(page, shown.join(""))
    const links = page.locator(".text a")
    await links.first().waitFor()
    assert.deepStrictEqual(await links.allTextContents(), [url, `${url}?a=(b)`])
    const opened = page.context().waitForEvent("page")
    await links.first().click()
    const other = await opened
    await other.waitForLoadState()
    assert.strictEqual(other.url(), url)
    assert.deepStrictEqual(await other.evaluate(() => [window.opener, document.referrer]), [null, ""])
    await page.context().close()
  }, 60_000)

  it("shows the last line of each conversation in the list, also after a reload", async () => {
    const page = await browsers.open(server.web)
    await B.register(page, "frida", "correct horse")
    for (const room of ["#one", "#two"]) {
      await B.go(page, room)
      await B.say(page, `the last line of ${room}`)
      await B.shows(page, `the last line of ${room}`, ":has(.state.stored)")
    }
    await page.reload()
    for (const room of ["#one", "#two"]) await page.waitForSelector(`.item .preview >> text=the last line of ${room}`)
    await page.context().close()
  }, 120_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
