import { afterAll, assert, beforeAll, beforeEach, describe, it } from "vitest"
import * as B from "./Browsers.js"
import { hostileNames, hostileTexts } from "./Hostile.js"

/** What the tests share: a browser, a server, and a network between them. */
let browsers: B.Browsers
let server: B.WebServer
let network: B.Network

describe.skipIf(!B.isInstalled)("the page in a browser", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
    network = await B.Network.to(server)
  }, 60_000)

  beforeEach(async () => {
    network.mend()
    if (!server.isRunning) await server.restart()
  })

  afterAll(async () => {
    await browsers?.close()
    network?.close()
    await server?.stop()
  })

  it("is used by two people and a phone", async () => {
    const alice = await browsers.open(server.web)
    assert.deepStrictEqual(await B.problems(alice), [])
    await B.register(alice, "alice", "correct horse")
    await B.go(alice, "#ops")
    const bob = await browsers.open(server.web)
    await B.enter(bob, "bob")
    await B.go(bob, "#ops")

    // A message, and what becomes of it.
    await B.say(alice, "is the build green? https://ci.example/4711.")
    await B.shows(alice, "is the build green? ", ":has(.state.stored)")
    const link = bob.locator(".text a")
    assert.strictEqual(await link.getAttribute("href"), "https://ci.example/4711")
    assert.strictEqual(await link.getAttribute("rel"), "noopener noreferrer")

    // Alice looks elsewhere: unread lines, a mention, the title.
    await B.go(alice, "carol")
    await B.say(bob, "since nine")
    await B.say(bob, "alice: see?")
    await alice.waitForSelector(".item.unread .count.strong >> text=2")
    await alice.waitForFunction(() => document.title.startsWith("(2) "))
    await alice.click(".item:has-text('ops')")
    await alice.waitForSelector(".new + .line >> text=since nine")
    await alice.waitForSelector(".text mark >> text=alice")
    await alice.waitForFunction(() => !document.title.startsWith("("))

    // A line that cannot be delivered, and again once it can.
    await B.go(alice, "dave")
    await B.say(alice, "lunch?")
    await alice.waitForSelector(".undelivered >> text=no recipient of that name is online")
    const dave = await browsers.open(server.web, B.phone)
    await B.enter(dave, "dave")
    await alice.click("text=Send again")
    await B.shows(alice, "lunch?", ":has(.state.received)")
    await dave.click(".item:has-text('alice')")
    await B.shows(dave, "lunch?")
    assert.deepStrictEqual(await B.problems(dave), [])

    // The phone is another device of alice: it gets what she has written, and her read marks.
    await dave.click("[aria-label='All conversations']")
    assert.deepStrictEqual(await B.problems(dave), [])
    const phone = await browsers.open(server.web, B.phone)
    await B.logIn(phone, "alice", "correct horse")
    await phone.click(".item:has-text('ops')")
    await B.shows(phone, "since nine")
    await B.go(alice, "#ops")
    await B.say(alice, "one\ntwo\n\nthree")
    await B.shows(phone, "three", ":has(.state.stored)")
    assert.deepStrictEqual((await B.texts(phone)).slice(-3), ["one", "two", "three"])
    await B.say(phone, "from the phone")
    await B.shows(alice, "from the phone", ":has(.state)")

    // Rooms: topic, members, mute, search.
    await B.say(alice, "/topic What is broken")
    await bob.waitForSelector(".subtitle >> text=What is broken")
    await alice.click("[aria-label='Members and settings']")
    await alice.waitForSelector(".panel .item >> text=bob")
    assert.deepStrictEqual(await B.problems(alice), [])
    await alice.click(".panel >> text=Mute")
    await alice.waitForSelector(".item.muted >> text=ops")
    await alice.keyboard.press("Control+f")
    await alice.fill("input[type=search]", "GREEN")
    await alice.keyboard.press("Enter")
    await alice.click(".found button >> text=is the build green")
    await alice.waitForSelector(".line.target >> text=is the build green")
    assert.deepStrictEqual(await B.problems(alice), [])

    // A draft stays where it was written, also over a reload.
    await alice.fill("#composer", "not yet")
    await B.go(alice, "carol")
    assert.strictEqual(await alice.inputValue("#composer"), "")
    await alice.reload()
    await alice.click(".item:has-text('ops')")
    assert.strictEqual(await alice.inputValue("#composer"), "not yet")
    await B.shows(alice, "from the phone")

    // The owner locks the room: bob, a guest, is out.
    await alice.fill("#composer", "/lock")
    await alice.keyboard.press("Enter")
    await bob.waitForSelector(".composer.out")
    await bob.click("text=Join")
    await bob.waitForSelector(".note.trouble")

    await alice.click(".you")
    assert.deepStrictEqual(await B.problems(alice), [])
    await alice.click("text=Log out")
    await alice.waitForSelector("input[name=username]")
    assert.isNull(await alice.evaluate(() => localStorage.getItem("a-chat.identity")))
    for (const page of [alice, bob, dave, phone]) await page.context().close()
  }, 120_000)

  it("loses and repeats nothing when the server is killed and comes back, and starts without it", async () => {
    const [erin, frank] = await Promise.all([browsers.open(server.web), browsers.open(server.web)])
    await Promise.all([B.register(erin, "erin", "correct horse"), B.register(frank, "frank", "correct horse")])
    await B.go(erin, "#away")
    await B.go(frank, "#away")
    await B.say(erin, "before")
    await B.shows(frank, "before")
    await erin.evaluate(() => navigator.serviceWorker.ready)
    await server.kill()
    await erin.waitForSelector(".link >> text=Cut off from the server")
    await B.say(erin, "one")
    await B.say(erin, "two")
    await B.say(frank, "three")
    await B.shows(erin, "two", ".waiting")
    // The page comes from the service worker, and what was written from the browser's storage.
    await erin.reload()
    await B.shows(erin, "two", ".waiting")
    assert.deepStrictEqual(await B.problems(erin), [])
    await server.restart()
    await Promise.all([B.shows(erin, "two", ":has(.state.stored)"), B.shows(frank, "three", ":has(.state.stored)")])
    await Promise.all([B.shows(erin, "three"), B.shows(frank, "two")])
    const all = await B.texts(erin)
    assert.deepStrictEqual(all.toSorted(), ["before", "one", "three", "two"])
    assert.deepStrictEqual(await B.texts(frank), all)
    for (const page of [erin, frank]) await page.context().close()
  }, 120_000)

  it("notices a cut and a silent network, and is usable over a slow one with a wrong clock", async () => {
    const grace = await browsers.open(network.port)
    await grace.clock.setFixedTime(Date.now() - 3 * 86_400_000)
    await grace.reload()
    await B.register(grace, "grace", "correct horse")
    await B.go(grace, "#slow")
    const other = await server.client("heidi", "/hello", "/join #slow")
    await B.say(grace, "hello")
    await B.shows(grace, "hello", ":has(.state.stored)")
    await grace.waitForSelector(".day >> text=Today")

    network.cut()
    await grace.waitForSelector(".link >> text=Cut off")
    other.say("#slow: while you were away")
    await B.say(grace, "kept")
    await grace.waitForSelector("button >> text=Try now")
    network.mend()
    network.delay = 150
    await B.tryNow(grace)
    await B.shows(grace, "while you were away")
    await B.shows(grace, "kept", ":has(.state.stored)")

    // Enter again, while the server has not answered yet: the room is joined once, and the page says that it waits.
    network.delay = 1_000
    await grace.keyboard.press("Control+k")
    await grace.fill("dialog input", "#slower")
    await grace.waitForSelector("[role=option] >> text='#slower'")
    for (let times = 0; times < 3; times++) await grace.keyboard.press("Enter")
    await grace.waitForSelector("[role=option] >> text=One moment…")
    await grace.waitForSelector("h1 >> text=#slower")
    await grace.waitForSelector("dialog", { state: "detached" })
    await B.go(grace, "#slow")

    // Nothing arrives, and no connection ends: the page asks when the network is said to be gone, or to be back.
    network.delay = 0
    network.isSilent = true
    await B.say(grace, "into the void")
    await grace.evaluate(() => dispatchEvent(new Event("offline")))
    await grace.waitForSelector(".link >> text=Cut off")
    await grace.waitForSelector("button >> text=Try now")
    network.mend()
    await grace.evaluate(() => dispatchEvent(new Event("online")))
    await B.shows(grace, "into the void", ":has(.state.stored)")
    assert.deepStrictEqual(await B.texts(grace), ["hello", "while you were away", "kept", "into the void"])
    other.end()
    await grace.context().close()
  }, 120_000)

  it("keeps tabs of one browser apart", async () => {
    const first = await browsers.open(server.web)
    await B.register(first, "ivan", "correct horse")
    const second = await browsers.tab(await first.context().newPage(), server.web)
    await second.waitForSelector("h1 >> text=Open in another tab")
    assert.deepStrictEqual(await B.problems(second), [])
    await second.click("text=Continue here")
    await B.online(second)
    await first.waitForSelector("h1 >> text=Open in another tab")
    await first.click("text=Use another name")
    await B.enter(first, "judy")
    await B.go(first, "ivan")
    await B.say(first, "from another tab")
    await second.waitForSelector(".item.unread >> text=judy")
    await first.context().close()
  }, 60_000)

  it("shows whatever others send as text, and nothing else", async () => {
    const page = await browsers.open(server.web)
    const requests: Array<string> = []
    page.on("request", (request) => requests.push(request.url()))
    await B.register(page, "kate", "correct horse")
    await B.go(page, "#hostile")
    for (const name of hostileNames) {
      const guest = await server.client(name, "/hello", "/join #hostile", `#hostile: ${name} was here`, `kate: ${name}`)
      await page.waitForSelector(".list .item.unread")
      await page.waitForFunction((wanted) => document.body.textContent?.includes(`${wanted} was here`), name)
      guest.end()
    }
    const mallory = await server.client("mallory", "/hello", "/join #hostile")
    for (const text of hostileTexts) mallory.say(`#hostile: ${text}`)
    mallory.say("#hostile: the end")
    await B.shows(page, "the end")
    const shown = await page
      .locator(".line .text")
      .evaluateAll((all) => all.map(({ textContent }) => textContent ?? ""))
    for (const text of hostileTexts) {
      const start = text.trim().slice(0, 200)
      assert.isTrue(
        shown.some((one) => one.startsWith(start)),
        `not shown as it is: ${JSON.stringify(start)}`
      )
    }
    const links = await page.locator(".text a").evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).href))
    assert.isAbove(links.length, 0)
    for (const href of links) assert.match(href, /^https?:/u)
    // Nothing ran, nothing was loaded from elsewhere, nothing lies over the page, and no line is as wide as it likes.
    assert.isUndefined(await page.evaluate(() => (globalThis as { pwned?: unknown }).pwned))
    assert.deepStrictEqual(
      requests.filter((url) => !url.startsWith(`http://127.0.0.1:${server.web}/`)),
      []
    )
    const elements = await page.locator(".lines :is(img, script, iframe, style, svg:not(.icon), form, object)").count()
    assert.strictEqual(elements, 0)
    assert.isTrue(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    const tall = await page
      .locator(".line")
      .evaluateAll((all) => all.filter(({ clientHeight }) => clientHeight > 900).length)
    assert.strictEqual(tall, 0)
    // In the list, each is the beginning of one line.
    await page.waitForSelector('.item .preview:has-text("mallory: the end")')
    for (const text of [...hostileTexts, "\u05e9\u05dc\u05d5\u05dd ".repeat(200)]) mallory.say(`kate: ${text}`)
    await page.waitForSelector('.item .preview:has-text("\u05e9\u05dc\u05d5\u05dd")')
    const previews = await page.locator(".item .preview").evaluateAll((all) =>
      all.map((one) => ({
        height: one.clientHeight,
        length: one.textContent?.length ?? 0,
        direction: getComputedStyle(one).direction,
        elements: one.querySelectorAll(":not(bdi)").length
      }))
    )
    assert.isAbove(previews.length, hostileNames.length)
    for (const { elements, height, length } of previews) {
      assert.isBelow(height, 30)
      assert.isAtMost(length, 240)
      assert.strictEqual(elements, 0)
    }
    assert.isTrue(previews.some(({ direction }) => direction === "rtl"))
    assert.isTrue(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    assert.deepStrictEqual(await B.problems(page), [])
    mallory.end()
    await page.context().close()
  }, 120_000)

  it("is used with a keyboard alone", async () => {
    const page = await browsers.open(server.web)
    await page.waitForSelector("input[name=username]:focus")
    await page.keyboard.type("laura")
    await page.keyboard.press("Enter")
    await page.waitForSelector(".app")
    await page.keyboard.press("Control+k")
    await page.waitForSelector("dialog input:focus")
    await page.keyboard.type("#keys")
    await page.waitForSelector("[role=option][aria-selected=true] >> text=#keys")
    await page.keyboard.press("Enter")
    await page.waitForSelector("#composer:focus")
    await page.keyboard.type("/to")
    await page.keyboard.press("Tab")
    await page.keyboard.type("keys only")
    await page.keyboard.press("Enter")
    await page.waitForSelector(".subtitle >> text=keys only")
    await page.keyboard.type("first")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("second")
    await page.keyboard.press("Enter")
    await B.shows(page, "second", ":has(.state.stored)")
    await page.keyboard.press("Control+f")
    await page.waitForSelector("input[type=search]:focus")
    await page.keyboard.press("Escape")
    await page.waitForSelector("#composer:focus")
    assert.strictEqual(await page.locator(".panel").count(), 0)
    await page.keyboard.press("Control+k")
    await page.waitForSelector("dialog input:focus")
    await page.keyboard.type("mike")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowDown")
    await page.waitForSelector("[role=option][aria-selected=true] >> text=mike")
    await page.keyboard.press("Enter")
    await page.waitForSelector("h1 >> text=mike")
    await page.keyboard.press("Alt+ArrowUp")
    await page.waitForSelector("h1 >> text=#keys")
    await page.context().close()
  }, 60_000)

  it("scrolls through 10,000 lines with few of them in the document", async () => {
    const count = 10_000
    const writer = await server.client("nora", "/hello", "/join #long")
    for (let n = 1; n <= count; n += 500) {
      writer.say(Array.from({ length: 500 }, (_, index) => `#long: line ${n + index}`).join("\n"))
    }
    const page = await browsers.open(server.web)
    await B.register(page, "oscar", "correct horse")
    await B.go(page, "#long")
    writer.say("#long: the end")
    await B.shows(page, "the end")
    // Upwards through all of them: whatever was in sight stays there, and no line is left out.
    const { missing, most, seen } = await page.evaluate(async () => {
      const box = document.querySelector<HTMLElement>(".scroll")
      if (box === null) throw new Error("there are no lines")
      const seen = new Set<number>()
      let most = 0
      const numbers = () => {
        const rows = [...document.querySelectorAll<HTMLElement>(".line .text")]
        most = Math.max(most, rows.length)
        return rows.flatMap(({ textContent }) => Number(/^line (\d+)$/u.exec(textContent ?? "")?.[1] ?? NaN) || [])
      }
      let missing = 0
      // On a busy machine, the earlier lines may need many frames to come.
      for (let [known, grown] = [0, performance.now()]; performance.now() - grown < 20_000;) {
        const now = numbers()
        for (const [index, number] of now.entries()) {
          if (index > 0 && number !== (now[index - 1] ?? 0) + 1) missing += 1
          seen.add(number)
        }
        if (seen.has(1)) break
        if (seen.size > known) [known, grown] = [seen.size, performance.now()]
        box.scrollTop = 0
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
      return { missing, most, seen: seen.size }
    })
    assert.deepStrictEqual({ missing, seen }, { missing: 0, seen: count })
    assert.isAtMost(most, 240)
    await page.click("[aria-label^='To the latest messages']")
    await B.shows(page, "the end")

    // The page looks at few rows whenever it scrolls: each look can make the browser lay out the lines.
    await page.evaluate(() => {
      const offsetTop = Object.getOwnPropertyDescriptor(HTMLElement.prototype, "offsetTop")
      const counted = { looks: 0 }
      Object.assign(globalThis, { counted })
      Object.defineProperty(HTMLElement.prototype, "offsetTop", {
        get(this: HTMLElement) {
          counted.looks += 1
          return offsetTop?.get?.call(this) as number
        }
      })
    })
    const looks = () => page.evaluate(() => (globalThis as unknown as { counted: { looks: number } }).counted.looks)
    for (let n = 1; n <= 10; n++) {
      writer.say(`#long: more ${n}`)
      await B.shows(page, `more ${n}`)
    }
    assert.isBelow(await looks(), 100)
    await page.evaluate(() => void document.querySelector(".scroll")?.scrollBy(0, -3_000))
    await page.waitForSelector("[aria-label^='To the latest messages']")
    assert.isBelow(await looks(), 300)
    // The arrow says how many lines have come below.
    writer.say("#long: below 1\n#long: below 2")
    await page.waitForSelector("[aria-label='To the latest messages, 2 new'] .count >> text=2")
    await page.click(".to-end")
    await B.shows(page, "below 2")
    await page.waitForSelector(".to-end", { state: "detached" })
    writer.end()
    await page.context().close()
  }, 120_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
