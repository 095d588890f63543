import { assert, describe, it } from "@effect/vitest"
import { Identities } from "../../src/web/model/PageUser.js"
import type { Page } from "../../src/web/model/Page.js"
import { memory, PlayedServer } from "./PlayedServer.js"
import { browserOfAlice, chatOf, enter, pageOf } from "./PlayedPage.js"

describe("a page of a user who logs out", () => {
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

  it("keeps the form after the user has logged out while the password was exchanged for a token", async () => {
    for (const isNew of [false, true]) {
      const server = new PlayedServer()
      const browser = memory()
      const { page } = pageOf(server, { browser })
      await page.logIn({ name: "alice", password: "correct horse", isNew })
      while (page.stage.peek()._tag !== "Chat") {
        await new Promise((resolve) => setImmediate(resolve))
        assert.isTrue(server.hearOne() || server.showOne())
        await new Promise((resolve) => setImmediate(resolve))
      }
      page.logOut(chatOf(page))
      await server.settle()
      const stage = page.stage.peek()
      assert.deepStrictEqual([stage._tag, stage._tag === "Login" && stage.why], ["Login", undefined])
      assert.isUndefined(browser.read("a-chat.token.alice"))
    }
  })

  it("keeps what is not delivered, and drafts, if a token is missing without a logout", async () => {
    const server = new PlayedServer()
    const browser = browserOfAlice()
    const [tab, other] = [memory(), memory()]
    const second = await enter(server, { browser, tab: other })
    second.chat.stop("", "test")
    const first = await enter(server, { browser, tab })
    server.say("from guest: hello")
    await server.settle()
    server.cut()
    first.chat.send("bob", ["not yet sent"])
    first.chat.keepDraft("carol", "a long draft")
    // The token was revoked, such as by a change of the password on another device.
    server.login = "! wrong-password fatal: wrong name or password"
    first.chat.wake()
    await server.settle()
    server.cut()
    await server.settle()
    first.page.logInAgain(first.chat)
    await server.settle()
    assert.isUndefined(browser.read("a-chat.token.alice"))

    // The other tab is loaded again, or asked to continue.
    for (const begin of [
      (page: Page) => page.start(),
      (page: Page) => page.continueHere({ name: "alice", device: "web", token: "achat_0" })
    ]) {
      server.heard.length = 0
      const { page } = pageOf(server, { browser, tab: other })
      await begin(page)
      await server.settle()
      const stage = page.stage.peek()
      assert.deepStrictEqual([stage._tag, stage._tag === "Login" && stage.name], ["Login", "alice"])
      assert.notInclude(server.heard.join(), "achat_0")
    }
    assert.include(browser.read("a-chat.outbox.alice"), "not yet sent")
    assert.include(browser.read("a-chat.settings.alice"), "a long draft")

    server.login = undefined
    const { page } = pageOf(server, { browser, tab })
    await page.logIn({ name: "alice", password: "correct horse", isNew: false })
    await server.settle()
    assert.deepStrictEqual(
      server.log("bob").lines.map(({ text }) => text),
      ["not yet sent"]
    )
    assert.strictEqual(chatOf(page).at("carol").state.peek().draft, "a long draft")
    assert.include(tab.read("a-chat.unkept.alice"), "hello")
  })

  it("keeps what is not delivered where the token is in the identity, as in pages before", async () => {
    const server = new PlayedServer()
    const browser = browserOfAlice()
    const { chat } = await enter(server, { browser })
    server.cut()
    chat.send("bob", ["not yet sent"])
    await server.settle()
    browser.write("a-chat.token.alice", undefined)
    browser.write("a-chat.identity", JSON.stringify({ name: "alice", device: "web", token: "achat_0" }))
    const { page } = pageOf(server, { browser })
    await page.start()
    await server.settle()
    assert.strictEqual(page.stage.peek()._tag, "Login")
    assert.include(browser.read("a-chat.outbox.alice"), "not yet sent")
  })

  it("removes everything at once when the user logs out, and writes nothing of it back", async () => {
    const server = new PlayedServer()
    const [texts, own] = [new Map<string, string>(), new Map<string, string>()]
    const [browser, tab] = [memory(texts), memory(own)]
    for (const key of ["identity", "token.alice"])
      browser.write(`a-chat.${key}`, browserOfAlice().read(`a-chat.${key}`))
    // A browser without locks: a tab shows its chat also after another one has taken its place.
    const [first, second] = [await enter(server, { browser }), await enter(server, { browser, tab })]
    second.chat.reading.open("bob")
    server.say("from guest: secret")
    await server.settle()
    server.cut()
    for (const { chat } of [first, second]) {
      chat.send("bob", ["secret"])
      chat.keepDraft("carol", "secret")
    }
    await server.settle()
    second.chat.keepDraft("carol", "secret, too")
    second.page.logOut(second.chat)
    const left = () => [...texts.keys(), ...own.keys()]
    assert.deepStrictEqual(left(), ["a-chat.logouts.alice"])

    for (const { chat } of [first, second]) {
      chat.send("bob", ["secret"])
      chat.keepDraft("carol", "secret")
      chat.reading.open("bob")
    }
    await server.settle()
    server.heard.length = 0
    first.chat.wake()
    first.chat.start()
    await server.settle()
    assert.deepStrictEqual(left(), ["a-chat.logouts.alice"])
    assert.deepStrictEqual([first.page.stage.peek()._tag, server.heard.join().includes("achat_0")], ["Login", false])
  })

  it("keeps no token that comes after another tab has logged out", async () => {
    const server = new PlayedServer()
    const browser = browserOfAlice()
    const { page } = pageOf(server, { browser })
    await page.start()
    const other = pageOf(new PlayedServer(), { browser })
    await other.page.start()
    other.page.logOut(chatOf(other.page))
    // The login of this tab is accepted.
    await server.settle()
    assert.strictEqual(page.stage.peek()._tag, "Login")
    assert.deepStrictEqual(
      ["token.alice", "identity"].map((key) => browser.read(`a-chat.${key}`)),
      [undefined, undefined]
    )
  })

  it("keeps no token that it has asked for before another tab has logged out", async () => {
    const server = new PlayedServer()
    const browser = memory()
    const { page } = pageOf(server, { browser })
    await page.logIn({ name: "alice", password: "correct horse", isNew: false })
    while (!server.heard.some((line) => line.includes("/token"))) {
      await new Promise((resolve) => setImmediate(resolve))
      assert.isTrue(server.hearOne() || server.showOne())
    }
    new Identities(memory(), browser).logOut({ name: "alice" })
    await server.settle()
    assert.strictEqual(page.stage.peek()._tag, "Login")
    assert.isUndefined(browser.read("a-chat.token.alice"))
  })

  it("does not continue as a guest who has logged out in another tab, and keeps what was written since", async () => {
    const server = new PlayedServer()
    const [tab, browser] = [memory(), memory()]
    const first = pageOf(server, { tab, browser })
    await first.page.logIn({ name: "alice", password: "", isNew: false })
    await server.settle()
    server.say("from guest: secret")
    await server.settle()
    chatOf(first.page).stop("", "test")
    const second = await enter(server, { browser })
    second.page.logOut(second.chat)
    await second.page.logIn({ name: "alice", password: "", isNew: false })
    await server.settle()
    server.cut()
    chatOf(second.page).send("bob", ["written since"])
    await server.settle()

    // In a tab that waits for its turn, the form is there, too.
    const waiting = memory()
    for (const key of ["identity", "unkept.alice"]) waiting.write(`a-chat.${key}`, tab.read(`a-chat.${key}`))
    assert.include(waiting.read("a-chat.unkept.alice"), "secret")
    await pageOf(server, { tab: waiting, browser: memory() }).page.logIn({ name: "bob", password: "", isNew: false })
    assert.include(waiting.read("a-chat.unkept.alice"), "secret")
    await pageOf(server, { tab: waiting, browser }).page.logIn({ name: "bob", password: "", isNew: false })
    assert.isUndefined(waiting.read("a-chat.unkept.alice"))
    const again = pageOf(server, { tab, browser })
    await again.page.start()
    await server.settle()
    assert.strictEqual(again.page.stage.peek()._tag, "Login")
    assert.isUndefined(tab.read("a-chat.unkept.alice"))
    assert.isUndefined(tab.read("a-chat.identity"))
    assert.include(browser.read("a-chat.outbox.alice"), "written since")
    // The tab that has logged in again is not logged out.
    chatOf(second.page).wake()
    await server.settle()
    assert.deepStrictEqual(
      server.log("bob").lines.map(({ text }) => text),
      ["written since"]
    )
  })
})
