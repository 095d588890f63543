// The loads of a server with a store. Imported by generator.mjs, not run.
import { once } from "node:events"
import { performance } from "node:perf_hooks"
import { Worker } from "node:worker_threads"
import { password } from "./accounts.mjs"
import { words } from "./kept.mjs"
import { leave, open } from "./peer.mjs"
import { mainThreadCpuOf } from "./resources.mjs"
import { nameOf, textOf } from "./wire.mjs"

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
/** Waits for a condition. Whether it came true within this number of milliseconds. */
const until = async (isTrue, milliseconds) => {
  const deadline = performance.now() + milliseconds
  while (!isTrue() && performance.now() < deadline) await sleep(5)
  return isTrue()
}

const quantile = (values, share) => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/**
 * A client that writes to itself every millisecond, in a thread of its own; `delays` are those of a time, in
 * milliseconds.
 */
const bystander = async ({ protocol }, place, fail) => {
  const worker = new Worker(new URL("bystander.mjs", import.meta.url), { workerData: { protocol, place } })
  worker.once("error", (error) => fail(`the bystander: ${error.message}`))
  await once(worker, "message")
  return {
    delays: async (run) => {
      worker.postMessage("begin")
      const result = await run()
      worker.postMessage("end")
      const [delays] = await once(worker, "message")
      return { result, delays }
    }
  }
}

/** A client whose lines `heard` gets as they come. */
const enter = async (index, greeting, heard, wire, place, fail) => {
  const name = nameOf(index)
  const socket = await new Promise((resolve) => {
    let rest = ""
    const receive = (bytes, length) => {
      const lines = (rest + bytes.latin1Slice(0, length)).split("\n")
      rest = lines.pop()
      for (const line of lines) {
        if (line === "* pong: in") resolve(socket)
        else heard(line)
      }
    }
    const socket = open(place, receive, wire)
    socket.on("error", (error) => fail(`${name}: ${error.message}`))
    socket.write(`${wire.login(name, false)}${greeting}/ping in\n`)
  })
  return { name, socket }
}

const isBad = (line) => line.startsWith("! ")

/**
 * A number of lines per second from some senders, each to a recipient of its own. Some lines have a label, so that the
 * sender learns when they are written or stored.
 */
export const outcomes = async (load, wire, place, pid, fail) => {
  const { measure, peers, perSecond, size, warm } = load
  const waits = []
  let isTiming = false
  let received = 0
  const sentAt = new Map()
  const outcome = (line) => {
    if (isBad(line)) return fail(`came ${line}`)
    const [, label] = /^\* \S+ @(\d+) /u.exec(line) ?? []
    if (label === undefined) return undefined // the greeting, and notices
    if (isTiming) waits.push(performance.now() - sentAt.get(label))
    sentAt.delete(label)
  }
  const message = (line) => (line.startsWith("from ") ? (received += 1) : fail(`came ${line}`))
  const senders = []
  for (let index = 0; index < peers; index++) {
    await enter(peers + index, "", message, wire, place, fail)
    senders.push(await enter(index, "/hello\n", outcome, wire, place, fail))
  }
  const other = await bystander(load, place, fail)
  let sent = 0
  const from = performance.now()
  const beat = () => {
    const now = performance.now()
    const due = Math.floor(((now - from) / 1000) * perSecond)
    const output = senders.map(() => "")
    for (; sent < due; sent++) {
      const sender = sent % peers
      const to = nameOf(peers + sender)
      const isLabelled = Math.floor(sent / peers) % labelledEvery === 0
      if (isLabelled) sentAt.set(String(sent), now)
      output[sender] += `${isLabelled ? `@${sent} ` : ""}${to}: ${textOf(sender, sent % 10_000, { size })}\n`
    }
    for (const [index, { socket }] of senders.entries()) if (output[index] !== "") socket.write(output[index], "latin1")
  }
  const timer = setInterval(beat, 1)
  await sleep(warm)
  isTiming = true
  const { delays, result: busy } = await other.delays(async () => {
    const [cpu, at] = [mainThreadCpuOf(pid), performance.now()]
    await sleep(measure)
    return (mainThreadCpuOf(pid) - cpu) / ((performance.now() - at) / 1000)
  })
  isTiming = false
  clearInterval(timer)
  const isDone = () => received === sent && sentAt.size === 0
  if (!(await until(isDone, 20_000))) fail(`${sent - received} messages lost, ${sentAt.size} outcomes missing`)
  return {
    busy: busy * 100,
    delay: quantile([...delays], 0.99),
    outcome50: quantile(waits, 0.5),
    outcome99: quantile(waits, 0.99),
    checked: received
  }
}

/** One line in this number has a label, so that there is one label for each millisecond. */
const labelledEvery = 50

/** Accounts that come back, one after the other, and are given the lines that wait for them. */
export const catchUp = async (load, wire, place, _pid, fail) => {
  const { accounts, lines, size } = load
  const [first, end] = accounts
  let stored = 0
  const counted = (line) =>
    line.startsWith("* stored") ? (stored += 1) : isBad(line) ? fail(`came ${line}`) : undefined
  const { socket } = await enter(end, "/hello\n", counted, wire, place, fail)
  const labelled = 100
  for (let index = first; index < end; index++) {
    for (let at = 0; at < lines; at += labelled) {
      const texts = Array.from({ length: labelled }, (_, one) => textOf(0, (at + one) % 10_000, { size }))
      const label = `@${index * lines + at} `
      socket.write(texts.map((text, one) => `${one === 0 ? label : ""}${nameOf(index)}: ${text}\n`).join(""))
      if (socket.writableNeedDrain) await once(socket, "drain")
    }
  }
  const all = ((end - first) * lines) / labelled
  if (!(await until(() => stored === all, 60_000))) fail(`only ${stored} of ${all} lines were stored`)
  await sleep(500) // the last lines have no labels
  const other = await bystander(load, place, fail)
  await sleep(500)
  const fed = (index) =>
    new Promise((resolve) => {
      const begun = performance.now()
      let missing = lines
      const heard = (line) => {
        if (!line.startsWith("from ")) fail(`came ${line}`)
        const text = textOf(0, (lines - missing) % 10_000, { size })
        if (!line.endsWith(text)) fail(`came ${line}, and not ${text}`)
        missing -= 1
        if (missing > 0) return
        resolve(performance.now() - begun)
      }
      void enter(index, "", heard, wire, place, fail)
    })
  const { delays, result: times } = await other.delays(async () => {
    const times = []
    for (let index = first; index < end; index++) times.push(await fed(index))
    return times
  })
  return {
    rate: (lines * 1000) / quantile(times, 0.5),
    delay: quantile([...delays], 0.99),
    checked: times.length * lines
  }
}

/** Members of a room that come back at once, after the server has started, and are given what was written since. */
export const roomReturn = async (load, wire, place, _pid, fail) => {
  const { accounts, lines, room, size } = load
  const [first, end] = accounts
  const other = await bystander(load, place, fail)
  await sleep(500)
  const head = `from ${nameOf(first)} ${room}: `
  const fed = (index) =>
    new Promise((resolve) => {
      let count = 0
      const heard = (line) => {
        const expected = head + textOf(0, count, { size })
        if (line !== expected) fail(`${nameOf(index)} got ${line}, and not ${expected}`)
        count += 1
        if (count === lines) resolve()
      }
      void enter(index, "", heard, wire, place, fail)
    })
  const { delays, result: milliseconds } = await other.delays(async () => {
    const begun = performance.now()
    await Promise.all(Array.from({ length: end - first - 1 }, (_, index) => fed(first + 1 + index)))
    return performance.now() - begun
  })
  return { milliseconds, delay: quantile([...delays], 0.99), checked: lines * (end - first - 1) }
}

const logIn = (socket, index) => socket.write(`${nameOf(index)}: ${password}\n/ping in\n`)

/**
 * All accounts log in with their passwords at once, and try again when the server asks them to. Their first connections
 * are there before: what it costs to accept them is another row.
 */
export const passwords = async (load, wire, place, _pid, fail) => {
  const [first, end] = load.accounts
  const other = await bystander(load, place, fail)
  let [isOver, loggedIn] = [false, 0]
  const connect = (index) => {
    const retry = (line) => {
      const [, wait] = /^! slow-down .*retry=(\d+)/u.exec(line) ?? []
      if (wait === undefined) return line.startsWith("* pong") ? undefined : fail(`came ${line}`)
      setTimeout(() => isOver || logIn(connect(index), index), Number(wait))
    }
    let rest = ""
    const receive = (bytes, length) => {
      const lines = (rest + bytes.latin1Slice(0, length)).split("\n")
      rest = lines.pop()
      for (const line of lines) {
        if (line === "* pong: in") loggedIn += 1
        else retry(line)
      }
    }
    const socket = open(place, receive, wire)
    socket.on("error", () => {})
    socket.on("end", () => leave(socket))
    return socket
  }
  const sockets = []
  for (let index = first; index < end; index++) {
    const socket = connect(index)
    await once(socket, "connect")
    sockets.push(socket)
  }
  await sleep(500)
  const { delays } = await other.delays(async () => {
    for (const [at, socket] of sockets.entries()) logIn(socket, first + at)
    await sleep(load.measure)
  })
  isOver = true
  if (loggedIn === 0) fail("nobody could log in")
  return { delay: quantile([...delays], 0.99), rate: loggedIn / (load.measure / 1000), checked: loggedIn }
}

/**
 * A client that asks commands, one after the other; `ask` returns the milliseconds until its `* end`, and the lines.
 */
const asking = async (index, wire, place, fail) => {
  let lines = []
  let answered
  const heard = (line) => {
    if (isBad(line)) fail(`came ${line}`)
    if (line.startsWith("* past ")) lines.push(line)
    if (!line.startsWith("* end ")) return
    answered(lines)
    lines = []
  }
  const { socket } = await enter(index, "", heard, wire, place, fail)
  return async (command) => {
    const begun = performance.now()
    const answer = new Promise((resolve) => (answered = resolve))
    socket.write(`${command}\n`)
    return { lines: await answer, milliseconds: performance.now() - begun }
  }
}

/** The last lines of conversations, each for the first time after a start, then again, then once more. */
export const history = async (load, wire, place, _pid, fail) => {
  const { accounts, cold, warm } = load
  const ask = await asking(accounts[0], wire, place, fail)
  let checked = 0
  const page = async (index) => {
    const other = nameOf(accounts[0] + 1 + ((index * 7) % cold))
    const { lines, milliseconds } = await ask(`/history ${other} limit=50`)
    if (lines.length < 50 && load.lines === 1_000_000) fail(`the history with ${other} has ${lines.length} lines`)
    checked += lines.length
    return milliseconds
  }
  const slowest = async (pages) => {
    const times = []
    for (let index = 0; index < pages; index++) times.push(await page(index))
    return quantile(times, 0.99)
  }
  return { cold: await slowest(cold), warm: await slowest(warm), compiled: await slowest(warm), checked }
}

/** Sends a line to an account every few milliseconds, and notes how long each takes to be stored. */
const writer = async (index, to, wire, place, fail) => {
  const sentAt = new Map()
  const waits = []
  const heard = (line) => {
    if (isBad(line)) fail(`came ${line}`)
    const [, label] = /^\* stored @(\d+) /u.exec(line) ?? []
    if (label === undefined) return
    waits.push(performance.now() - sentAt.get(label))
    sentAt.delete(label)
  }
  const { socket } = await enter(index, "/hello\n", heard, wire, place, fail)
  let sent = 0
  setInterval(() => {
    sent += 1
    sentAt.set(String(sent), performance.now())
    socket.write(`@${sent} ${to}: a line that is stored\n`)
  }, 5)
  return { waits: () => waits.splice(0) }
}

/** Searches of one client, one after the other, next to clients that do something else. */
export const search = async (load, wire, place, _pid, fail) => {
  const { accounts, measure } = load
  const ask = await asking(accounts[0], wire, place, fail)
  const { waits } = await writer(accounts[1], nameOf(accounts[0] + 1), wire, place, fail)
  const other = await bystander(load, place, fail)
  await sleep(1000)
  waits()
  await sleep(measure / 3)
  const alone = quantile(waits(), 0.99)
  const times = { rare: [], common: [], none: [] }
  const found = { rare: 10, common: 20, none: 0 }
  const { delays } = await other.delays(async () => {
    const end = performance.now() + measure
    while (performance.now() < end) {
      for (const kind of Object.keys(times)) {
        const { lines, milliseconds } = await ask(`/search ${words[kind]}`)
        if (lines.length !== found[kind]) fail(`${lines.length} lines with ${words[kind]} were found`)
        times[kind].push(milliseconds)
      }
    }
  })
  const p99 = Object.fromEntries(Object.entries(times).map(([kind, all]) => [kind, quantile(all, 0.99)]))
  const outcome = quantile(waits(), 0.99)
  return { ...p99, delay: quantile([...delays], 0.99), outcome, alone, checked: times.none.length }
}
