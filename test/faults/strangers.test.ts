import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { connect as connectTls } from "node:tls"
import { seededRandom } from "../../scripts/random.mjs"
import { faultTest, received, type ServerUnderFault } from "../support/FaultTest.js"
import { headOf } from "../support/WireClient.js"
import { unhindered } from "../support/CpuTime.js"

const seconds = 1
const short = ["--login-timeout", `${seconds}s`]
const crowd = Array.from({ length: 200 }, (_, i) => i)

/** Waits until a client that does not log in is refused. Returns how long that took since its connect. */
const refused = (server: ServerUnderFault, dribbles: boolean) =>
  Effect.gen(function* () {
    const began = performance.now()
    const client = yield* server.connect
    const byte = client.send("x")
    const dribble = Effect.forever(Effect.zipRight(byte, Effect.sleep("100 millis")))
    if (dribbles) yield* Effect.forkScoped(dribble)
    yield* client.expect("! login-timeout fatal")
    const took = performance.now() - began
    assert.deepStrictEqual(yield* client.rest, [])
    return took
  }).pipe(Effect.scoped)

/** Sends bytes that are not a login, and returns the reply. */
const answer = (server: ServerUnderFault, bytes: string | Uint8Array) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* server.connect
      yield* client.send(bytes)
      yield* client.end
      const lines = yield* client.rest
      assert.strictEqual(lines.length, 1)
      return headOf(lines[0] ?? "")
    })
  )

/** Random bytes, the same each time. */
const noise = (seed: number, size: number) => {
  const { below } = seededRandom(seed)
  return Uint8Array.from({ length: size }, () => below(256))
}

describe("a stranger", () => {
  for (const [how, dribbles] of [
    ["dribble a byte now and then", true],
    ["send nothing", false]
  ] as const) {
    faultTest(
      `two hundred clients that ${how} instead of logging in are disconnected at the login timeout`,
      { args: short },
      (server) =>
        Effect.gen(function* () {
          const [began, clock] = [performance.now(), unhindered(server.pid)]
          const times = yield* Effect.forEach(crowd, () => refused(server, dribbles), { concurrency: "unbounded" })
          const hindered = performance.now() - began - clock()
          for (const time of times) {
            assert.isAtLeast(time, seconds * 1000 - 1)
            // The server checks eight times within the timeout; the rest allows for a busy machine.
            assert.isBelow(time - hindered, seconds * 1000 * 1.125 + 1_500)
          }
          yield* server.closed(200, "login-timeout")
          return ({ accepted }) => assert.strictEqual(accepted, 0)
        })
    )
  }

  faultTest("an HTTP request is a bad login, and its body is not read as messages", {}, (server) =>
    Effect.gen(function* () {
      const alice = yield* server.join("alice")
      const body = "mallory\nalice: gotcha\n"
      const request = `POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      for (const form of [request, `${body}`.replace("mallory", "GET /alice HTTP/1.1\r\nalice: x")]) {
        assert.strictEqual(yield* answer(server, form), "! bad-login fatal")
      }
      assert.deepStrictEqual(yield* received(alice), [])
      yield* server.closed(2, "bad-login")
      return ({ accepted }) => assert.strictEqual(accepted, 1, "alice's barrier")
    })
  )

  faultTest("a TLS client is refused, at the latest at the login timeout", { args: short }, (server) =>
    Effect.gen(function* () {
      const alice = yield* server.join("alice")
      const hello = connectTls({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false })
      const error = yield* Effect.async<NodeJS.ErrnoException>((resume) => {
        hello.once("error", (error) => resume(Effect.succeed(error)))
      })
      // Our line is not TLS; how a library reports that differs.
      assert.match(error.code ?? "", /^(ERR_SSL|EPROTO)/)
      assert.deepStrictEqual(yield* received(alice), [])
      return ({ accepted }) => assert.strictEqual(accepted, 1, "alice's barrier")
    })
  )

  faultTest("random bytes are not a login; a logged-in client that sends them stays connected", {}, (server) =>
    Effect.gen(function* () {
      const alice = yield* server.join("alice")
      for (let seed = 0; seed < 100; seed++) {
        // A first line that is neither a command nor, by chance, a name.
        const bytes = Buffer.concat([Buffer.of(0xff), noise(seed, 1_000), Buffer.from("\nalice: gotcha\n")])
        assert.strictEqual(yield* answer(server, bytes), "! bad-login fatal", `seed ${seed}`)
      }
      const bob = yield* server.join("bob")
      for (let seed = 0; seed < 100; seed++) yield* bob.send(noise(seed, 10_000))
      yield* bob.send("\n")
      for (const line of yield* received(bob)) assert.match(line, /^! (bad-line|undelivered|unknown-command)/)
      assert.deepStrictEqual(yield* received(alice), [])
      yield* bob.barrier
    })
  )
})
