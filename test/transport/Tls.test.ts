import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import * as NodeTls from "node:tls"
import * as Unix from "../../src/transport/Unix.js"
import * as Tls from "../../src/transport/Tls.js"
import type { Hint, Socket, TransportError } from "../../src/ports/Transport.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** What one accepted socket was told. */
interface Seen {
  readonly socket: Socket
  readonly events: Array<string>
  text: string
  error: TransportError | undefined
}

const watch = (socket: Socket, onData: (seen: Seen) => void = () => {}): Seen => {
  const seen: Seen = { socket, events: [], text: "", error: undefined }
  socket.attach({
    data: (bytes) => {
      seen.text += Buffer.from(bytes).toString("latin1")
      if (seen.events.at(-1) !== "data") seen.events.push("data")
      onData(seen)
    },
    end: () => seen.events.push("end"),
    closed: (error) => {
      seen.error = error
      seen.events.push("closed")
    }
  })
  return seen
}

const over = (seen: Seen) => eventually(() => seen.events.includes("closed"), "the connection did not close")

/** A TLS listener, which remembers whom it accepted, and what failed. */
const listening = (options: Partial<Tls.TlsListenOptions> & { readonly onData?: (seen: Seen) => void } = {}) =>
  Effect.gen(function* () {
    const accepted = new Array<Seen>()
    const failures = new Array<string>()
    const credentials = options.credentials ?? (yield* Tls.credentials(Certificates.pair("server")))
    const { address } = yield* Tls.listen("127.0.0.1", 0, { ...options, credentials })({
      hardLimit: 1000,
      events: {
        accepted: (socket) => accepted.push(watch(socket, options.onData)),
        dropped: () => {},
        failed: ({ reason }) => failures.push(reason)
      }
    })
    yield* Effect.addFinalizer(() => Effect.sync(() => accepted.forEach(({ socket }) => socket.destroy())))
    const port = address.port ?? 0
    const first = Effect.map(
      eventually(() => accepted.length > 0, "nobody was accepted"),
      () => accepted[0] as Seen // there is one
    )
    return { accepted, failures, port, first }
  })

/** A plain connection, and what came on it. */
const dial = (port: number) =>
  Effect.acquireRelease(
    Effect.async<{ readonly socket: Net.Socket; text: string; closedAfter: number | undefined }>((resume) => {
      const began = performance.now()
      const socket = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () =>
        resume(Effect.succeed(dialled))
      )
      const dialled = { socket, text: "", closedAfter: undefined as number | undefined }
      socket.on("data", (bytes) => (dialled.text += bytes.toString("latin1")))
      socket.on("end", () => socket.end())
      socket.on("error", () => {})
      socket.on("close", () => (dialled.closedAfter = performance.now() - began))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** A TLS client as any program may have it; `ended` is how it came to its end. */
const client = (port: number, options: NodeTls.ConnectionOptions = {}) =>
  Effect.acquireRelease(
    Effect.async<{ readonly tls: NodeTls.TLSSocket; readonly raw: Net.Socket; text: string; ended: string }, string>(
      (resume) => {
        const raw = Net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
          const ca = Fs.readFileSync(Certificates.path("ca"))
          const tls = NodeTls.connect({ socket: raw, servername: "localhost", ca, ...options })
          const made = { tls, raw, text: "", ended: "" }
          tls.on("data", (bytes: Buffer) => (made.text += bytes.toString("latin1")))
          tls.on("end", () => (made.ended ||= "end"))
          tls.on("close", () => (made.ended ||= "close"))
          tls.on("error", (error: NodeJS.ErrnoException) => {
            made.ended ||= error.code ?? String(error)
            resume(Effect.fail(made.ended))
          })
          tls.once("secureConnect", () => resume(Effect.succeed(made)))
        })
        raw.on("error", () => {})
      }
    ),
    ({ raw, tls }) =>
      Effect.sync(() => {
        tls.destroy()
        raw.destroy()
      })
  )

const refused = (effect: Effect.Effect<unknown, TransportError, Scope.Scope>) =>
  Effect.scoped(Effect.map(Effect.flip(effect), ({ reason }) => reason))

describe("the end of a TLS connection", () => {
  it.scopedLive("is one in order with close_notify, and everything before it arrives", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const { tls } = yield* client(port)
      const server = yield* first
      tls.end("last words")
      yield* eventually(() => server.events.includes("end"), "no end")
      assert.strictEqual(server.text, "last words")
    })
  )

  it.scopedLive("without close_notify is a break: somebody may have cut it off", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const { tls } = yield* client(port)
      const server = yield* first
      tls.write("half a li")
      yield* eventually(() => server.text === "half a li", "no data")
      tls.destroy() // which ends TCP alone
      yield* over(server)
      assert.deepStrictEqual(server.events, ["data", "closed"])
      assert.strictEqual(server.error?.code, "ECUTSHORT")
    })
  )

  it.scopedLive("is the one that came, also when it is told late", () =>
    Effect.gen(function* () {
      // It pauses at the first of some records, with the others and the end behind it, and then the end of TCP.
      const { first, port } = yield* listening({ onData: ({ socket }) => socket.pause() })
      const { tls } = yield* client(port)
      const server = yield* first
      tls.end("last words".repeat(10_000))
      yield* eventually(() => server.text !== "", "no data")
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(server.events, ["data"])
      for (; server.events.length === 1; yield* Effect.sleep("5 millis")) server.socket.resume()
      assert.deepStrictEqual(server.events, ["data", "end"])
      assert.strictEqual(server.text.length, 100_000)
    })
  )

  it.scopedLive("never leaves bytes for taken that the other side cannot read", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listening()
      for (const [round, size] of [100, 20_000, 300_000, 16_000_000].entries()) {
        const made = yield* client(port)
        made.tls.pause()
        const server = accepted[round] as Seen // its handshake is over
        const isTaken = server.socket.write("x".repeat(size))
        yield* Effect.sleep("50 millis")
        const untaken = server.socket.untaken()
        assert.isAtMost(untaken, size)
        if (isTaken) assert.strictEqual(untaken, 0)
        server.socket.destroy()
        const left = server.socket.untaken()
        made.tls.resume()
        yield* eventually(() => made.ended !== "", "no end")
        assert.isAtLeast(made.text.length, size - left, `${size} bytes, ${left} not taken`)
        assert.strictEqual(left > 0, size > 10_000_000)
        yield* over(server)
      }
    })
  )
})

describe("before TLS is there", () => {
  for (const [what, bytes] of [
    ["says nothing", Buffer.of()],
    ["says half a handshake", Buffer.of(0x16, 3, 1, 2, 0, 1)]
  ] as const) {
    it.scopedLive(`who ${what} is cut off in time, and no sooner`, () =>
      Effect.gen(function* () {
        const { failures, first, port } = yield* listening({ handshakeTimeout: "300 millis" })
        const dialled = yield* dial(port)
        dialled.socket.write(bytes)
        const server = yield* first
        yield* over(server)
        yield* eventually(() => dialled.closedAfter !== undefined, "the client was not closed")
        assert.isAtLeast(dialled.closedAfter ?? 0, 290)
        assert.isBelow(dialled.closedAfter ?? 0, 2_000)
        assert.strictEqual(server.error?.reason, "the TLS handshake failed")
        assert.lengthOf(failures, 1)
        assert.match(failures[0] ?? "", /^no TLS with 127\.0\.0\.1:\d+: the handshake took too long$/)
      })
    )
  }

  it.scopedLive("who is done in time stays, whatever the time is", () =>
    Effect.gen(function* () {
      const { failures, first, port } = yield* listening({ handshakeTimeout: "300 millis" })
      const { tls } = yield* client(port)
      const server = yield* first
      yield* Effect.sleep("500 millis")
      tls.write("still here")
      yield* eventually(() => server.text === "still here", "no data")
      assert.deepStrictEqual(failures, [])
    })
  )

  it.scopedLive("who does not speak it is told so", () =>
    Effect.gen(function* () {
      const { failures, first, port } = yield* listening()
      const dialled = yield* dial(port)
      dialled.socket.write("alice\nalice: hi\n")
      yield* eventually(() => dialled.closedAfter !== undefined, "the client was not closed")
      assert.match(dialled.text, /^! bad-login fatal: this port speaks TLS[^\n]*\n$/)
      yield* over(yield* first)
      assert.match(failures.join(), /the client does not speak TLS/)
    })
  )

  it.scopedLive("what is asked of the socket is done when it is", () =>
    Effect.gen(function* () {
      const accepted = yield* Deferred.make<Seen>()
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const { address } = yield* Tls.listen("127.0.0.1", 0, { credentials })({
        hardLimit: 10,
        events: {
          accepted: (socket) => {
            const seen = watch(socket)
            assert.isFalse(socket.write("too early"))
            assert.strictEqual(socket.untaken(), 9)
            Deferred.unsafeDone(accepted, Effect.succeed(seen))
          },
          dropped: () => {},
          failed: () => {}
        }
      })
      const made = yield* client(address.port ?? 0)
      const server = yield* Deferred.await(accepted)
      yield* server.socket.taken
      assert.strictEqual(server.socket.untaken(), 0)
      yield* Effect.fork(server.socket.close(Duration.seconds(5)))
      yield* eventually(() => made.ended !== "", "no end")
      assert.deepStrictEqual([made.text, made.ended], ["too early", "end"])
    })
  )

  it.scopedLive("a reset is the end of that one alone", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listening()
      const hello = yield* helloBytes
      for (let length = 0; length < 200; length++) {
        const socket = Net.connect(port, "127.0.0.1")
        socket.on("error", () => {})
        socket.on("connect", () => {
          socket.write(hello.subarray(0, length % 2 === 0 ? length : hello.length), () => socket.resetAndDestroy())
        })
      }
      yield* eventually(
        () => accepted.length === 200 && accepted.every(({ events }) => events.includes("closed")),
        "not all have ended"
      )
      const { tls } = yield* client(port)
      tls.write("hi")
      yield* eventually(() => accepted.at(-1)?.text === "hi", "no data")
    })
  )

  it.scopedLive("TLS 1.1 is refused, and TLS 1.2 is not", () =>
    Effect.gen(function* () {
      const { port } = yield* listening()
      const old = { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const
      const error = yield* Effect.flip(client(port, { ...old, maxVersion: "TLSv1.1" }))
      assert.match(error, /PROTOCOL_VERSION/)
      const { tls } = yield* client(port, { ...old, maxVersion: "TLSv1.2" })
      assert.strictEqual(tls.getProtocol(), "TLSv1.2")
    })
  )
})

/** The first thing that a TLS client says. */
const helloBytes = Effect.async<Buffer>((resume) => {
  const server = Net.createServer((socket) => {
    socket.on("error", () => {})
    socket.once("data", (bytes) => {
      resume(Effect.succeed(bytes))
      socket.destroy()
      server.close()
    })
  }).listen(0, "127.0.0.1", () => {
    const at = server.address()
    NodeTls.connect({ port: typeof at === "object" ? (at?.port ?? 0) : 0 }).on("error", () => {})
  })
})

/** Connects, and leaves. */
const to = (port: number, options: Tls.TlsConnectOptions) =>
  Effect.tap(Tls.connect(Tls.address("127.0.0.1", port), options), (socket) => Effect.sync(() => socket.destroy()))

describe("Tls.connect", () => {
  const ca = Certificates.path("ca")

  const servers: ReadonlyArray<readonly [string, string, Tls.TlsConnectOptions, RegExp, Hint | undefined]> = [
    ["has expired", "expired", { ca }, /the server's certificate has expired$/, undefined],
    ["is for another name", "elsewhere", { ca }, /is not for 127\.0\.0\.1$/, "other-certificate-name"],
    [
      "is signed by an authority that is not trusted",
      "server",
      { ca: Certificates.path("other-ca") },
      /no trusted authority has signed/,
      "untrusted-certificate"
    ],
    [
      "is signed by an authority that the client does not name",
      "server",
      {},
      /no trusted authority has signed/,
      "untrusted-certificate"
    ]
  ]
  for (const [what, name, options, expected, hint] of servers) {
    it.scopedLive(`fails when the server's certificate ${what}`, () =>
      Effect.gen(function* () {
        const { accepted, port } = yield* listening({ credentials: yield* Tls.credentials(Certificates.pair(name)) })
        const error = yield* Effect.flip(Effect.scoped(to(port, options)))
        assert.match(error.reason, expected)
        assert.strictEqual(error.hint, hint)
        yield* eventually(() => accepted[0]?.events.includes("closed") === true, "the server did not notice")
      })
    )
  }

  it.scopedLive("takes the name that it is told for the host's", () =>
    Effect.gen(function* () {
      const { port } = yield* listening({ credentials: yield* Tls.credentials(Certificates.pair("elsewhere")) })
      yield* to(port, { ca, serverName: "chat.example" })
    })
  )

  it.scopedLive("says so when there is no TLS, or no answer, and does not wait longer than it was told", () =>
    Effect.gen(function* () {
      const servers = yield* Effect.forEach([true, false], (answers) =>
        Effect.acquireRelease(
          Effect.async<Net.Server>((resume) => {
            const server = Net.createServer((socket) => {
              socket.on("error", () => {}).on("data", () => answers && socket.write("! bad-login fatal: no\n"))
            }).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
          }),
          (server) => Effect.sync(() => server.close())
        )
      )
      const [plain = 0, silent = 0] = servers.map((server) => (server.address() as Net.AddressInfo).port) // they listen
      assert.match(yield* refused(to(plain, { ca })), /the server does not speak TLS there$/)
      const began = performance.now()
      assert.match(yield* refused(to(silent, { ca, timeout: "200 millis" })), /took too long/)
      assert.isBelow(performance.now() - began, 2_000)
    })
  )

  it.live("says that it is for TCP alone", () =>
    Effect.map(Effect.flip(Tls.connect(Unix.address("/s"))), ({ reason }) =>
      assert.strictEqual(reason, "cannot connect to unix:/s: TLS needs a TCP port")
    )
  )

  it.live("says which file is wrong, and why", () =>
    Effect.gen(function* () {
      const key = Certificates.path("alice.key")
      const cert = Certificates.path("alice")
      const table: ReadonlyArray<readonly [Tls.TlsConnectOptions, RegExp]> = [
        [{ ca: "/nowhere" }, /^\/nowhere: it cannot be read \(ENOENT\)$/],
        [{ ca: key }, /alice\.key\.pem: it is not a certificate in PEM form/],
        [{ cert: key, key }, /alice\.key\.pem: it is not a certificate in PEM form/],
        [{ cert, key: cert }, /alice\.pem: it is not a private key in PEM form/],
        [{ cert, key: Certificates.path("mallory.key") }, /mallory\.key\.pem: it is not the key of .*alice\.pem$/]
      ]
      for (const [options, said] of table) assert.match(yield* refused(to(1, options)), said)
    })
  )
})

const shown = (name: string) => {
  const { cert, key } = Certificates.pair(name)
  return { cert: Fs.readFileSync(cert), key: Fs.readFileSync(key) }
}

describe("client certificates", () => {
  const asking = Tls.credentials({ ...Certificates.pair("server"), clientCa: Certificates.path("ca") })

  it.scopedLive("tell who the client is", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening({ credentials: yield* asking })
      const { tls } = yield* client(port, shown("alice"))
      tls.write("hi")
      const server = yield* first
      yield* eventually(() => server.text === "hi", "no data")
      assert.strictEqual(server.socket.identity, "alice")
    })
  )

  it.scopedLive("are not asked for otherwise", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const { tls } = yield* client(port, shown("mallory"))
      tls.write("hi")
      const server = yield* first
      yield* eventually(() => server.text === "hi", "no data")
      assert.isUndefined(server.socket.identity)
    })
  )

  for (const [who, options, said] of [
    ["without one", () => ({}), /there is no client certificate/],
    ["with one of another authority", () => shown("mallory"), /not trusted \(/],
    ["with one of two common names", () => shown("twins"), /has no one common name/],
    ["with one of none", () => shown("nameless"), /has no one common name/]
  ] as const) {
    it.scopedLive(`who comes ${who} is told why, and is not let in by taking up that session again`, () =>
      Effect.gen(function* () {
        const { accepted, failures, port } = yield* listening({ credentials: yield* asking })
        for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
          let session: Buffer | undefined
          for (let time = 0; time < 2; time++) {
            const again = session === undefined ? {} : { session }
            const made = yield* client(port, { ...options(), maxVersion, ...again })
            made.tls.on("session", (given: Buffer) => (session = given))
            session ??= made.tls.getSession()
            made.tls.write("alice\nalice: hi\n")
            yield* eventually(() => made.ended !== "", "no end")
            assert.match(made.text, said)
            assert.match(made.text, /^! bad-login fatal: [^\n]*\n$/)
          }
        }
        assert.lengthOf(failures, 4)
        for (const { text } of accepted) assert.strictEqual(text, "", "nothing of it is heard")
      })
    )
  }
})

const serial = (port: number) =>
  Effect.scoped(Effect.map(client(port), ({ tls }) => tls.getPeerCertificate().serialNumber))

describe("Credentials.reload", () => {
  it.scopedLive("shows the new certificate to those who come, and drops nobody; a bad one changes nothing", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const files = { cert: join(home, "cert.pem"), key: join(home, "key.pem") }
      const put = (name: string) => {
        Fs.copyFileSync(Certificates.path(name), files.cert)
        Fs.copyFileSync(Certificates.path(`${name}.key`), files.key)
      }
      put("server")
      const credentials = yield* Tls.credentials(files)
      const { accepted, port } = yield* listening({ credentials })
      const { tls } = yield* client(port)
      const old = yield* serial(port)

      put("renewed")
      assert.strictEqual(yield* serial(port), old, "not before it is asked for")
      yield* credentials.reload
      const renewed = yield* serial(port)
      assert.notStrictEqual(renewed, old)

      const wrongs: ReadonlyArray<readonly [() => void, RegExp]> = [
        [() => Fs.copyFileSync(Certificates.path("server.key"), files.key), /is not the key of/],
        [() => Fs.writeFileSync(files.key, "nonsense"), /is not a private key/],
        [() => Fs.rmSync(files.key), /cannot be read/],
        [() => put("expired"), /expired on 2001-01-01/],
        [() => Fs.writeFileSync(files.cert, ""), /is not a certificate/]
      ]
      for (const [make, said] of wrongs) {
        put("renewed")
        make()
        assert.match((yield* Effect.flip(credentials.reload)).reason, said)
        assert.strictEqual(yield* serial(port), renewed)
      }

      tls.write("still here")
      yield* eventually(() => accepted[0]?.text === "still here", "the first one was dropped")
    })
  )
})
