import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { copyFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Tls from "../../src/transport/Tls.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Certificates from "../support/Certificates.js"
import { startSocketServer } from "../support/SocketServer.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const plainly = (address: Address): Address => ({ ...address, isEncrypted: false })

const overTls = Effect.map(Certificates.overTls, ({ listen }) => listen)

describe("over TLS", () => {
  it.scopedLive("clients with and without TLS can reach each other", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ listen: [yield* overTls, Tcp.listen("127.0.0.1", 0)] })
      const alice = yield* server.join("alice")
      const bob = yield* WireClient.join(server.addresses[1] ?? server.address, "bob")
      yield* alice.send("bob: hi\n")
      yield* bob.expect("from alice: hi")
      yield* bob.send("alice: ho\nnobody: hm")
      yield* alice.expect("from bob: ho")
      yield* bob.end
      yield* bob.expect("! undelivered nobody reason=offline")
    })
  )

  it.scopedLive("the place of a silent client is free again after the handshake timeout", () =>
    Effect.gen(function* () {
      const credentials = yield* Tls.credentials(Certificates.pair("server"))
      const listen = Tls.listen("127.0.0.1", 0, { credentials, handshakeTimeout: "300 millis" })
      const server = yield* startSocketServer({ listen: [listen], maxConnections: 1 })
      const silent = yield* WireClient.connect(plainly(server.address))
      const early = yield* server.connect
      yield* early.expect("! full retry=5000 fatal")
      yield* silent.closed
      yield* Effect.flatMap(server.join("alice"), (alice) => alice.barrier)
    })
  )

  it.scopedLive("a drain does not wait longer for silent clients than for others", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ listen: [yield* overTls] })
      yield* WireClient.connect(plainly(server.address))
      const alice = yield* server.greet("alice")
      const began = performance.now()
      assert.strictEqual((yield* server.drain).cutOff, 0)
      assert.isBelow(performance.now() - began, 3_000)
      assert.match(yield* alice.line, /^\* closing grace=5000/)
      assert.match(yield* alice.line, /^\* bye reason=shutdown/)
    })
  )

  describe("with client certificates", () => {
    const start = Effect.gen(function* () {
      const files = { ...Certificates.pair("server"), clientCa: Certificates.path("ca") }
      const server = yield* startSocketServer({
        listen: [Tls.listen("127.0.0.1", 0, { credentials: yield* Tls.credentials(files) })]
      })
      const { cert, key } = Certificates.pair("alice")
      const tls = { cert: readFileSync(cert), key: readFileSync(key) }
      return { ...server, connect: WireClient.connect(server.address, { tls }) }
    })

    it.scopedLive("a client may log in with the common name of its certificate", () =>
      Effect.gen(function* () {
        const { connect } = yield* start
        const alice = yield* connect
        alice.name = "alice"
        yield* alice.send(" alice \n")
        yield* alice.barrier
      })
    )

    it.scopedLive("a client of another listener may have the name of a certificate", () =>
      Effect.gen(function* () {
        const files = { ...Certificates.pair("server"), clientCa: Certificates.path("ca") }
        const credentials = yield* Tls.credentials(files)
        const plain = Tcp.listen("127.0.0.1", 0)
        const server = yield* startSocketServer({ listen: [plain, Tls.listen("127.0.0.1", 0, { credentials })] })
        yield* WireClient.join(server.address, "alice")
      })
    )

    it.scopedLive("a reload changes the authorities for new clients, and keeps the others", () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const clientCa = join(folder, "authorities.pem")
        copyFileSync(Certificates.path("ca"), clientCa)
        const credentials = yield* Tls.credentials({ ...Certificates.pair("server"), clientCa })
        const server = yield* startSocketServer({ listen: [Tls.listen("127.0.0.1", 0, { credentials })] })
        const connectAs = (name: string) => {
          const { cert, key } = Certificates.pair(name)
          return WireClient.connect(server.address, { tls: { cert: readFileSync(cert), key: readFileSync(key) } })
        }
        const alice = yield* connectAs("alice")
        alice.name = "alice"
        yield* alice.send("alice\n")
        yield* alice.barrier
        copyFileSync(Certificates.path("other-ca"), clientCa)
        yield* credentials.reload
        yield* alice.barrier
        const late = yield* connectAs("alice")
        assert.match(yield* late.line, /^! bad-login fatal: the client certificate is not trusted/u)
        const mallory = yield* connectAs("mallory")
        yield* mallory.send("alice\n")
        yield* mallory.expect("! login-in-use alice fatal")
      })
    )

    it.scopedLive("a client may not log in with another name", () =>
      Effect.gen(function* () {
        const { connect, names } = yield* start
        for (const name of ["bob", "Alice", "alicee", "!"]) {
          const client = yield* connect
          yield* client.send(`${name}\n${name}: hi\n`)
          const line = yield* client.line
          assert.match(line, name === "!" ? /^! bad-login fatal: not a name/ : /^! bad-login fatal: .* certificate/)
          assert.deepStrictEqual(yield* client.rest, [])
        }
        assert.deepStrictEqual(yield* names, [])
      })
    )
  })
})
