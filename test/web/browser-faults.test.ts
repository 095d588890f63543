import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { Page } from "playwright-core"
import * as B from "./Browsers.js"

/** What the tests share: a browser, a server, and a network of each user. */
let browsers: B.Browsers
let server: B.WebServer
let networks: Array<B.Network> = []

const year = 365 * 86_400_000

/** How far things have moved since the page was opened, as the browser counts it. */
const shift = (page: Page) =>
  page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const observer = new PerformanceObserver((list) => {
          const entries = list.getEntries() as ReadonlyArray<PerformanceEntry & { readonly value?: number }>
          resolve(entries.reduce((sum, { value = 0 }) => sum + value, 0))
        })
        observer.observe({ type: "layout-shift", buffered: true })
        setTimeout(() => resolve(0), 300)
      })
  )

describe.skipIf(!B.isInstalled)("pages in a browser under faults", () => {
  beforeAll(async () => {
    ;[browsers, server] = await Promise.all([B.Browsers.launch(), B.WebServer.start()])
    networks = await Promise.all([1, 2, 3].map(() => B.Network.to(server)))
  }, 60_000)

  afterAll(async () => {
    await browsers?.close()
    for (const network of networks) network.close()
    await server?.stop()
  })

  it("two people and a phone have every line once and in one order after all that can go wrong at once", async () => {
    const [ofAlice, ofBob, ofCarol] = networks
    if (ofAlice === undefined || ofBob === undefined || ofCarol === undefined) return assert.fail("no networks")
    const [alice, bob, carol] = await Promise.all([
      browsers.open(ofAlice.port),
      browsers.open(ofBob.port),
      browsers.open(ofCarol.port, B.phone)
    ])
    // The phone's clock is wrong, and its network slow.
    await carol.clock.setFixedTime(Date.now() + year)
    await carol.reload()
    ofCarol.delay = 200
    await Promise.all([
      B.register(alice, "alice", "correct horse"),
      B.register(bob, "bob", "correct horse"),
      B.register(carol, "carol", "correct horse")
    ])
    await B.go(alice, "#field")
    await B.say(alice, "a1")
    await B.go(bob, "#field")
    await B.say(bob, "b1")
    await B.go(carol, "#field")
    await Promise.all([alice, bob, carol].map((page) => Promise.all([B.shows(page, "a1"), B.shows(page, "b1")])))
    // It has stored no line yet by which it would know the server's time.
    await carol.waitForSelector(".day >> text=Today")
    await B.say(carol, "c1")
    await Promise.all([B.shows(alice, "c1"), B.shows(bob, "c1")])

    // Bob is cut off, and the others go on.
    await bob.evaluate(() => navigator.serviceWorker.ready)
    ofBob.cut()
    await bob.waitForSelector(".link >> text=Cut off")
    await B.say(bob, "b2\nb3")
    await B.say(alice, "a2\na3\na4")
    await B.say(carol, "c2\nc3")
    // The server is killed in the middle of that.
    await server.kill()
    await B.say(alice, "a5")
    await B.say(carol, "c4")
    await B.go(alice, "carol")
    await B.say(alice, "direct 1\ndirect 2")
    await B.go(carol, "alice")
    await B.say(carol, "back 1")
    // The page comes from the service worker, and what bob has written from the browser's storage.
    await bob.reload()
    await B.shows(bob, "b3", ".waiting")
    await server.restart()
    await Promise.all([alice, carol].map(B.tryNow))
    await B.shows(carol, "direct 2")
    // Alice's network drops everything without a word: her page finds out by the line that has no outcome.
    ofAlice.isSilent = true
    await B.say(alice, "direct 3")
    await alice.waitForSelector(".link >> text=Cut off")
    for (const network of [ofAlice, ofBob]) network.mend()
    await Promise.all([alice, bob].map(B.tryNow))
    await B.shows(alice, "direct 3", ":has(.state)")
    await B.shows(carol, "direct 3")

    const direct = ["direct 1", "direct 2", "direct 3", "back 1"]
    await Promise.all([alice, carol].map((page) => Promise.all(direct.map((text) => B.shows(page, text)))))
    const [atAlice, atCarol] = await Promise.all([B.texts(alice), B.texts(carol)])
    assert.deepStrictEqual(atAlice, atCarol)
    assert.deepStrictEqual(atAlice.toSorted(), direct.toSorted())

    const all = ["a1", "b1", "c1", "a2", "a3", "a4", "a5", "b2", "b3", "c2", "c3", "c4"]
    for (const page of [alice, bob, carol]) await B.go(page, "#field")
    await Promise.all([alice, bob, carol].map((page) => Promise.all(all.map((text) => B.shows(page, text)))))
    const [atA, ...others] = await Promise.all([alice, bob, carol].map(B.texts))
    for (const at of others) assert.deepStrictEqual(at, atA)
    assert.deepStrictEqual(atA?.toSorted(), all.toSorted())
    for (const who of ["a", "b", "c"]) {
      const own = atA?.filter((text) => text.startsWith(who)) ?? []
      assert.deepStrictEqual(own, own.toSorted(), `the lines of ${who} are in another order`)
    }
    assert.strictEqual(await carol.locator(".day").count(), 1)
    for (const page of [alice, bob, carol]) await page.context().close()
  }, 120_000)

  it("the form for the login stays where it is when the server has said who can log in", async () => {
    const [network] = networks
    network?.mend()
    const page = await browsers.open(network?.port ?? 0)
    await page.waitForSelector("input[name=username]:focus")
    assert.isTrue(await page.isVisible("text=Register this name"))
    if (network !== undefined) network.delay = 150
    for (const options of [{}, B.phone]) {
      const slow = await browsers.open(network?.port ?? 0, options)
      await slow.waitForSelector("text=Register this name")
      assert.strictEqual(await shift(slow), 0)
      await slow.context().close()
    }
    await page.context().close()
  }, 60_000)

  it("leaves nothing in the console", () => {
    assert.deepStrictEqual(browsers.complaints, [])
  })
})
