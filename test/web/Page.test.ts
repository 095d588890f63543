import { assert, describe, it } from "@effect/vitest"
import { Page, type PageOptions } from "../../src/web/model/Page.js"
import { memory, PlayedServer, PlayedTimers } from "./PlayedServer.js"

const pageOf = (server: PlayedServer, by: Partial<PageOptions> = {}) => {
  const claimed: Array<string> = []
  const page = new Page({
    open: server.open,
    timers: new PlayedTimers(),
    tab: memory(),
    browser: memory(),
    tabs: {
      claim: (name) => Promise.resolve(claimed.push(name) > 0),
      takeOver: (name) => Promise.resolve(void claimed.push(name)),
      release: () => {}
    },
    isLooking: () => true,
    onNews: () => {},
    ...by
  })
  return { page, claimed }
}

describe("Page", () => {
  it("shows the form until the login is accepted, and the reason if it is refused", async () => {
    const server = new PlayedServer()
    const { page } = pageOf(server)
    await page.start()
    await server.settle()
    assert.strictEqual(page.stage.peek()._tag, "Login")
    assert.strictEqual(page.server.peek()?.accounts, "open")

    server.login = "! wrong-password fatal: wrong name or password"
    await page.logIn({ name: "alice", password: "x", isNew: false })
    await server.settle()
    server.cut()
    await server.settle()
    const refused = page.stage.peek()
    assert.strictEqual(refused._tag, "Login")
    assert.strictEqual(refused._tag === "Login" && refused.why, "Wrong name or password.")

    server.login = undefined
    await page.logIn({ name: "alice", password: "", isNew: false })
    await server.settle()
    assert.strictEqual(page.stage.peek()._tag, "Chat")
  })

  it("does not ask the server about a name that none can have", async () => {
    const server = new PlayedServer()
    const { claimed, page } = pageOf(server)
    await page.logIn({ name: "a b", password: "", isNew: false })
    const stage = page.stage.peek()
    assert.match(stage._tag === "Login" ? (stage.why ?? "") : "", /^A name has up to 32/u)
    assert.deepStrictEqual([claimed, server.heard], [[], []])
  })

  it("says that another tab has the connection, and takes it over only on request", async () => {
    const server = new PlayedServer()
    const browser = memory()
    browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web" }))
    browser.write("a-chat.token.alice", JSON.stringify({ device: "web", token: "achat_0" }))
    const taken: Array<string> = []
    const tabs = {
      claim: () => Promise.resolve(false),
      takeOver: (name: string) => Promise.resolve(void taken.push(name)),
      release: () => {}
    }
    const { page } = pageOf(server, { browser, tabs })
    await page.start()
    await server.settle()
    const stage = page.stage.peek()
    assert.strictEqual(stage._tag, "Elsewhere")
    assert.deepStrictEqual([taken, server.heard], [[], []])
    if (stage._tag === "Elsewhere") await page.continueHere(stage.identity)
    await server.settle()
    assert.deepStrictEqual(taken, ["alice"])
    assert.include(server.heard, "alice/web: achat_0")
  })

  it("keeps a token in the place of the password", async () => {
    const server = new PlayedServer()
    const [tab, browser] = [memory(), memory()]
    const { page } = pageOf(server, { tab, browser })
    await page.logIn({ name: "alice", password: "correct horse", isNew: false })
    await server.settle()
    const kept = () =>
      [tab, browser].flatMap((one) => ["identity", "token.alice"].map((key) => one.read(`a-chat.${key}`)))
    assert.include(kept().join(), "achat_token")
    assert.notInclude(kept().join(), "correct horse")
    const stage = page.stage.peek()
    if (stage._tag === "Chat") page.logOut(stage.chat)
    assert.deepStrictEqual(kept(), [undefined, undefined, undefined, undefined])
  })

  it("has no token any more, nor lines, in a tab of a user who has logged out in another one", async () => {
    const server = new PlayedServer()
    const [tab, browser] = [memory(), memory()]
    browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web" }))
    browser.write("a-chat.token.alice", JSON.stringify({ device: "web", token: "achat_0" }))
    const first = pageOf(server, { tab, browser })
    await first.page.start()
    await server.settle()
    server.say("from guest: secret")
    await server.settle()
    await new Promise((resolve) => setImmediate(resolve))
    assert.include(tab.read("a-chat.unkept.alice"), "secret")

    // Another tab takes the connection over, and logs out.
    const second = pageOf(server, { browser })
    await second.page.continueHere({ name: "alice", device: "web" })
    await server.settle()
    const stage = second.page.stage.peek()
    assert.strictEqual(stage._tag, "Chat")
    if (stage._tag === "Chat") second.page.logOut(stage.chat)
    await server.settle()

    server.heard.length = 0
    await first.page.continueHere({ name: "alice", device: "web", token: "achat_0" })
    await server.settle()
    assert.strictEqual(first.page.stage.peek()._tag, "Login")
    assert.notInclude(server.heard.join(), "achat_0")
    assert.isUndefined(tab.read("a-chat.unkept.alice"))
    assert.isUndefined(tab.read("a-chat.identity"))
  })

  it("changes the password with the old one, and goes on with the token", async () => {
    const server = new PlayedServer()
    const [tab, browser] = [memory(), memory()]
    browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web" }))
    browser.write("a-chat.token.alice", JSON.stringify({ device: "web", token: "achat_0" }))
    const { page } = pageOf(server, { tab, browser })
    await page.start()
    await server.settle()
    const stage = page.stage.peek()
    if (stage._tag !== "Chat") return assert.fail("not logged in")
    const { chat } = stage

    server.login = "! wrong-password fatal: wrong name or password"
    const outcome = page.changePassword(chat, "wrong horse", "battery staple").then(
      () => "changed",
      (error: unknown) => String(error)
    )
    await server.settle()
    server.login = undefined
    server.cut()
    assert.include(await outcome, "wrong name or password")
    await server.settle()
    assert.deepStrictEqual(
      [chat.link.peek()._tag, server.heard.some((line) => line.includes("/password"))],
      ["Online", false]
    )

    server.heard.length = 0
    const changed = page.changePassword(chat, "correct horse", "battery staple")
    await server.settle()
    await changed
    assert.include(server.heard, "alice/web: correct horse")
    assert.isTrue(server.heard.some((line) => line.endsWith("/password battery staple")))
    server.cut()
    assert.notInclude(JSON.stringify([tab.read("a-chat.identity"), browser.read("a-chat.token.alice")]), "staple")
    chat.wake()
    await server.settle()
    assert.include(server.heard, "alice/web: achat_0")
  })
})
