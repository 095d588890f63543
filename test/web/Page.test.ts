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
    browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web", token: "achat_0" }))
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
    const kept = `${tab.read("a-chat.identity")} ${browser.read("a-chat.identity")}`
    assert.include(kept, "achat_token")
    assert.notInclude(kept, "correct horse")
    const stage = page.stage.peek()
    if (stage._tag === "Chat") page.logOut(stage.chat)
    assert.isUndefined(tab.read("a-chat.identity"))
    assert.isUndefined(browser.read("a-chat.identity"))
  })
})
