import { afterAll, assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { fileURLToPath } from "node:url"
import * as Certificates from "../support/Certificates.js"
import { child } from "../support/elsewhere.js"
import { until } from "../support/serve.js"
import { fault, type Siege } from "../support/siege.js"

const home = mkdtempSync(join(tmpdir(), "achat-"))
afterAll(() => rmSync(home, { recursive: true }))

const files = { cert: join(home, "cert.pem"), key: join(home, "key.pem") }

const pem = (name: string) => readFileSync(Certificates.path(name), "utf8")

const put = (cert: string, key: string) => {
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
}

put(pem("server"), pem("server.key"))

/** The serial number of the certificate that a new connection is shown. */
const shown = (port: number) =>
  Effect.async<string, Error>((resume) => {
    const ca = pem("ca")
    const socket = connectTls({ port, host: "127.0.0.1", servername: "localhost", ca }, () => {
      const { serialNumber } = socket.getPeerCertificate()
      socket.end()
      resume(Effect.succeed(serialNumber))
    })
    socket.on("error", (error) => resume(Effect.fail(error)))
  })

/** Sends SIGHUP and waits until the log has one more line of that kind. */
const reload = (siege: Siege, log: () => string, said: RegExp) =>
  Effect.gen(function* () {
    const count = () => [...log().matchAll(said)].length
    const before = count()
    yield* siege.kill("SIGHUP")
    yield* until(() => count() > before, `no ${said} in the log`)
  })

const pairs = fileURLToPath(new URL("../support/pairs.mjs", import.meta.url))

describe("a certificate that is renewed under full load", () => {
  fault("ten times, with wrong files in between", { tls: files }, (siege) =>
    Effect.gen(function* () {
      let log = ""
      siege.errors.on("data", (text: string) => (log += text))
      const load = yield* child(process.execPath, [pairs, `${siege.port}`, Certificates.path("ca"), "4"])
      let output = ""
      load.stdout?.on("data", (text: Buffer) => (output += text.toString()))
      const old = yield* siege.join("old")

      const serials = new Map<string, string>([["server", yield* shown(siege.port)]])
      let current = "server"
      for (let round = 0; round < 10; round++) {
        const next = current === "server" ? "renewed" : "server"
        // As it is in the middle of being copied: half of the file, and one file of two.
        put(pem(next).slice(0, 300), pem(`${current}.key`))
        yield* reload(siege, () => log, /stay as they were.*is no certificate/g)
        put(pem(next), pem(`${current}.key`))
        yield* reload(siege, () => log, /stay as they were.*is not the key of/g)
        assert.strictEqual(yield* shown(siege.port), serials.get(current))
        put(pem(next), pem(`${next}.key`))
        yield* reload(siege, () => log, /certificates read again/g)
        const serial = yield* shown(siege.port)
        assert.strictEqual(serial, serials.get(next) ?? serial)
        serials.set(next, serial)
        current = next
        yield* old.barrier
        const visitor = yield* siege.join(`visitor${round}`)
        yield* visitor.end
        yield* visitor.closed
      }
      assert.strictEqual(new Set(serials.values()).size, 2)

      load.stdin?.end()
      yield* until(() => output.includes("sent "), "the pairs did not come to an end")
      const sent = Number(/sent (\d+)/.exec(output)?.[1])
      assert.isAbove(sent, 10_000)
      yield* siege.closed(8 + 10, "left")
      assert.strictEqual(siege.closings("connection-lost"), 0, "somebody was dropped")
      return ({ accepted, written }) => {
        const barriers = 1 + 10 + 10 + 8
        assert.strictEqual(accepted, sent + barriers)
        assert.strictEqual(written, accepted)
      }
    })
  )
})
