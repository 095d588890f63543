import { afterAll, assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect as connectTls } from "node:tls"
import { fileURLToPath } from "node:url"
import * as Certificates from "../support/Certificates.js"
import { startChild } from "../support/OtherProcesses.js"
import { eventually } from "../support/Eventually.js"
import { faultTest, type ServerUnderFault } from "../support/FaultTest.js"

const home = mkdtempSync(join(tmpdir(), "achat-"))
afterAll(() => rmSync(home, { recursive: true }))

const files = { cert: join(home, "cert.pem"), key: join(home, "key.pem") }

const pem = (name: string) => readFileSync(Certificates.path(name), "utf8")

const put = (cert: string, key: string) => {
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
}

put(pem("server"), pem("server.key"))

/** The serial number of the certificate that a new connection gets. */
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

/** Sends SIGHUP and waits until the log has one more matching line. */
const reload = (server: ServerUnderFault, log: () => string, said: RegExp) =>
  Effect.gen(function* () {
    const count = () => [...log().matchAll(said)].length
    const before = count()
    yield* server.kill("SIGHUP")
    yield* eventually(() => count() > before, `no ${said} in the log`)
  })

const pairs = fileURLToPath(new URL("../support/tls-pairs.mjs", import.meta.url))

describe("a certificate that is renewed under full load", () => {
  faultTest("ten times, with wrong files in between", { tls: files }, (server) =>
    Effect.gen(function* () {
      let log = ""
      server.errors.on("data", (text: string) => (log += text))
      const load = yield* startChild(process.execPath, [pairs, `${server.port}`, Certificates.path("ca"), "4"])
      let output = ""
      load.stdout?.on("data", (text: Buffer) => (output += text.toString()))
      const old = yield* server.join("old")

      const serials = new Map<string, string>([["server", yield* shown(server.port)]])
      let current = "server"
      for (let round = 0; round < 10; round++) {
        const next = current === "server" ? "renewed" : "server"
        // As if a copy were in progress: half of a file, and one file of two.
        put(pem(next).slice(0, 300), pem(`${current}.key`))
        yield* reload(server, () => log, /stay as they were.*is not a certificate/g)
        put(pem(next), pem(`${current}.key`))
        yield* reload(server, () => log, /stay as they were.*is not the key of/g)
        assert.strictEqual(yield* shown(server.port), serials.get(current))
        put(pem(next), pem(`${next}.key`))
        yield* reload(server, () => log, /certificates read again/g)
        const serial = yield* shown(server.port)
        assert.strictEqual(serial, serials.get(next) ?? serial)
        serials.set(next, serial)
        current = next
        yield* old.barrier
        const visitor = yield* server.join(`visitor${round}`)
        yield* visitor.end
        yield* visitor.closed
      }
      assert.strictEqual(new Set(serials.values()).size, 2)

      load.stdin?.end()
      yield* eventually(() => output.includes("sent "), "the pairs did not come to an end")
      const sent = Number(/sent (\d+)/.exec(output)?.[1])
      assert.isAbove(sent, 10_000)
      yield* server.closed(8 + 10, "left")
      assert.strictEqual(server.closings("connection-lost"), 0, "a client was dropped")
      return ({ accepted, written }) => {
        const barriers = 1 + 10 + 10 + 8
        assert.strictEqual(accepted, sent + barriers)
        assert.strictEqual(written, accepted)
      }
    })
  )
})
