import { assert, describe, it } from "@effect/vitest"
import { screen, started, states, texts } from "./ChatPage.js"
import { PlayedServer } from "./PlayedServer.js"

describe("the page's model", () => {
  it("shows a line once, whatever is repeated, and loads what is missing", async () => {
    const server = new PlayedServer()
    for (let n = 1; n <= 150; n++) server.write("#ops", "bob", `line ${n}`)
    const { chat, timers } = await started(server)
    chat.reading.open("#ops")
    await server.settle()
    assert.strictEqual(texts(chat, "#ops")[0], "line 1")
    assert.strictEqual(texts(chat, "#ops").length, 150)
    assert.strictEqual(new Set(texts(chat, "#ops")).size, 150)

    // Without an acknowledgement the server gives the last ones again.
    server.log("#ops").place = 140
    server.cut()
    server.write("#ops", "bob", "line 151")
    timers.pass(2_000)
    await server.settle()
    assert.deepStrictEqual(texts(chat, "#ops").slice(-2), ["line 150", "line 151"])
    assert.strictEqual(texts(chat, "#ops").length, 151)
  })

  it("loads earlier lines page by page, until the first", async () => {
    const server = new PlayedServer()
    for (let n = 1; n <= 250; n++) server.write("#ops", "bob", `line ${n}`)
    server.log("#ops").place = 250
    const { chat } = await started(server)
    chat.reading.open("#ops")
    await server.settle()
    assert.strictEqual(texts(chat, "#ops")[0], "line 151")
    chat.reading.loadEarlier()
    await server.settle()
    assert.strictEqual(texts(chat, "#ops")[0], "line 51")
    chat.reading.loadEarlier()
    await server.settle()
    assert.deepStrictEqual([texts(chat, "#ops")[0], texts(chat, "#ops").length], ["line 1", 250])
    assert.isFalse(chat.at("#ops").timeline.hasEarlier)
  })

  for (const direction of ["earlier", "later"] as const) {
    it(`passes over ${direction} lines that are damaged, says so, and asks for no page twice`, async () => {
      const server = new PlayedServer()
      for (let n = 1; n <= 600; n++) server.write("#ops", "bob", `line ${n}`)
      server.log("#ops").place = 600
      server.isDamaged = ({ seq }) => (seq > 30 && seq <= 260) || (seq > 340 && seq <= 550)
      const { chat } = await started(server)
      chat.reading.open("#ops")
      await server.settle()
      const { timeline } = chat.at("#ops")
      if (direction === "later") {
        void chat.reading.goTo("#ops", 10)
        await server.settle()
        assert.strictEqual(
          texts(chat, "#ops").at(-1),
          "30 messages here cannot be read, because the server’s disk is damaged."
        )
      }
      const hasMore = () => (direction === "earlier" ? timeline.hasEarlier : !timeline.isAtEnd)
      for (let pages = 0; hasMore() && pages < 10; pages++) {
        if (direction === "earlier") chat.reading.loadEarlier()
        else chat.reading.loadLater()
        await server.settle()
      }
      assert.isFalse(hasMore())
      assert.deepStrictEqual(texts(chat, "#ops"), [
        ...Array.from({ length: 30 }, (_, index) => `line ${index + 1}`),
        "230 messages here cannot be read, because the server’s disk is damaged.",
        ...Array.from({ length: 80 }, (_, index) => `line ${index + 261}`),
        "210 messages here cannot be read, because the server’s disk is damaged.",
        ...Array.from({ length: 50 }, (_, index) => `line ${index + 551}`)
      ])
      const asked = server.heard.filter((line) => line.includes("/history #ops ")).map((line) => line.split(" ")[3])
      assert.strictEqual(new Set(asked).size, asked.length, asked.join(" "))
    })
  }

  it("lets requests finish and wait while it logs in differently, which the user does not see", async () => {
    const server = new PlayedServer()
    server.write("#ops", "bob", "line 1")
    const { chat } = await started(server)
    const before = chat.ask("read #ops 1")
    chat.useLogin({ name: "alice", device: "web", secret: "achat_1" })
    const meanwhile = chat.ask("read bob 1")
    await server.settle()
    assert.deepStrictEqual([(await before).length, (await meanwhile).length], [1, 1])
    const order = server.heard.map((line) => line.replace(/^@\S+ /u, ""))
    const [first, quit, login, second] = ["/read #ops 1", "/quit", "alice/web: achat_1", "/read bob 1"].map((line) =>
      order.indexOf(line)
    )
    assert.isTrue(first !== undefined && quit !== undefined && login !== undefined && second !== undefined)
    assert.isAbove(second ?? 0, login ?? 0)
    assert.isAbove(login ?? 0, first ?? 0)
    assert.strictEqual(chat.link.peek()._tag, "Online")
  })

  it("fails requests if it cannot log in differently, and logs in although one gets no reply", async () => {
    const server = new PlayedServer()
    const { chat, timers } = await started(server)
    const unanswered = chat.ask("nothing").catch((error: unknown) => error)
    await server.settle()
    chat.useLogin({ name: "alice", device: "web", secret: "achat_1" })
    server.login = "! wrong-password fatal: wrong"
    const meanwhile = chat.ask("read bob 1").catch((error: unknown) => error)
    assert.isFalse(server.heard.includes("alice/web: achat_1"))
    timers.pass(5_000)
    await server.settle()
    assert.isTrue(server.heard.includes("alice/web: achat_1"))
    assert.instanceOf(await unanswered, Error)
    server.cut()
    await server.settle()
    assert.propertyVal(await meanwhile, "reason", "cut-off")
  })

  it("says that a search could not read everything", async () => {
    const server = new PlayedServer()
    const { chat } = await started(server)
    const search = async () => {
      const found = chat.search("word", undefined)
      await server.settle()
      return found
    }
    assert.deepStrictEqual(await search(), { lines: [], isDamaged: false })
    server.isSearchDamaged = true
    assert.deepStrictEqual(await search(), { lines: [], isDamaged: true })
  })

  it("shows a line that was found, and comes back to the end without a gap", async () => {
    const server = new PlayedServer()
    for (let n = 1; n <= 400; n++) server.write("#ops", "bob", `line ${n}`)
    server.log("#ops").place = 400
    const { chat } = await started(server)
    chat.reading.open("#ops")
    await server.settle()
    void chat.reading.goTo("#ops", 100)
    await server.settle()
    assert.include(texts(chat, "#ops"), "line 100")
    assert.notInclude(texts(chat, "#ops"), "line 400")
    server.write("#ops", "bob", "line 401")
    await server.settle()
    assert.notInclude(texts(chat, "#ops"), "line 401")
    while (!chat.at("#ops").timeline.isAtEnd) {
      chat.reading.loadLater()
      await server.settle()
    }
    const all = texts(chat, "#ops")
    const first = Number(all[0]?.split(" ")[1])
    assert.deepStrictEqual(
      all,
      Array.from({ length: 402 - first }, (_, index) => `line ${first + index}`)
    )
  })

  it("keeps what is written while it is cut off, in order, and sends it once", async () => {
    const server = new PlayedServer()
    server.write("bob", "bob", "hi")
    const { chat, timers, browser, tab } = await started(server)
    chat.send("bob", ["one"])
    await server.settle()
    assert.deepStrictEqual(states(chat, "bob").slice(-1), ["one stored"])

    // This one arrives, and its outcome is lost.
    chat.send("bob", ["two"])
    while (server.hearOne()) {
      // Until the server has it.
    }
    server.cut()
    chat.send("bob", ["three", "four"])
    assert.deepStrictEqual(states(chat, "bob").slice(-3), ["two waiting", "three waiting", "four waiting"])
    await Promise.resolve()
    chat.stop("", "test")

    // Another page of the same browser, later.
    const again = await started(server, { timers, browser, tab })
    again.chat.reading.open("bob")
    await server.settle()
    assert.deepStrictEqual(texts(again.chat, "bob"), ["hi", "one", "two", "three", "four"])
    assert.deepStrictEqual(
      server.log("bob").lines.map(({ text }) => text),
      ["hi", "one", "two", "three", "four"]
    )
    assert.isTrue(again.chat.sending.isEmpty)
  })

  it("still shows what no server keeps after the page was loaded again, where it was", async () => {
    const server = new PlayedServer()
    server.write("guest", "guest", "one")
    const { chat, browser, tab, timers } = await started(server)
    server.say("from guest: two")
    await server.settle()
    server.write("guest", "guest", "three")
    await server.settle()
    chat.stop("", "test")
    const again = await started(server, { browser, tab, timers })
    again.chat.reading.open("guest")
    await server.settle()
    assert.deepStrictEqual(texts(again.chat, "guest"), ["one", "two", "three"])
    again.chat.forget()
    await Promise.resolve()
    assert.isUndefined(tab.read("a-chat.unkept.alice"))
  })

  it("says why a line was not delivered, and sends it again on request", async () => {
    const server = new PlayedServer()
    const { chat } = await started(server)
    chat.reading.open("bob")
    server.refusals.set("hello", "! undelivered @ bob reason=full: too many lines wait")
    chat.send("bob", ["hello"])
    await server.settle()
    const [failed] = screen(chat, "bob")
    assert.deepStrictEqual([failed?.state, failed?.why], ["failed", "too many lines wait"])
    chat.sending.again(failed?.key ?? "")
    await server.settle()
    assert.deepStrictEqual(states(chat, "bob"), ["hello stored"])
  })

  it("waits as long as the server asks for, and then sends the same line again", async () => {
    const server = new PlayedServer()
    server.facts += " rate=10"
    const { chat, timers } = await started(server)
    server.refusals.set("one", "! slow-down @ retry=700: too fast")
    chat.send("bob", ["one", "two"])
    await server.settle()
    assert.deepStrictEqual(server.log("bob").lines, [])
    timers.pass(699)
    await server.settle()
    assert.deepStrictEqual(server.log("bob").lines, [])
    timers.pass(2)
    await server.settle()
    assert.deepStrictEqual(
      server.log("bob").lines.map(({ text }) => text),
      ["one", "two"]
    )
  })

  it("counts unread lines of other conversations, and those that mention the user", async () => {
    const server = new PlayedServer()
    server.write("#ops", "bob", "before")
    server.log("#ops").place = 1
    const { chat, news } = await started(server, { isLooking: () => false })
    assert.strictEqual(chat.at("#ops").state.peek().unread, 1)
    server.write("#ops", "bob", "for alice")
    server.write("#ops", "bob", "for alicette")
    server.write("bob", "bob", "psst")
    await server.settle()
    const { mentions, unread } = chat.at("#ops").state.peek()
    assert.deepStrictEqual({ mentions, unread }, { mentions: 1, unread: 3 })
    assert.strictEqual(chat.unread.peek(), 4)
    assert.deepStrictEqual(
      news.map(({ text }) => text),
      ["for alice", "psst"]
    )
    chat.toggleMuted("#ops")
    assert.strictEqual(chat.unread.peek(), 2)

    // The user reads it here, and the other devices are to know.
    chat.reading.open("#ops")
    await server.settle()
    assert.strictEqual(chat.at("#ops").state.peek().newAfter, 0)
    chat.reading.sawEnd()
    assert.strictEqual(chat.at("#ops").state.peek().unread, 0)
  })

  it("reports the read mark, and takes those of other devices", async () => {
    const server = new PlayedServer()
    server.write("#ops", "bob", "one")
    server.write("dave", "dave", "one")
    const { chat, timers } = await started(server)
    chat.reading.open("#ops")
    await server.settle()
    chat.reading.sawEnd()
    timers.pass(1_000)
    await server.settle()
    assert.isTrue(server.heard.some((line) => line.endsWith("/read #ops 1")))
    assert.strictEqual(chat.at("dave").state.peek().unread, 1)
    server.say("* read dave seq=1: read up to here")
    await server.settle()
    assert.strictEqual(chat.at("dave").state.peek().unread, 0)
  })

  it("shows what the user's other devices send, and what was given to the other one", async () => {
    const server = new PlayedServer()
    const { chat } = await started(server)
    chat.reading.open("bob")
    await server.settle()
    server.say("* sent bob seq=1 at=1764000001000: from my phone")
    await server.settle()
    assert.deepStrictEqual(states(chat, "bob"), ["from my phone stored"])
    assert.isTrue(screen(chat, "bob")[0]?.isOwn)
    server.say("* delivered bob seq=1: given")
    await server.settle()
    assert.strictEqual(chat.at("bob").state.peek().delivered, 1)
  })

  it("says that lines are kept no longer, and waits for none of them", async () => {
    const server = new PlayedServer()
    server.write("bob", "bob", "one")
    const { chat } = await started(server)
    chat.reading.open("bob")
    await server.settle()
    server.say("! gap bob first=2 last=4: no longer kept", "from bob seq=5 at=1764000009000: five")
    await server.settle()
    assert.deepStrictEqual(texts(chat, "bob"), ["one", "3 lines are no longer kept", "five"])
    assert.isFalse(chat.at("bob").timeline.hasHole)
  })

  it("begins anew with a server that has begun from nothing", async () => {
    const server = new PlayedServer()
    for (let n = 1; n <= 5; n++) server.write("bob", "bob", `old ${n}`)
    const { chat, timers } = await started(server)
    chat.reading.open("bob")
    await server.settle()
    server.logs.clear()
    server.facts = server.facts.replace("log=one", "log=two")
    server.write("bob", "bob", "new 1")
    server.cut()
    timers.pass(2_000)
    await server.settle()
    assert.deepStrictEqual(texts(chat, "bob"), ["new 1"])
    assert.strictEqual(chat.at("bob").state.peek().last, 1)
  })

  it("comes back at the time that the server announces, and says that it is cut off", async () => {
    const server = new PlayedServer()
    const { chat, timers } = await started(server)
    server.say("* closing grace=10000 return=4321: shutting down")
    await server.settle()
    server.isDown = true
    server.cut()
    const link = chat.link.peek()
    assert.deepStrictEqual(link, { _tag: "Away", why: "", until: timers.now() + 4_321 })
    server.isDown = false
    timers.pass(4_320)
    await server.settle()
    assert.strictEqual(chat.link.peek()._tag, "Away")
    timers.pass(1)
    await server.settle()
    assert.strictEqual(chat.link.peek()._tag, "Online")
  })

  it("closes a connection on which nothing comes for a minute", async () => {
    const server = new PlayedServer()
    const { chat, timers } = await started(server)
    timers.pass(30_000)
    await server.settle()
    assert.strictEqual(chat.link.peek()._tag, "Online")
    timers.pass(59_999)
    assert.strictEqual(chat.link.peek()._tag, "Online")
    timers.pass(1)
    assert.strictEqual(chat.link.peek()._tag, "Away")
  })

  it("does not come back by itself after another page has taken the place of this device", async () => {
    const server = new PlayedServer()
    const { chat, timers } = await started(server)
    server.say("! logged-out reason=replaced fatal: this device has logged in again")
    await server.settle()
    server.cut()
    timers.pass(600_000)
    await server.settle()
    const link = chat.link.peek()
    assert.deepStrictEqual([link._tag, "code" in link ? link.code : ""], ["Stopped", "replaced"])
    assert.isFalse(server.isConnected)
  })
})
