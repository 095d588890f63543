import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as NodeTls from "node:tls"
import * as Proxy from "../../src/transport/Proxy.js"
import type * as ProxyHeader from "../../src/transport/ProxyHeader.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Tls from "../../src/transport/Tls.js"
import type { Listen, Socket } from "../../src/ports/Transport.js"
import * as Certificates from "../support/Certificates.js"
import { startSocketServer } from "../support/SocketServer.js"
import { eventually } from "../support/Eventually.js"
import * as WireClient from "../support/WireClient.js"

const here = Proxy.ranges([{ host: "127.0.0.0", bits: 8 }])

const otherNetwork = Proxy.ranges([{ host: "10.0.0.0", bits: 8 }])

const header = "PROXY TCP4 203.0.113.7 192.0.2.1 50000 8080\r\n"

/** A listener, the clients that it accepted with the text that they sent, and what failed. */
const listening = (listen: Listen) =>
  Effect.gen(function* () {
    const accepted = new Array<{ readonly socket: Socket; text: string; ended: boolean }>()
    const failures = new Array<string>()
    const { address } = yield* listen({
      hardLimit: 10,
      events: {
        accepted: (socket) => {
          const one = { socket, text: "", ended: false }
          accepted.push(one)
          socket.attach({
            data: (bytes) => (one.text += Buffer.from(bytes).toString("latin1")),
            end: () => (one.ended = true),
            closed: () => {}
          })
        },
        dropped: () => {},
        failed: ({ reason }) => failures.push(reason)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => accepted.forEach(({ socket }) => socket.destroy())))
    return { accepted, failures, port: address.port ?? 0 }
  })

/** A stream over a socket whose first write has the header before it. */
const withHeader = (socket: Net.Socket) => {
  let before = header
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      socket.write(Buffer.concat([Buffer.from(before), chunk]), () => done())
      before = ""
    },
    final: (done) => socket.end(done)
  })
  socket.removeAllListeners("data").on("data", (bytes) => stream.push(bytes))
  return stream
}

const dial = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly socket: Net.Socket; readonly began: number; closed: number }>((resume) => {
      const socket = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true }, () =>
        resume(Effect.succeed(made))
      )
      const made = { socket, began: performance.now(), closed: 0 }
      socket.on("error", () => {}).on("data", () => {})
      socket.on("end", () => socket.end())
      socket.on("close", () => (made.closed = performance.now()))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const gone = (dialled: { readonly closed: number }) => eventually(() => dialled.closed > 0, "it was not closed")

describe("behind a proxy", () => {
  it.scopedLive(
    "a client has the address in the header, wherever that is cut, and the bytes after the header arrive",
    () =>
      Effect.gen(function* () {
        const { accepted, port } = yield* listening(Tcp.listen("127.0.0.1", 0, { from: here, timeout: "5 seconds" }))
        for (const cut of [0, 1, 6, 20, header.length - 1, header.length]) {
          const { socket } = yield* dial(port)
          socket.write(header.slice(0, cut))
          yield* Effect.sleep("10 millis")
          assert.strictEqual(accepted.length, cut === header.length ? 1 : 0)
          socket.end(`${header.slice(cut)}alice\nalice: hi`)
          yield* eventually(() => accepted[0]?.ended === true, "no end")
          const [one] = accepted.splice(0)
          assert.deepStrictEqual([one?.socket.remote, one?.socket.host], ["203.0.113.7:50000", "203.0.113.7"])
          assert.strictEqual(one?.text, "alice\nalice: hi")
          one?.socket.destroy()
        }
      })
  )

  it.scopedLive("a proxy that speaks for itself has its own address", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listening(Tcp.listen("127.0.0.1", 0, { from: here, timeout: "5 seconds" }))
      const { socket } = yield* dial(port)
      socket.write(Buffer.concat([Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1"), Buffer.of(0x20, 0, 0, 0)]))
      yield* eventually(() => accepted.length === 1, "it was not accepted")
      assert.strictEqual(accepted[0]?.socket.remote, `127.0.0.1:${socket.localPort}`)
    })
  )

  it.scopedLive("a client that is not a trusted proxy is refused", () =>
    Effect.gen(function* () {
      const { accepted, failures, port } = yield* listening(
        Tcp.listen("127.0.0.1", 0, { from: otherNetwork, timeout: "5 seconds" })
      )
      const dialled = yield* dial(port)
      dialled.socket.write(`${header}alice\n`)
      yield* gone(dialled)
      assert.lengthOf(accepted, 0)
      assert.match(failures.join(), /^refused 127\.0\.0\.1:\d+: it is not a trusted proxy$/)
    })
  )

  it.scopedLive("a connection without a header is refused", () =>
    Effect.gen(function* () {
      const { accepted, failures, port } = yield* listening(
        Tcp.listen("127.0.0.1", 0, { from: here, timeout: "5 seconds" })
      )
      const without = yield* dial(port)
      without.socket.write("alice\nalice: hi\n")
      yield* gone(without)
      const leaving = yield* dial(port)
      leaving.socket.end("PROXY TCP4 203")
      yield* gone(leaving)
      assert.lengthOf(accepted, 0)
      assert.match(failures.join(), /^refused \S+ its PROXY header is malformed: it does not begin like one$/)
    })
  )

  it.scopedLive("a client that broke the connection before it was accepted is no warning", () =>
    Effect.gen(function* () {
      const server = yield* Logger.withMinimumLogLevel(
        startSocketServer({ listen: [Tcp.listen("127.0.0.1", 0, { from: here, timeout: "5 seconds" })] }),
        LogLevel.Debug
      )
      // Another process connects and sends a reset while this one waits for its end, and accepts nothing.
      const script =
        `const socket = require("net").connect(${server.address.port}, "127.0.0.1", () => ` +
        `socket.resetAndDestroy())`
      spawnSync(process.execPath, ["-e", script])
      const { level } = yield* server.logged("the broken connection", ({ message }) => message.startsWith("refused "))
      assert.strictEqual(level, "DEBUG")
      assert.notInclude(JSON.stringify(server.logs), "WARN")
    })
  )

  it.scopedLive("a header must arrive before the timeout, in any number of pieces", () =>
    Effect.gen(function* () {
      const { accepted, failures, port } = yield* listening(
        Tcp.listen("127.0.0.1", 0, { from: here, timeout: "300 millis" })
      )
      const half = yield* dial(port)
      half.socket.write(header.slice(0, 10))
      const slow = yield* dial(port)
      slow.socket.write(header.slice(0, 10))
      yield* Effect.sleep("150 millis")
      slow.socket.write(header.slice(10))
      yield* gone(half)
      assert.isAtLeast(half.closed - half.began, 290)
      assert.isBelow(half.closed - half.began, 2_000)
      assert.match(failures.join(), /^refused \S+ its PROXY header did not arrive in time$/)
      slow.socket.write("hi")
      yield* eventually(() => accepted[0]?.text === "hi", "the other client was cut off, too")
    })
  )

  it.scopedLive("TLS begins after the header", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const proxy: ProxyHeader.ProxyOptions = { from: here, timeout: "5 seconds" }
      const { accepted, port } = yield* listening(Tls.listen("127.0.0.1", 0, { credentials, proxy }))
      const { socket } = yield* dial(port)
      yield* Effect.async<void>((resume) => void socket.write(header, () => resume(Effect.void)))
      socket.removeAllListeners("data").pause()
      const ca = Fs.readFileSync(Certificates.path("ca"))
      const tls = NodeTls.connect({ socket, servername: "localhost", ca })
      tls.end("hi")
      yield* eventually(() => accepted[0]?.ended === true, "no end")
      assert.deepStrictEqual([accepted[0]?.socket.remote, accepted[0]?.text], ["203.0.113.7:50000", "hi"])
    })
  )

  it.scopedLive("TLS begins after the header, also in the same packet", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const proxy: ProxyHeader.ProxyOptions = { from: here, timeout: "5 seconds" }
      const { accepted, port } = yield* listening(Tls.listen("127.0.0.1", 0, { credentials, proxy }))
      const { socket } = yield* dial(port)
      const ca = Fs.readFileSync(Certificates.path("ca"))
      const tls = NodeTls.connect({ socket: withHeader(socket), servername: "localhost", ca })
      tls.on("error", () => {}) // the end of the test may cut it off
      tls.end("hi")
      yield* eventually(() => accepted[0]?.ended === true, "no end")
      assert.deepStrictEqual([accepted[0]?.socket.remote, accepted[0]?.text], ["203.0.113.7:50000", "hi"])
    })
  )

  it.scopedLive("a client that does not speak TLS is refused with a reason, also in the packet of the header", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const proxy: ProxyHeader.ProxyOptions = { from: here, timeout: "5 seconds" }
      const { failures, port } = yield* listening(Tls.listen("127.0.0.1", 0, { credentials, proxy }))
      const { socket } = yield* dial(port)
      let text = ""
      socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")))
      socket.write(`${header}alice\n`)
      yield* eventually(() => text.endsWith("\n"), "no refusal")
      assert.match(text, /^! bad-login fatal: this port speaks TLS[^\n]*\n$/)
      assert.deepStrictEqual(failures, ["no TLS with 203.0.113.7:50000: the client does not speak TLS"])
    })
  )

  it.scopedLive("limits and logs use the address in the header", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        listen: [Tcp.listen("127.0.0.1", 0, { from: here, timeout: "5 seconds" })],
        maxConnectionsPerAddress: 1
      })
      const come = (name: string, host: string) =>
        Effect.tap(WireClient.connect(server.address), (client) => {
          client.name = name
          return client.send(`PROXY TCP4 ${host} 192.0.2.1 50000 8080\r\n${name}\n`)
        })
      const alice = yield* come("alice", "203.0.113.7")
      yield* alice.barrier
      const second = yield* come("again", "203.0.113.7")
      yield* second.expect("! full retry=5000 fatal")
      const bob = yield* come("bob", "203.0.113.8")
      yield* bob.barrier
      yield* bob.end
      assert.strictEqual((yield* server.farewell("bob"))["remote"], "203.0.113.8:50000")
    })
  )
})
