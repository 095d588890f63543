// The page in Chromium: when it first paints, and how evenly it draws a long conversation. Imported by generator.mjs,
// not run.
import { chromium } from "playwright-core"
import { chromiumFlags, chromiumPath } from "../chromium.mjs"
import { Peer } from "./peer.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const quantile = (numbers, share) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length * share)]

/** Runs in the page: when it has first painted, and the bytes of all its files as they came. */
const painted = () =>
  new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      const [paint] = list.getEntriesByName("first-contentful-paint")
      if (paint === undefined) return
      const files = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
      const bytes = files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0)
      resolve({ milliseconds: paint.startTime, bytes })
    })
    observer.observe({ type: "paint", buffered: true })
  })

/**
 * Runs in the page before its own scripts: notes what Lighthouse counts while the page loads. That are the largest
 * part's paint, how far parts have moved after they were painted, and how long scripts have blocked the page.
 */
const watchLoading = () => {
  const loading = { largest: 0, shift: 0, blocked: 0 }
  const takers = {
    "largest-contentful-paint": ({ startTime }) => (loading.largest = startTime),
    "layout-shift": ({ value }) => (loading.shift += value),
    // Chromium has no entry for shorter tasks; of these, it is what is above 50 ms.
    longtask: ({ duration }) => (loading.blocked += duration - 50)
  }
  for (const [type, take] of Object.entries(takers))
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true })
  globalThis.loading = loading
}

/** Runs in the page: begins to note how long each frame takes, and how long scripts keep the page from drawing. */
const record = () => {
  const frames = []
  const tasks = []
  let last
  const frame = (at) => {
    if (last !== undefined) frames.push(at - last)
    last = at
    globalThis.recording = requestAnimationFrame(frame)
  }
  globalThis.recording = requestAnimationFrame(frame)
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
    type: "longtask"
  })
  globalThis.recorded = { frames, tasks }
}

/** Runs in the page: what it has noted. */
const recorded = () => {
  cancelAnimationFrame(globalThis.recording)
  return globalThis.recorded
}

/** Runs in the page: scrolls by this many pixels in each frame, until the conversation begins or ends. */
const scroll = (pixels) =>
  new Promise((resolve) => {
    const box = document.querySelector(".scroll")
    let still = 0
    const step = () => {
      const before = box.scrollTop
      box.scrollTop = before + pixels
      still = box.scrollTop === before ? still + 1 : 0
      if (still > 5) resolve()
      else requestAnimationFrame(step)
    }
    step()
  })

/** How evenly the page draws while something happens. */
const drawing = async (tab, happen) => {
  await tab.evaluate(record)
  await happen()
  const { frames, tasks } = await tab.evaluate(recorded)
  return { p95: quantile(frames, 0.95), longest: Math.max(...frames), frames: frames.length, tasks }
}

/** Everything from a cold cache: each load has a context of its own. */
const firstPaints = async (browser, address, loads) => {
  const paints = []
  for (let load = 0; load < loads; load++) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 700 } })
    const tab = await context.newPage()
    await tab.addInitScript(watchLoading)
    await tab.goto(address)
    const paint = await tab.evaluate(painted)
    await tab.waitForSelector("input[name=username]:focus")
    await sleep(500)
    paints.push({ ...paint, ...(await tab.evaluate(() => globalThis.loading)) })
    await context.close()
  }
  return paints
}

export const page = async (load, wire, place, _pid, fail) => {
  if (chromiumPath === undefined) fail("there is no Chromium here (package chromium)")
  const browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  try {
    const address = `http://127.0.0.1:${place}/`
    const paints = await firstPaints(browser, address, load.loads + 1)
    paints.shift() // the first one starts the browser's own processes

    const tab = await (await browser.newContext({ viewport: { width: 1100, height: 700 } })).newPage()
    tab.on("pageerror", ({ message }) => fail(`the page reports ${message}`))
    await tab.goto(address)
    await tab.fill("input[name=username]", "reader")
    await tab.click("button[type=submit]")
    await tab.waitForSelector(".you .dot.here")
    const writer = new Peer(0, wire, fail)
    await writer.login(place, false)
    writer.ignore()
    let sent = 0
    const write = (lines) => {
      let text = ""
      for (; lines > 0; lines--)
        text += `reader: line ${++sent} of a conversation about ${"this and that ".repeat(1 + (sent % 9))}\n`
      writer.socket.write(text)
    }
    const shows = (line) => tab.waitForSelector(`.text >> text=line ${line} of`, { timeout: 60_000 })
    write(1)
    await tab.click(`.item:has-text('${writer.name}')`)
    await shows(1)
    while (sent < load.lines) write(Math.min(500, load.lines - sent))
    await shows(load.lines)
    await sleep(1000)

    const scrolling = await drawing(tab, async () => {
      await tab.evaluate(scroll, -load.pixels)
      await shows(1)
      await tab.evaluate(scroll, load.pixels)
      await shows(load.lines)
    })
    const receiving = await drawing(tab, async () => {
      for (const end = performance.now() + load.measure; performance.now() < end; await sleep(1000 / load.perSecond))
        write(1)
      await shows(sent)
    })
    const middle = (key) =>
      quantile(
        paints.map((paint) => paint[key]),
        0.5
      )
    return {
      paint: middle("milliseconds"),
      largest: middle("largest"),
      shift: middle("shift"),
      blocked: middle("blocked"),
      kilobytes: paints[0].bytes / 1024,
      scrolling: scrolling.p95,
      scrollingLongest: scrolling.longest,
      receiving: receiving.p95,
      receivingLongest: receiving.longest,
      paints,
      details: { scrolling, receiving }
    }
  } finally {
    await browser.close()
  }
}
