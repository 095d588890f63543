import { afterAll, assert, beforeAll, describe, it } from "vitest"
import * as B from "./Browsers.js"

let browsers: B.Browsers
let server: B.WebServer

describe.skipIf(!B.isInstalled)("accounts in the page", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    await server?.stop()
  })

  it("says why a login is refused", async () => {
    const paul = await server.client("paul", "/register correct horse")
    const quinn = await server.client("quinn", "/ping here")
    await paul.until("* registered paul")
    await quinn.until("* pong")
    const others = [paul, quinn]
    const page = await browsers.open(server.web)
    const attempt = async (name: string, password: string, why: string) => {
      await page.fill("input[name=username]", name)
      await page.fill("input[name=password]", password)
      await page.click("button[type=submit]")
      await page.waitForSelector(`[role=alert] >> text=${why}`)
    }
    await attempt("paul", "", "belongs to an account")
    await attempt("paul", "wrong password", "Wrong name or password. For a new account, tick")
    await page.waitForSelector("input[name=password]:focus")
    await attempt("quinn", "", "is in use")
    // Another name helps, and no password.
    await page.waitForSelector("input[name=username]:focus")
    await attempt("a b", "", "A name has up to 32 letters")
    // The server's words are for users who type its lines: `log in with 'name: password'`.
    await page.check("input[type=checkbox]")
    await attempt("paul", "wrong password", "belongs to an account already. Log in without")
    assert.notInclude(await page.textContent("[role=alert]"), "name: password")
    await page.uncheck("input[type=checkbox]")
    assert.deepStrictEqual(await B.problems(page), [])
    assert.isNull(await page.evaluate(() => localStorage.getItem("a-chat.identity")))
    await B.logIn(page, "paul", "correct horse")
    // No password is kept, and the token is in no address.
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
    assert.notInclude(kept, "correct horse")
    assert.strictEqual(new URL(page.url()).search + new URL(page.url()).hash, "")
    for (const one of others) one.end()
    await page.context().close()
  }, 60_000)

  it("changes the password, which logs out the other devices", async () => {
    const [page, phone] = await Promise.all([browsers.open(server.web), browsers.open(server.web, B.phone)])
    await B.register(page, "alice", "correct horse")
    await B.go(page, "#ops")
    await B.logIn(phone, "alice", "correct horse")
    await B.online(phone)
    const change = async (old: string, password: string) => {
      await page.fill("input[name=old]", old)
      await page.fill("input[name=new]", password)
      await page.click("dialog button[type=submit]")
    }
    await page.click(".you")
    await page.click("text=Change the password")
    assert.deepStrictEqual(await B.problems(page), [])
    await change("wrong horse", "battery staple")
    await page.waitForSelector("dialog [role=alert] >> text=The current password is wrong.")
    await B.online(page)
    await change("correct horse", "battery staple")
    await page.waitForSelector("dialog [role=alert] >> text=The password is changed")
    await B.closeDialog(page)
    await phone.waitForSelector(".link >> text=The password was changed.")

    // This browser continues with its token, and knows neither password.
    await B.say(page, "still here")
    await B.shows(page, "still here", ":has(.state.stored)")
    await page.reload()
    await B.online(page)
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
    for (const password of ["horse", "staple"]) assert.notInclude(kept, password)

    const other = await browsers.open(server.web)
    await other.fill("input[name=username]", "alice")
    await other.fill("input[name=password]", "correct horse")
    await other.click("button[type=submit]")
    await other.waitForSelector("[role=alert] >> text=Wrong name or password")
    await B.logIn(other, "alice", "battery staple")
    await B.online(other)
    for (const one of [page, phone, other]) await one.context().close()
  }, 60_000)

  it("is logged out in all tabs of a browser once one of them is", async () => {
    const first = await browsers.open(server.web)
    await B.register(first, "bob", "correct horse")
    const second = await browsers.tab(await first.context().newPage(), server.web)
    await second.click("text=Continue here")
    await B.online(second)
    await first.waitForSelector("h1 >> text=Open in another tab")
    await second.click(".you")
    await second.click("text=Log out")
    await second.waitForSelector("input[name=username]")
    for (const tab of [first, second]) {
      const kept = await tab.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))
      assert.notInclude(kept, "achat_")
    }
    await first.click("text=Continue here")
    await first.waitForSelector("input[name=password]")
    assert.strictEqual(await first.inputValue("input[name=username]"), "bob")
    assert.strictEqual(await first.evaluate(() => sessionStorage.length), 0)
    await first.context().close()
  }, 60_000)

  it("has the server forget the browser whose user logs out, and says so if the server is away", async () => {
    const own = await B.WebServer.start()
    const page = await browsers.open(own.web)
    await B.register(page, "gina", "correct horse")
    const statusOf = async ({ device, token }: { readonly device: string; readonly token: string }) => {
      const headers = { Authorization: `Bearer ${token}` }
      return (await fetch(`http://127.0.0.1:${own.web}/history/gina?from=gina/${device}`, { headers })).status
    }
    // The page is online before it has exchanged the password for a token.
    const hasToken = () => page.waitForFunction(() => localStorage.getItem("a-chat.token.gina") !== null)
    const kept = async () =>
      JSON.parse(await page.evaluate(() => localStorage.getItem("a-chat.token.gina") ?? "{}")) as Parameters<
        typeof statusOf
      >[0]
    await hasToken()
    const first = await kept()
    assert.strictEqual(await statusOf(first), 200)
    await page.click(".you")
    await page.click("text=Log out")
    await page.waitForSelector("input[name=username]")
    const deadline = Date.now() + 10_000
    while ((await statusOf(first)) !== 401) assert.isBelow(Date.now(), deadline)
    assert.strictEqual(await page.textContent("[role=alert]"), "")

    await B.logIn(page, "gina", "correct horse")
    await B.online(page)
    assert.strictEqual(await page.locator("dialog").count(), 0)
    await hasToken()
    const { device } = await kept()
    await own.stop()
    await page.waitForSelector(".link")
    await page.click(".you")
    await page.click("text=Log out")
    await page.waitForSelector(`[role=alert] >> text=/forget ${device}`)
    assert.deepStrictEqual(await kept(), {} as never)
    await page.context().close()
  }, 60_000)

  it("keeps drafts and what is not sent in all tabs of a browser whose token is revoked", async () => {
    const first = await browsers.open(server.web)
    await B.register(first, "erin", "correct horse")
    const second = await browsers.tab(await first.context().newPage(), server.web)
    await second.click("text=Continue here")
    await B.online(second)
    await first.click("text=Continue here")
    await B.online(first)
    await second.waitForSelector("h1 >> text=Open in another tab")
    await B.go(first, "#drafts")

    const other = await browsers.open(server.web)
    await B.logIn(other, "erin", "correct horse")
    await B.online(other)
    await other.click(".you")
    await other.click("text=Change the password")
    await other.fill("input[name=old]", "correct horse")
    await other.fill("input[name=new]", "battery staple")
    await other.click("dialog button[type=submit]")
    await other.waitForSelector("dialog [role=alert] >> text=The password is changed")
    await first.waitForSelector(".link >> text=The password was changed.")
    await B.say(first, "not yet sent")
    await B.shows(first, "not yet sent")
    await first.fill("#composer", "a long draft")
    await first.click('.link button >> text="Log in"')
    await first.waitForSelector("input[name=password]")

    await second.reload()
    await second.waitForSelector("input[name=password]")
    assert.strictEqual(await second.inputValue("input[name=username]"), "erin")
    await B.logIn(second, "erin", "battery staple")
    await B.online(second)
    await B.go(second, "#drafts")
    await B.shows(second, "not yet sent", ":has(.state.stored)")
    assert.strictEqual(await second.inputValue("#composer"), "a long draft")
    for (const one of [first, other]) await one.context().close()
  }, 60_000)

  it("offers no account where the operator makes them, and no guest where there are none", async () => {
    const [closed, required] = await Promise.all([
      B.WebServer.start("--accounts", "closed"),
      B.WebServer.start("--accounts", "required")
    ])
    const open = await browsers.open(server.web)
    await open.waitForSelector("label:has-text('Register this name')")
    const page = await browsers.open(closed.web)
    await B.enter(page, "carol")
    await page.click(".you")
    await page.waitForSelector("dialog >> text=a guest: the name is free again")
    assert.strictEqual(await page.locator("dialog >> text=Create the account").count(), 0)
    await page.click("text=Log out")
    await page.waitForSelector("input[name=password]")
    assert.strictEqual(await page.locator("input[type=checkbox]:visible").count(), 0)
    const other = await browsers.open(required.web)
    await other.waitForSelector("text=This server is for accounts.")
    assert.strictEqual(await other.locator("input[type=checkbox]:visible").count(), 0)
    await other.fill("input[name=username]", "dave")
    await other.click("button[type=submit]")
    // The browser says that a password is missing, and the server is not asked.
    await other.waitForSelector("input[name=password]:invalid:focus")
    for (const one of [open, page, other]) await one.context().close()
    await Promise.all([closed.stop(), required.stop()])
  }, 60_000)

  it("removes its own files of other versions, and nothing of other programs on the same origin", async () => {
    const page = await browsers.open(server.web)
    await page.evaluate(() => navigator.serviceWorker.ready)
    await page.evaluate(async () => {
      for (const name of ["a-chat.OLDER", "of another program"]) await caches.open(name)
      for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister()
    })
    await page.reload()
    await page.waitForFunction(async () => {
      const names = await caches.keys()
      return !names.includes("a-chat.OLDER") && names.filter((name) => name.startsWith("a-chat.")).length === 1
    })
    assert.include(await page.evaluate(() => caches.keys()), "of another program")
    await page.context().close()
  }, 60_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
