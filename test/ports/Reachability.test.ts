import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import { join } from "node:path"
import * as Reachability from "../../src/ports/Reachability.js"
import type { Listen, Socket, TransportError } from "../../src/ports/Transport.js"
import * as KernelReachability from "../../src/transport/KernelReachability.js"
import * as Proxy from "../../src/transport/Proxy.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Unix from "../../src/transport/Unix.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const layers: Readonly<Record<string, Layer.Layer<Reachability.Reachability>>> = {
  "Reachability.none": Reachability.none,
  "KernelReachability.layer": KernelReachability.layer
}

interface Connected {
  readonly socket: Socket
  /** Lets the other end read, and waits until it has received this many bytes. */
  readonly read: (bytes: number) => Effect.Effect<void>
}

type Connect = Effect.Effect<Connected, TransportError, Scope.Scope>

/** A socket that `listen` has accepted from a client that first sends these bytes. */
const accept = (listen: Listen, dial: (port: number) => Net.Socket, first = ""): Connect =>
  Effect.gen(function* () {
    const accepted = new Array<Socket>()
    const listener = yield* listen({
      hardLimit: 10,
      events: {
        accepted: (socket) => {
          socket.attach({ data: () => {}, end: () => {}, closed: () => {} })
          accepted.push(socket)
        },
        dropped: () => {},
        failed: () => {}
      }
    })
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => dial(listener.address.port ?? 0)),
      (socket) => Effect.sync(() => socket.destroy())
    )
    client.write(first)
    yield* eventually(() => accepted.length === 1, "a connection was not accepted")
    const [socket] = accepted as [Socket]
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
    const read = (bytes: number) => {
      let received = 0
      client.on("data", (chunk: Buffer) => (received += chunk.length))
      return eventually(() => received === bytes, "the bytes did not arrive")
    }
    return { socket, read }
  })

const loopback = (host: string) => (port: number) => Net.connect({ host, port })

const proxyOptions = {
  from: Proxy.ranges([{ host: "127.0.0.1", bits: 32 }]),
  timeout: Duration.seconds(10)
}

/** Every kind of connection of which Linux reports something. */
const connections: Readonly<Record<string, Connect>> = {
  IPv4: accept(Tcp.listen("127.0.0.1", 0), loopback("127.0.0.1")),
  IPv6: accept(Tcp.listen("::1", 0), loopback("::1")),
  "IPv4 on a socket for IPv6": accept(Tcp.listen("::", 0), loopback("127.0.0.1")),
  "a proxy": accept(
    Tcp.listen("127.0.0.1", 0, proxyOptions),
    loopback("127.0.0.1"),
    "PROXY TCP4 198.51.100.7 192.0.2.1 56324 443\r\n"
  ),
  TLS: Effect.gen(function* () {
    const { listen } = yield* Certificates.overTls
    const ca = readFileSync(Certificates.path("ca"))
    const connected = yield* accept(listen, (port) => NodeTls.connect({ host: "127.0.0.1", port, ca }))
    // The first bytes can be written once the handshake has finished.
    if (!connected.socket.write("hi")) yield* connected.socket.taken
    return connected
  })
}

/** More than a receive buffer, less than a send buffer. */
const text = "x".repeat(300_000)

for (const [name, layer] of Object.entries(layers)) {
  describe(name, () => {
    for (const [kind, connect] of Object.entries(connections)) {
      it.scopedLive(`reports nothing about a peer that has acknowledged everything: ${kind}`, () =>
        Effect.gen(function* () {
          const { check, handed } = yield* Reachability.Reachability
          const { read, socket } = yield* connect
          const before = handed(socket)
          socket.write("hi")
          yield* read(kind === "TLS" ? 4 : 2)
          if (before !== undefined) assert.isAtLeast(handed(socket) ?? 0, before + 2)
          yield* Effect.repeat(check([socket]), { until: ({ size }) => size === 0 }) // acknowledgements may be delayed
        }).pipe(Effect.provide(layer))
      )
    }

    it.scopedLive("reports nothing about a Unix socket", () =>
      Effect.gen(function* () {
        const { check, handed } = yield* Reachability.Reachability
        const path = join(yield* temporaryFolder, "s")
        const { socket } = yield* accept(Unix.listen(path), () => Net.connect({ path }))
        socket.write(text)
        assert.isUndefined(handed(socket))
        assert.strictEqual((yield* check([socket])).size, 0)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("reports nothing about a socket that is closed", () =>
      Effect.gen(function* () {
        const { check } = yield* Reachability.Reachability
        const { socket } = yield* accept(Tcp.listen("127.0.0.1", 0), loopback("127.0.0.1"))
        socket.write(text)
        socket.destroy()
        assert.strictEqual((yield* check([socket])).size, 0)
      }).pipe(Effect.provide(layer))
    )
  })
}

// Other systems have no such table.
if (existsSync("/proc/net/tcp")) {
  describe("KernelReachability", () => {
    // The second can be opened, but not read.
    for (const path of ["/there-is-no/such-table", "/proc/self"]) {
      it.scopedLive(`knows nothing about the sockets of a table that cannot be read: ${path}`, () =>
        Effect.gen(function* () {
          const { check } = KernelReachability.probeOf({ IPv4: path, IPv6: "/proc/net/tcp6" })
          const unread = yield* accept(Tcp.listen("127.0.0.1", 0), loopback("127.0.0.1"))
          const read = yield* accept(Tcp.listen("::1", 0), loopback("::1"))
          unread.socket.write(text)
          read.socket.write(text)
          const found = yield* check([unread.socket, read.socket])
          assert.strictEqual(found.get(unread.socket), "unknown")
          assert.isAbove((found.get(read.socket) as Reachability.Transmission).unacknowledged, 0)
        })
      )
    }

    it.scopedLive("reads the table again if the kernel skipped a socket between two pages", () =>
      Effect.gen(function* () {
        const { socket } = yield* accept(Tcp.listen("127.0.0.1", 0), loopback("127.0.0.1"))
        socket.write(text)
        const folder = yield* temporaryFolder
        const whole = readFileSync("/proc/net/tcp", "utf8")
        const port = Number(socket.remote.split(":")[1]).toString(16).toUpperCase().padStart(4, "0")
        // Established (01): the port may also be that of connections that ended a moment ago.
        const skipping = whole.split("\n").filter((line) => !new RegExp(`^ *\\d+: \\S+ \\S+:${port} 01 `).test(line))
        assert.lengthOf(skipping, whole.split("\n").length - 1)
        const ended = `   9: 0100007F:0016 0100007F:${port} 06 00000000:00000000 03:00000EE5 00000000   0  0 0 3 0
`
        const paths = [skipping.join("\n") + ended, whole].map((content, index) => {
          const path = join(folder, `${index}`)
          writeFileSync(path, content)
          return path
        })
        const tables = {
          get IPv4() {
            return paths.shift() ?? "no third time"
          },
          IPv6: "/proc/net/tcp6"
        }
        const found = yield* KernelReachability.probeOf(tables).check([socket])
        assert.isAbove((found.get(socket) as Reachability.Transmission).unacknowledged, 0)
      })
    )

    // The last probe may be on its way. Two that were not answered prove a silence of the time between them.
    for (const [probes, attempts, silentMillis] of [
      [0, 0, 0],
      [1, 0, 0],
      [2, 1, 3_200],
      [3, 2, 3_200]
    ] as const) {
      it.scopedLive(`reads ${probes} probes of a window without an answer as ${attempts} attempts`, () =>
        Effect.gen(function* () {
          const { socket } = yield* accept(Tcp.listen("127.0.0.1", 0), loopback("127.0.0.1"))
          const port = Number(socket.remote.split(":")[1]).toString(16).toUpperCase().padStart(4, "0")
          const row = readFileSync("/proc/net/tcp", "utf8")
            .split("\n")
            .find((line) => line.includes(`:${port} 01 `))
          assert.isDefined(row)
          const ends = /^ *\d+: \S+ \S+ 01/.exec(row ?? "")?.[0]
          const path = join(yield* temporaryFolder, "table")
          // The kernel has taken 5 bytes and sends the next probe in 6.4 s, which is 280 in hexadecimal hundredths.
          socket.write("hello")
          writeFileSync(
            path,
            `${ends} 00000005:00000000 04:00000280 00000000     0        ${probes} 1 2 0 21 4 30 10 -1\n`
          )
          const found = yield* KernelReachability.probeOf({ IPv4: path, IPv6: "/proc/net/tcp6" }).check([socket])
          assert.deepInclude(found.get(socket), { unacknowledged: 5, attempts, silentMillis })
        })
      )
    }

    for (const [kind, connect] of Object.entries(connections)) {
      it.scopedLive(`counts what a peer that does not read has acknowledged, and sees that it is alive: ${kind}`, () =>
        Effect.gen(function* () {
          const { check, handed } = yield* Reachability.Reachability
          const { read, socket } = yield* connect
          socket.write(text)
          // Over TLS, Node encrypts and writes in a later turn.
          yield* eventually(() => (handed(socket) ?? 0) >= text.length, "the kernel does not take the text")
          const before = (yield* check([socket])).get(socket)
          assert.isDefined(before)
          if (before === undefined) return
          assert.notStrictEqual(before, "unknown")
          const { acknowledged, attempts, unacknowledged } = before as Reachability.Transmission
          assert.strictEqual(attempts, 0)
          assert.isAbove(unacknowledged, 0)
          assert.strictEqual(acknowledged.atLeast, acknowledged.atMost)
          assert.strictEqual(acknowledged.atMost + unacknowledged, handed(socket))
          yield* read(kind === "TLS" ? text.length + 2 : text.length)
          yield* Effect.repeat(check([socket]), { until: ({ size }) => size === 0 })
        }).pipe(Effect.provide(KernelReachability.layer))
      )
    }
  })
}
