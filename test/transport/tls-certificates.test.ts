import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import * as Tls from "../../src/transport/Tls.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import { client, listening } from "../support/TlsConnections.js"

const shown = (name: string) => {
  const { cert, key } = Certificates.pair(name)
  return { cert: Fs.readFileSync(cert), key: Fs.readFileSync(key) }
}

describe("client certificates", () => {
  const asking = Tls.credentials({ ...Certificates.pair("server"), clientCa: Certificates.path("ca") })

  it.scopedLive("name the client", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening({ credentials: yield* asking })
      const { tls } = yield* client(port, shown("alice"))
      tls.write("hi")
      const server = yield* first
      yield* eventually(() => server.text === "hi", "no data")
      assert.strictEqual(server.socket.identity, "alice")
    })
  )

  it.scopedLive("are not requested without an authority", () =>
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
    ["without a certificate", () => ({}), /there is no client certificate/],
    ["with a certificate of another authority", () => shown("mallory"), /not trusted \(/],
    ["with a certificate with two common names", () => shown("twins"), /has no one common name/],
    ["with a certificate without a common name", () => shown("nameless"), /has no one common name/]
  ] as const) {
    it.scopedLive(`refuse a client ${who}, and say why, even if it resumes its session`, () =>
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
        for (const { text } of accepted) assert.strictEqual(text, "", "the server reads nothing of it")
      })
    )
  }
})

const serial = (port: number) =>
  Effect.scoped(Effect.map(client(port), ({ tls }) => tls.getPeerCertificate().serialNumber))

describe("Credentials.reload", () => {
  it.scopedLive("presents the new certificate to new clients, and keeps the others; a bad file changes nothing", () =>
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
      assert.strictEqual(yield* serial(port), old, "not before the reload")
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
