import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawnSync } from "node:child_process"
import { dial } from "../support/RawExchange.js"
import { refusal } from "../support/Refusal.js"
import { faultTest, type ServerUnderFault } from "../support/FaultTest.js"

/** Changes the limit of a running process, as if other parts of the program needed descriptors. */
const setLimit = (pid: number, limit: string) =>
  Effect.sync(() => {
    const { status, stderr } = spawnSync("prlimit", [`--pid=${pid}`, `--nofile=${limit}:`])
    assert.strictEqual(status, 0, String(stderr))
  })

const limitOf = (pid: number) =>
  String(spawnSync("prlimit", [`--pid=${pid}`, "--nofile", "--output=SOFT", "--noheadings"]).stdout).trim()

const noLimits = spawnSync("prlimit", ["--version"]).status === 0 ? undefined : "there is no prlimit"

/** Connects, logs in and sends itself a message. Returns the first line received, or nothing if there was none. */
const knock = (server: ServerUnderFault, i: number) =>
  Effect.gen(function* () {
    const client = yield* server.connect
    yield* client.send(`c${i}\nc${i}: in\n`)
    return yield* client.until("an answer or the end", () => client.lines[0] ?? (client.hasEnded ? "" : undefined))
  }).pipe(Effect.catchAll(() => Effect.succeed("")))

describe("descriptors", () => {
  faultTest(
    "are few: clients within the limit are served, and all others are refused or dropped at once",
    { before: "ulimit -n 64" },
    (server) =>
      Effect.gen(function* () {
        const alice = yield* server.join("alice")
        const answers = yield* Effect.forEach(
          Array.from({ length: 200 }, (_, i) => i),
          (i) => knock(server, i),
          { concurrency: "unbounded" }
        )
        const served = answers.filter((line) => line.startsWith("from "))
        assert.isAbove(served.length, 0)
        for (const line of answers) assert.match(line, /^(from c\d+: in|! full retry=5000 fatal: .*|)$/)
        yield* alice.barrier
        return ({ accepted }) => assert.strictEqual(accepted, served.length + 2)
      })
  )

  faultTest(
    "are few: while the chat uses all of its own, those of HTTP are left, and the other way round",
    { args: ["--web", "0"], before: "ulimit -n 96" },
    (server) =>
      Effect.gen(function* () {
        let log = ""
        server.errors.on("data", (text: string) => (log += text))
        const web = Number(yield* server.says("errors", /address=http:\S+:(\d+)/u))
        const page = Effect.flatMap(dial({ address: { port: web } }), (socket) =>
          Effect.async<string>((resume) => {
            socket.once("data", (chunk: Buffer) => resume(Effect.succeed(chunk.toString("latin1"))))
            socket.once("close", () => resume(Effect.succeed("")))
            socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
          })
        )
        yield* Effect.forEach(Array.from({ length: 30 }), () => dial({ address: { port: web } }))
        const answers = yield* Effect.forEach(
          Array.from({ length: 150 }, (_, i) => i),
          (i) => knock(server, i),
          { concurrency: "unbounded" }
        )
        assert.isAbove(answers.filter((line) => line.startsWith("from ")).length, 20)
        assert.match(yield* page, /^HTTP\/1\.1 200 /u)
        assert.notMatch(log, /out of file descriptors/u)
      })
  )

  faultTest(
    "run out: connected clients notice nothing, the server logs it, and accepts again once there are some",
    { impossible: noLimits },
    (server) =>
      Effect.gen(function* () {
        const before = limitOf(server.pid)
        const alice = yield* server.join("alice")
        const bob = yield* server.join("bob")
        yield* setLimit(server.pid, "20")
        yield* server.says("errors", /level=WARN .*out of file descriptors.*ulimit -n/u)
        assert.strictEqual(yield* refusal(server.connect), "ECONNREFUSED")
        for (let round = 0; round < 100; round++) {
          yield* alice.send(`bob: ${round}\n`)
          yield* bob.expect(`from alice: ${round}`)
        }
        yield* setLimit(server.pid, before)
        const carol = yield* Effect.retry(server.join("carol"), Schedule.spaced("20 millis"))
        yield* carol.send("alice: I am in\n")
        yield* alice.expect("from carol: I am in")
      })
  )
})
