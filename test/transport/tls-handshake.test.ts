import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import * as Net from "node:net"
import * as NodeTls from "node:tls"
import * as Tls from "../../src/transport/Tls.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { client, dial, listening, over, watch, type Seen } from "../support/TlsConnections.js"

/** The first bytes of a TLS client. */
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

describe("a TLS connection before its handshake has finished", () => {
  for (const [what, bytes] of [
    ["sends nothing", Buffer.of()],
    ["sends half a handshake", Buffer.of(0x16, 3, 1, 2, 0, 1)]
  ] as const) {
    it.scopedLive(`is disconnected at the timeout, and not before, if the client ${what}`, () =>
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

  it.scopedLive("stays open after the timeout once the handshake has finished", () =>
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

  it.scopedLive("is refused with a reason if the client does not speak TLS", () =>
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

  it.scopedLive("performs writes and a close after the handshake", () =>
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

  it.scopedLive("keeps the order of what is written before and right after the handshake", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const { address } = yield* Tls.listen("127.0.0.1", 0, { credentials })({
        hardLimit: 10,
        events: {
          accepted: (socket) => {
            // What the client says arrives together with the last message of its handshake.
            watch(socket, () => {
              socket.write(" second")
              setImmediate(() => socket.write(" third"))
            })
            socket.write("first")
          },
          dropped: () => {},
          failed: () => {}
        }
      })
      const made = yield* client(address.port ?? 0)
      made.tls.write("hello")
      yield* eventually(() => made.text.length >= 18, "the server said too little")
      assert.strictEqual(made.text, "first second third")
    })
  )

  it.scopedLive("can be reset without harm to the others", () =>
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
        "not all connections have ended"
      )
      const { tls } = yield* client(port)
      tls.write("hi")
      yield* eventually(() => accepted.at(-1)?.text === "hi", "no data")
    })
  )

  it.scopedLive("cannot use TLS 1.1, but can use TLS 1.2", () =>
    Effect.gen(function* () {
      const { port } = yield* listening()
      const old = { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const
      const error = yield* Effect.flip(client(port, { ...old, maxVersion: "TLSv1.1" }))
      assert.match(error, /PROTOCOL_VERSION/)
      const { tls } = yield* client(port, { ...old, maxVersion: "TLSv1.2" })
      assert.strictEqual(tls.getProtocol(), "TLSv1.2")
    })
  )

  it.scopedLive("has forward secrecy in TLS 1.2, with a certificate of RSA as well", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("rsa"))
      const { port } = yield* listening({ credentials })
      const connect = (ciphers: string) =>
        client(port, { ciphers, maxVersion: "TLSv1.2", ca: readFileSync(Certificates.path("rsa")) })
      for (const cipher of ["AES256-GCM-SHA384", "AES128-SHA", "ECDHE-RSA-AES128-SHA"]) {
        const result = Effect.match(connect(cipher), { onFailure: (error) => error, onSuccess: () => "accepted" })
        assert.match(yield* result, /HANDSHAKE_FAILURE/, cipher)
      }
      for (const cipher of ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"]) {
        const { tls } = yield* connect(cipher)
        assert.strictEqual(tls.getCipher().name, cipher)
      }
      const { tls } = yield* client(port, { ca: readFileSync(Certificates.path("rsa")) })
      assert.strictEqual(tls.getProtocol(), "TLSv1.3")
    })
  )
})
