import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import type { Hint } from "../../src/ports/Transport.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Unix from "../../src/transport/Unix.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { listening, refused } from "../support/TlsConnections.js"

/** Connects, and closes the connection. */
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

  it.scopedLive("verifies the given name instead of the host's", () =>
    Effect.gen(function* () {
      const { port } = yield* listening({ credentials: yield* Tls.credentials(Certificates.pair("elsewhere")) })
      yield* to(port, { ca, serverName: "chat.example" })
    })
  )

  it.scopedLive("fails where the server does not speak TLS, and at its timeout where the server sends nothing", () =>
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

  it.live("rejects an address without a port", () =>
    Effect.map(Effect.flip(Tls.connect(Unix.address("/s"))), ({ reason }) =>
      assert.strictEqual(reason, "cannot connect to unix:/s: TLS needs a TCP port")
    )
  )

  it.live("names the file that is wrong, and why", () =>
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
