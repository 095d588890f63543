import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Nats from "../../src/cluster/Nats.js"
import type { NatsCredentials } from "../../src/cluster/NatsCredentials.js"
import * as Credentials from "../../src/cluster/NatsCredentials.js"
import * as NatsJwt from "../support/NatsJwt.js"
import * as NatsServers from "../support/NatsServers.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const certificate = (name: string) => fileURLToPath(new URL(`../certificates/${name}.pem`, import.meta.url))

/** A server with these settings besides those of every test. */
const server = (settings: string) =>
  Effect.gen(function* () {
    const file = join(yield* temporaryFolder, "nats.conf")
    writeFileSync(file, settings)
    return yield* NatsServers.one("-c", file)
  })

const joining = (url: string, credentials: NatsCredentials | undefined, tls?: Nats.NatsTls) =>
  Nats.make({
    servers: [url],
    node: "a",
    driver: NatsServers.driver,
    term: "6 seconds",
    startTimeout: "20 seconds",
    credentials,
    tls
  })

/** Joins with the right credentials, as a file has them, and is refused at once without and with the wrong ones. */
const admits = (settings: string, right: string, wrong: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { url } = yield* server(settings)
    const { directory } = yield* joining(url, Credentials.parse(right))
    assert.isNumber(yield* directory.swap("names", "bob", 0, "x"))
    const began = performance.now()
    for (const credentials of [undefined, ...wrong.map((text) => Credentials.parse(text))]) {
      const refused = yield* Effect.flip(joining(url, credentials))
      assert.match(
        refused.reason,
        /^no NATS server of nats:\S+ can be used: .*(?:authorization|authentication|nonce)/iu
      )
      assert.include(refused.reason, "--cluster-credentials")
      for (const secret of wrong) assert.notInclude(refused.reason, secret)
    }
    assert.isBelow(performance.now() - began, 15_000) // it does not try again until the time is over
  })

describe.skipIf(NatsServers.missing)("the credentials of a node", { concurrent: true }, () => {
  it.scopedLive("are a user and a password", () =>
    admits("authorization { user: me, password: secret }", "me:secret\n", ["me:wrong", "you:secret"])
  )

  it.scopedLive("are a token", () => admits("authorization { token: abcdef }", "abcdef\n", ["abcdeg"]))

  it.scopedLive("are the seed of an nkey", () => {
    const key = NatsJwt.userKey()
    return admits(`authorization { users: [{ nkey: ${key.publicKey} }] }`, `${key.seed}\n`, [NatsJwt.userKey().seed])
  })

  it.scopedLive("are a .creds file", () => {
    const { creds, otherCreds, settings } = NatsJwt.make()
    return admits(settings, creds, [otherCreds])
  })

  it.scopedLive("are a certificate, with TLS", () =>
    Effect.gen(function* () {
      const { url } = yield* server(
        `tls { cert_file: ${certificate("server")}, key_file: ${certificate("server.key")}, ` +
          `ca_file: ${certificate("ca")}, verify: true }`
      )
      const secure = url.replace("nats:", "tls:").replace("127.0.0.1", "localhost")
      const ca = certificate("ca")
      const tls = { ca, certificate: certificate("alice"), key: certificate("alice.key") }
      const { directory } = yield* joining(secure, undefined, tls)
      assert.isNumber(yield* directory.swap("names", "bob", 0, "x"))
      const began = performance.now()
      for (const wrong of [{ ca }, { ca, certificate: certificate("mallory"), key: certificate("mallory.key") }]) {
        const refused = yield* Effect.flip(joining(secure, undefined, wrong))
        assert.match(
          refused.reason,
          /^no NATS server of tls:\S+ can be used: (?:TLS: .*certificate|.*ECONNRESET|.*EPIPE).*; check/iu
        )
        assert.include(refused.reason, "--cluster-cert")
      }
      const untrusted = yield* Effect.flip(joining(secure, undefined, { ...tls, ca: certificate("other-ca") }))
      assert.match(untrusted.reason, /certificate/iu)
      assert.include(untrusted.reason, "--cluster-ca")
      assert.isBelow(performance.now() - began, 15_000)
    })
  )
})
