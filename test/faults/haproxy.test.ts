import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import * as Tls from "../../src/transport/Tls.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Certificates from "../support/Certificates.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import { freePort } from "../support/FreePort.js"
import * as WireClient from "../support/WireClient.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const missing = spawnSync("haproxy", ["-v"]).status === 0 ? undefined : "haproxy is not installed"

const answers = (port: number) =>
  Effect.async<boolean>((resume) => {
    const socket = Net.connect(port, "127.0.0.1")
    socket.on("connect", () => resume(Effect.succeed(true))).on("error", () => resume(Effect.succeed(false)))
    socket.on("connect", () => socket.destroy())
  })

/** A real HAProxy that forwards each of its ports to one of the server's. */
const haproxy = (passes: ReadonlyArray<{ readonly to: string; readonly how: string }>) =>
  Effect.gen(function* () {
    const home = yield* temporaryFolder
    const ports = yield* Effect.forEach(passes, () => Effect.promise(freePort))
    const parts = passes.map(
      ({ how, to }, i) => `listen pass${i}\n  bind 127.0.0.1:${ports[i]}\n  server chat 127.0.0.1:${to} ${how}\n`
    )
    const timeouts = "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1m\n  timeout server 1m\n"
    writeFileSync(join(home, "cfg"), `${timeouts}${parts.join("")}`)
    let said = ""
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn("haproxy", ["-db", "-f", join(home, "cfg")])
        child.stderr.on("data", (text: Buffer) => (said += text.toString()))
        return child
      }),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    for (let tries = 0; !(yield* answers(ports[0] ?? 0)); tries++) {
      if (tries > 200) return yield* Effect.dieMessage(`haproxy does not answer: ${said}`)
      yield* Effect.sleep("25 millis")
    }
    return ports
  })

describe("behind HAProxy", () => {
  it.scopedLive("clients keep their own addresses, and leave in an orderly way", (context) =>
    Effect.gen(function* () {
      if (missing !== undefined) return context.skip(missing)
      const { cert, key } = Certificates.pair("server")
      const places = ["tcp+proxy://127.0.0.1:0", "tls+proxy://127.0.0.1:0"].flatMap((place) => ["--listen", place])
      const shown = ["--tls-cert", cert, "--tls-key", key, "--proxy-from", "127.0.0.0/8"]
      const server = yield* Program.start(["serve", "--log-format", "logfmt", ...places, ...shown])
      const plain = yield* server.says("errors", /address=127\.0\.0\.1:(\d+)/u)
      const secure = yield* server.says("errors", /address=tls:\/\/127\.0\.0\.1:(\d+)/u)
      let log = ""
      server.errors.on("data", (text: string) => (log += text))
      const [one = 0, two = 0, tls = 0] = yield* haproxy([
        { to: plain, how: "send-proxy" },
        { to: plain, how: "send-proxy-v2 check inter 100ms" },
        { to: secure, how: "send-proxy-v2" }
      ])
      const cases: ReadonlyArray<readonly [string, string, Address]> = [
        ["v1", "127.0.0.2", Tcp.address("127.0.0.1", one)],
        ["v2", "127.0.0.3", Tcp.address("127.0.0.1", two)],
        ["tls", "127.0.0.4", Tls.address("127.0.0.1", tls)]
      ]
      for (const [name, localAddress, address] of cases) {
        const client = yield* WireClient.connect(address, { localAddress })
        client.name = name
        yield* client.send(`${name}\n`)
        yield* client.barrier
        yield* client.send(`${name}: the last line, without an end`)
        yield* client.end
        // The line that its end completed: half-open connections work through the proxy, too.
        assert.deepStrictEqual(yield* client.rest, [`from ${name}: the last line, without an end`])
        yield* eventually(
          () => new RegExp(`reason=left remote=${localAddress.replaceAll(".", "\\.")}:\\d+ name=${name} `).test(log),
          `the address of ${name}`
        )
      }
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.strictEqual(status, 0)
      // HAProxy's own health checks carry its own address.
      assert.notMatch(errors, /PROXY header is malformed/)
    })
  )
})
