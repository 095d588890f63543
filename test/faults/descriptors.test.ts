import { assert, describe } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { spawnSync } from "node:child_process"
import { mkdtempSync } from "node:fs"
import * as Http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { dial } from "../support/RawExchange.js"
import { refusal } from "../support/Refusal.js"
import { faultTest, type ServerUnderFault } from "../support/FaultTest.js"
import * as Program from "../support/Program.js"

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

/** Begins a WebSocket. */
const upgrade = [
  "GET /chat HTTP/1.1",
  "Host: localhost",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "",
  ""
].join("\r\n")

/** A connection that says nothing. */
const idle = (port: number) => Effect.ignore(dial({ address: { port } }))

/** The response to a request over a connection of its own. */
const get = (port: number, path: string) =>
  new Promise<{ readonly status: number | undefined; readonly body: string }>((resolve, reject) => {
    const request = Http.get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (text: string) => (body += text))
      response.once("end", () => resolve({ status: response.statusCode, body })).once("error", reject)
    })
    request.once("error", reject)
  })

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

  const controlSocket = join(mkdtempSync(join(tmpdir(), "a-chat-descriptors-")), "control.sock")

  faultTest(
    "are few: while the chat, HTTP and the admin port use all of theirs, each still answers the operator",
    { args: ["--web", "0", "--admin", "0", "--control", controlSocket], before: "ulimit -n 96" },
    (server) =>
      Effect.gen(function* () {
        let log = ""
        server.errors.on("data", (text: string) => (log += text))
        const web = Number(yield* server.says("errors", /message=listening address=http:\S+:(\d+)/u))
        const admin = Number(yield* server.says("errors", /message="admin listening" address=\S+:(\d+)/u))
        const many = Array.from({ length: 150 }, (_, i) => i)
        const webSocket = Effect.ignore(
          Effect.tap(dial({ address: { port: web } }), (socket) =>
            Effect.sync(() => {
              socket.on("error", () => {}).resume()
              socket.write(upgrade)
            })
          )
        )
        yield* Effect.forEach(many, () => Effect.all([idle(web), idle(admin), webSocket]), { discard: true })
        const answers = yield* Effect.forEach(many, (i) => knock(server, i), { concurrency: "unbounded" })
        assert.isTrue(answers.some((line) => line === "" || line.startsWith("! full")))

        for (const path of ["/healthz", "/metrics", "/connections"]) {
          const { body, status } = yield* Effect.promise(() => get(admin, path))
          assert.strictEqual(status, 200, `${path}: ${body}`)
        }
        assert.strictEqual((yield* Effect.promise(() => get(web, "/"))).status, 200)
        const control = yield* Program.run(["control", "--socket", controlSocket, "list"])
        assert.strictEqual(control.status, 0, control.errors)
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
