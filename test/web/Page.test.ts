import { assert, describe, it } from "@effect/vitest"
import type { Chat } from "../../src/web/model/Chat.js"
import type { Page } from "../../src/web/model/Page.js"
import { memory, PlayedServer } from "./PlayedServer.js"
import { browserOfAlice, enter, pageOf, tabsToLose } from "./PlayedPage.js"

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
    assert.strictEqual(
      refused._tag === "Login" && refused.why,
      "Wrong name or password. For a new account, tick “Register this name”."
    )

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

  it("changes the password with the old one, and continues with the token", async () => {
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

  for (const [what, leave, stage] of [
    ["the user logs out", (page: Page, chat: Chat) => page.logOut(chat), "Login"],
    ["another tab takes over", (_page: Page, _chat: Chat, lose: () => void) => lose(), "Elsewhere"]
  ] as const) {
    for (const lines of [0, 1, 2, 3, 4, 5, 6, 7, 8]) {
      it(`does not log in again if ${what} after ${lines} lines of a change of the password`, async () => {
        const server = new PlayedServer()
        const browser = browserOfAlice()
        const { lose, tabs: losing } = tabsToLose()
        const { chat, page } = await enter(server, { browser, tabs: losing })
        server.heard.length = 0
        const outcome = page.changePassword(chat, "correct horse", "battery staple").catch(String)
        await new Promise((resolve) => setImmediate(resolve))
        for (let line = 0; line < lines; line++) {
          if (!server.hearOne()) server.showOne()
          await new Promise((resolve) => setImmediate(resolve))
        }
        leave(page, chat, lose)
        await server.settle()
        await outcome
        await server.settle()
        assert.strictEqual(page.stage.peek()._tag, stage)
        assert.strictEqual(chat.link.peek()._tag, "Stopped")
        assert.notInclude(server.heard.join(), "achat_0")
        // Nothing of it connects again.
        server.heard.length = 0
        chat.start()
        chat.wake()
        chat.useLogin({ name: "alice", device: "web", secret: "achat_0" })
        await server.settle()
        assert.deepStrictEqual([server.heard, chat.link.peek()._tag], [[], "Stopped"])
      })
    }
  }

  it("shows no login that is accepted or refused once another tab has taken over", async () => {
    for (const login of [undefined, "! wrong-password fatal: wrong name or password"]) {
      for (const lines of [0, 1, 2, 3, 4]) {
        const server = new PlayedServer()
        server.login = login
        const { lose, tabs: losing } = tabsToLose()
        const { page } = pageOf(server, { tabs: losing })
        await page.logIn({ name: "alice", password: "correct horse", isNew: false })
        for (let line = 0; line < lines; line++) {
          await new Promise((resolve) => setImmediate(resolve))
          if (!server.hearOne()) server.showOne()
        }
        // In the same task as the last line.
        lose()
        await server.settle()
        server.cut()
        await server.settle()
        assert.strictEqual(page.stage.peek()._tag, "Elsewhere")
        assert.isFalse(server.isConnected)
      }
    }
  })
})
