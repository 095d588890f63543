// The rows that measure a-chat's commands, each next to a server of its own. Imported, not run.
import { once } from "node:events"
import { connect } from "node:net"
import { performance } from "node:perf_hooks"
import { cpuOf, residentOf } from "./resources.mjs"
import { program, spawnOn, start } from "./servers.mjs"

const text = "abcdefghijklmnopqrstuvwxyz012345"

/** A client of this process, which counts the lines that it gets, but not its own first one. */
const enter = async (port, name) => {
  const counter = { lines: 0, came: () => {} }
  const buffer = Buffer.allocUnsafe(64 * 1024)
  const callback = (length) => {
    for (let at = buffer.indexOf(10); at >= 0 && at < length; at = buffer.indexOf(10, at + 1)) counter.lines += 1
    counter.came()
    return true
  }
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, onread: { buffer, callback } })
  const until = (lines) =>
    new Promise((resolve) => {
      counter.came = () => counter.lines >= lines && resolve()
      counter.came()
    })
  socket.write(`${name}\n${name}: ready\n`)
  await until(1)
  counter.lines = 0
  return { socket, until }
}

/** Writes lines as fast as the socket takes them. */
const flood = async (socket, line, lines) => {
  const block = line.repeat(1000)
  for (let sent = 0; sent < lines; sent += 1000) if (!socket.write(block)) await once(socket, "drain")
}

/** Runs a command of a-chat, and notes the most memory that it has. */
const run = (port, [name, ...args]) => {
  const child = spawnOn(1, process.execPath, [program, name, "--port", String(port), ...args], {
    stdio: ["pipe", "ignore", "inherit"]
  })
  child.stdin.on("error", () => {})
  let peak = 0
  const timer = setInterval(() => {
    if (child.exitCode === null) peak = Math.max(peak, residentOf(child.pid))
  }, 50)
  const ended = once(child, "exit").then(([status]) => {
    clearInterval(timer)
    if (status !== 0 && status !== null && status !== 143) throw new Error(`a-chat ${name} ended with ${status}`)
  })
  return { child, ended, megabytes: () => peak / 1024 }
}

/** Waits until a client has logged in. */
const present = async (port, name) => {
  const socket = connect({ port, host: "127.0.0.1" })
  socket.write("watcher\n")
  const timer = setInterval(() => socket.write("/who\n"), 10)
  let answers = ""
  for await (const bytes of socket) {
    answers += bytes.toString("latin1")
    if (answers.includes(name)) break
  }
  clearInterval(timer)
  socket.destroy()
}

/** The lines per second from the first one on that a client gets, and how many it should get. */
const rateAt = async ({ until }, lines) => {
  await until(1)
  const from = performance.now()
  await until(lines)
  return lines / ((performance.now() - from) / 1000)
}

const loads = {
  send: async (port, lines) => {
    const sink = await enter(port, "sink")
    const { child, ended, megabytes } = run(port, ["send", "sink"])
    const [rate] = await Promise.all([rateAt(sink, lines), flood(child.stdin, `${text}\n`, lines)])
    child.stdin.end()
    await ended
    return { rate, megabytes: megabytes() }
  },
  listen: async (port, lines) => {
    const { socket } = await enter(port, "source")
    const { ended, megabytes } = run(port, ["listen", "--login", "ear", "--count", String(lines)])
    await present(port, "ear")
    const from = performance.now()
    await flood(socket, `ear: ${text}\n`, lines)
    await ended
    return { rate: lines / ((performance.now() - from) / 1000), megabytes: megabytes() }
  },
  exec: async (port, lines) => {
    const source = await enter(port, "source")
    const { child, ended, megabytes } = run(port, [
      "exec",
      "--login",
      "bot",
      "--rate",
      "off",
      "--",
      "seq",
      String(lines)
    ])
    await present(port, "bot")
    source.socket.write("bot: go\n")
    const rate = await rateAt(source, lines)
    child.kill()
    await ended
    return { rate, megabytes: megabytes() }
  },
  programs: async (port, lines) => {
    const source = await enter(port, "source")
    const args = ["exec", "--login", "bot", "--rate", "off", "--concurrency", "4", "--", "echo", "done"]
    const { child, ended, megabytes } = run(port, args)
    await present(port, "bot")
    source.socket.write("bot: go\n".repeat(lines))
    const rate = await rateAt(source, lines)
    child.kill()
    await ended
    return { rate, megabytes: megabytes() }
  },
  post: async (port, lines, { place: web, pid }) => {
    const sink = await enter(port, "sink")
    const each = async (total) => {
      const times = []
      let left = total
      await Promise.all(Array.from({ length: 10 }, () => post(web, times, () => (left -= 1) >= 10)))
      return times.toSorted((one, other) => one - other)
    }
    await each(lines / 10)
    const [from, cpu] = [performance.now(), cpuOf(pid)]
    const times = await each(lines)
    const rate = lines / ((performance.now() - from) / 1000)
    const serverMicroseconds = ((cpuOf(pid) - cpu) * 1e6) / lines
    await sink.until(lines + lines / 10)
    return { rate, p50: times[lines >> 1], p99: times[Math.floor(lines * 0.99)], serverMicroseconds }
  }
}

/**
 * Sends a request on a connection, again after each response, until `take` says that it is enough. Adds the times until
 * the responses, each of which must say that the line was written.
 */
const post = (port, times, take) => {
  const body = text
  const request = `POST /send/sink?from=ci HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const socket = connect({ port, host: "127.0.0.1", noDelay: true })
  let response = ""
  let sentAt = 0
  const send = () => {
    response = ""
    sentAt = performance.now()
    socket.write(request)
  }
  send()
  socket.setEncoding("latin1").on("data", (part) => {
    response += part
    const end = response.indexOf("\r\n\r\n") + 4
    const length = Number(/\r\ncontent-length: (\d+)/iu.exec(response)?.[1])
    if (end < 4 || response.length < end + length) return
    if (!response.startsWith("HTTP/1.1 200 ") || !response.includes('"outcome":"written"')) throw new Error(response)
    times.push(performance.now() - sentAt)
    if (take()) send()
    else socket.end()
  })
  return once(socket, "close")
}

/** One run of a row. */
export const command = async (server, row) => {
  const running = await start(server, row)
  const result = await loads[row.id](running.port, row.lines, running)
  await running.stop()
  return { ok: true, ...result }
}
