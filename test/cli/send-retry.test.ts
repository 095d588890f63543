import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"
import { at, withBob } from "../support/SendCommand.js"
import * as WireClient from "../support/WireClient.js"

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}\n`).join("")

const quiet = { status: 0, output: "", errors: "" }

/** The texts in what bob has printed, in order. */
const textsOf = (output: string) =>
  output
    .split("\n")
    .filter((line) => line.startsWith("from "))
    .map((line) => line.slice(line.indexOf(": ") + 2))

/** A server that gives each labelled line to `answer`, as its number among all of them and its text. */
const answering = (answer: (number: number, text: string) => string, limits = "") => {
  let number = 0
  return FakeServer.answering((line) => {
    if (line.startsWith("/hello")) return [`* hello achat=1 name=alice max-line=1000 max-recipients=3${limits}: x`]
    const [, label, text] = /^(@\d+) bob: (.*)$/u.exec(line) ?? []
    if (label === undefined || text === undefined) return []
    number += 1
    const reply = answer(number, text)
    return reply === "end" ? "end" : [reply.replace("@", label)]
  })
}

const written = "* written @ bob: x"

/** A server whose connections end as `ends` says, one after the other; those after the last accept every line. */
const ending = (...ends: ReadonlyArray<string>) => {
  let connections = 0
  return FakeServer.make((socket) => {
    const end = ends[connections]
    connections += 1
    if (end === "reset") return void socket.resetAndDestroy()
    if (end?.includes("fatal")) return void socket.end(`${end}\n`)
    socket.setEncoding("utf8").on("data", (text: string) => {
      for (const line of text.split("\n").slice(0, -1)) {
        const answer = FakeServer.greeting(() => [])(line)
        if (Array.isArray(answer) && answer.length > 0) socket.write(`${answer.join("\n")}\n`)
        const label = /^@\d+/u.exec(line)?.[0]
        if (label === undefined) continue
        if (end === undefined) socket.write(`* written ${label} bob: x\n`)
        else socket.end(end === "" ? "" : `${end.replace("@", label)}\n`)
      }
    })
    socket.on("end", () => socket.end())
  })
}

// Side by side: these mostly wait.
describe.concurrent("a-chat send, at the pace of the server", () => {
  it.scopedLive("sends no faster than the announced rate, so that no line is refused", () =>
    Effect.gen(function* () {
      const { bob, pipe } = yield* withBob({ rate: 50 })
      for (const login of ["alice", "carol"]) {
        const retry = login === "carol" ? ["--retry", "3"] : []
        assert.deepStrictEqual(yield* pipe(numbers(120), "--login", login, ...retry, "bob"), quiet)
        yield* bob.receives(new RegExp(`^from ${login}: 120$`, "mu"))
      }
      const expected = numbers(120).split("\n").slice(0, -1)
      assert.deepStrictEqual(textsOf(bob.received()), [...expected, ...expected])
    })
  )

  it.scopedLive("logs in to a server whose rate is below the lines of a greeting", () =>
    Effect.gen(function* () {
      const sent = yield* Effect.forEach(
        [1, 2],
        (rate) =>
          // Beside busy programs, the pauses of the greeting add up to more than the usual time for a login.
          Effect.flatMap(LocalServer.start({ rate, loginTimeout: Duration.minutes(1) }), ({ port }) =>
            Program.run(["send", "--port", port, "--login", "alice", "alice", "hi"])
          ),
        { concurrency: 2 }
      )
      const offline = "a-chat: alice: offline: no recipient of that name is online\n"
      const expected = { status: 1, output: "", errors: offline }
      assert.deepStrictEqual(sent, [expected, expected])
    })
  )

  it.scopedLive("logs in to a server that asks for a little less time than it requires", () =>
    Effect.gen(function* () {
      const [required, announced] = [500, 450]
      const server = yield* FakeServer.make((socket) => {
        let accepted = -Infinity
        let refused = -Infinity
        let name = ""
        const cutter = new LineCutter((line) => {
          const label = /^@\d+ /u.exec(line)?.[0] ?? ""
          const sinceAccepted = Date.now() - accepted
          if (sinceAccepted < required) {
            // Like the real server, one refusal for several lines of one read.
            if (Date.now() - refused < 20 && label === "") return
            refused = Date.now()
            return void socket.write(`! slow-down ${label}retry=${Math.max(0, announced - sinceAccepted)}: x\n`)
          }
          accepted = Date.now()
          if (line.startsWith("/hello")) {
            const named = name === "" ? "" : ` name=${name}`
            socket.write(`* hello achat=1${named} max-line=1000 max-recipients=3 on=send-only: x\n`)
          } else if (label !== "") socket.write(`* written ${label}bob: x\n`)
          else name = line
        })
        socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
        socket.on("end", () => socket.end())
      })
      assert.deepStrictEqual(yield* Program.run([...at(server), "--retry", "5", "bob", "hi"]), quiet)
    })
  )

  it.scopedLive("reports at once that its login is refused while it waits for the pace of the server", () =>
    Effect.gen(function* () {
      // Also in the same read.
      for (const pause of [0, 100]) {
        const server = yield* FakeServer.make((socket) => {
          socket.once("data", () => {
            socket.write("! slow-down retry=600000: x\n")
            setTimeout(() => socket.end("! login-timeout fatal: too late\n"), pause)
          })
        })
        const errors = "a-chat: login-timeout: too late\n"
        assert.deepStrictEqual(yield* Program.run([...at(server), "bob", "hi"]), { status: 2, output: "", errors })
      }
    })
  )

  it.scopedLive("lets no line overtake one that is refused anyway", () =>
    Effect.gen(function* () {
      const accepted: Array<string> = []
      const refused = new Set<number>()
      // Another client from the same address uses its rate as well.
      const server = yield* answering((number, text) => {
        if (number % 3 === 0 && !refused.has(number)) {
          refused.add(number)
          return number % 2 === 0 ? "! slow-down @ retry=5: x" : "! undelivered @ bob reason=busy retry=5: x"
        }
        accepted.push(text)
        return written
      }, " address-rate=1000 address-burst=1000")
      const sent = yield* Program.run([...at(server), "--retry", "20", "bob"], { input: numbers(100) })
      assert.deepStrictEqual(sent, quiet)
      assert.deepStrictEqual(accepted, numbers(100).split("\n").slice(0, -1))
    })
  )

  it.scopedLive("lets no line overtake the first one, even if the server announces no rate", () =>
    Effect.gen(function* () {
      const accepted: Array<string> = []
      const server = yield* answering((number, text) => {
        if (number <= 3) return "! undelivered @ bob reason=busy retry=20: x"
        accepted.push(text)
        return written
      })
      const sent = yield* Program.run([...at(server), "--retry", "3", "bob"], { input: numbers(50) })
      assert.deepStrictEqual(sent, quiet)
      assert.deepStrictEqual(accepted, numbers(50).split("\n").slice(0, -1))
    })
  )

  it.scopedLive("tries a line only as often as --retry allows, and never for longer than --timeout", () =>
    Effect.gen(function* () {
      let tries = 0
      const busy = yield* answering(() => {
        tries += 1
        return "! undelivered @ bob reason=busy retry=10: the queue is full"
      })
      const returned = yield* Program.run([...at(busy), "--retry", "2", "bob", "hi"])
      assert.deepStrictEqual(returned, { status: 1, output: "", errors: "a-chat: bob: busy: the queue is full\n" })
      assert.strictEqual(tries, 3)

      const startedAt = performance.now()
      const slow = yield* answering(() => "! slow-down @ retry=3599192: wait")
      const refused = yield* Program.run([...at(slow), "--retry", "2", "--timeout", "5s", "bob", "hi"])
      assert.deepStrictEqual(refused, { status: 1, output: "", errors: "a-chat: slow-down: wait\n" })
      assert.isBelow(performance.now() - startedAt, 5000)
    })
  )
})

describe.concurrent("a-chat send --retry", () => {
  it.scopedLive("connects again after a refused, a full and a broken connection", () =>
    Effect.gen(function* () {
      const server = yield* ending("! full retry=20 fatal: later", "reset")
      assert.deepStrictEqual(yield* Program.run([...at(server), "--retry", "2", "bob", "hi"]), quiet)
      const impatient = yield* ending("! full retry=20 fatal: later", "reset")
      const { errors, status } = yield* Program.run([...at(impatient), "--retry", "1", "bob", "hi"])
      assert.strictEqual(status, 2, errors)

      const { port } = yield* Effect.scoped(Program.startServer())
      const sending = yield* Program.start(["send", "--port", port, "--login", "alice", "--retry", "20", "alice", "hi"])
      yield* Effect.sleep("500 millis")
      yield* Program.startServer(["--port", port])
      const offline = "a-chat: alice: offline: no recipient of that name is online\n"
      assert.deepStrictEqual(yield* sending.ended, { status: 1, output: "", errors: offline })
    })
  )

  it.scopedLive("sends again what a server that shuts down has not accepted", () =>
    Effect.gen(function* () {
      for (const end of ["! closing @: x", "* bye reason=shutdown: x"]) {
        const server = yield* ending(end)
        const sent = yield* Program.run([...at(server), "--retry", "1", "bob"], { input: "one\ntwo\n" })
        assert.deepStrictEqual(sent, quiet)
      }
    })
  )

  it.scopedLive("sends nothing again if the outcome is unknown", () =>
    Effect.gen(function* () {
      const server = yield* ending("")
      const { status } = yield* Program.run([...at(server), "--retry", "9", "bob"], { input: "one\ntwo\n" })
      assert.strictEqual(status, 3)
    })
  )

  it.scopedLive(
    "delivers each line once while the server restarts",
    () =>
      Effect.gen(function* () {
        const first = yield* Program.startServer()
        const { port } = first
        const bob = yield* Program.start(["listen", "--port", port, "--login", "bob"])
        yield* WireClient.present(Tcp.address("127.0.0.1", Number(port)), "bob")
        const patience = ["--retry", "20", "--wait-for", "10s"]
        const send = (text: string) => Program.run(["send", "--port", port, ...patience, "bob", text])
        const count = 8
        const restarts = Effect.gen(function* () {
          let server: Program.Program = first
          for (let restart = 0; restart < 2; restart++) {
            yield* Effect.sleep("700 millis")
            yield* server.kill("SIGTERM")
            yield* server.exited
            server = yield* Program.startServer(["--port", port])
          }
        })
        const texts = Array.from({ length: count }, (_, index) => `line ${index + 1}`)
        const [sent] = yield* Effect.all([Effect.forEach(texts, send), restarts], { concurrency: 2 })
        assert.deepStrictEqual(
          sent,
          texts.map(() => quiet)
        )
        yield* bob.says("output", new RegExp(`line ${count}$`, "mu"))
        yield* bob.kill("SIGTERM")
        assert.deepStrictEqual(textsOf((yield* bob.ended).output), texts)
      }),
    120_000
  )

  it.scopedLive("pauses between connections that are closed one after the other", () =>
    Effect.gen(function* () {
      const times: Array<number> = []
      const address = yield* FakeServer.make((socket) => {
        times.push(performance.now())
        socket.setEncoding("utf8").on("data", (text: string) => {
          const hellos = text.match(/^\/hello\b/gmu) ?? []
          socket.write(hellos.map(() => "* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n").join(""))
          const label = /^@\d+/mu.exec(text)?.[0]
          if (label !== undefined) socket.end(`! closing ${label}: x\n* bye reason=shutdown: x\n`)
        })
        socket.on("end", () => socket.end())
      })
      const { status } = yield* Program.run([...at(address), "--login", "alice", "--retry", "4", "bob", "hi"])
      assert.strictEqual(status, 1)
      assert.strictEqual(times.length, 5)
      assert.isAtLeast((times[4] ?? 0) - (times[3] ?? 0), 200)
    })
  )
})

describe.concurrent("a-chat send --wait-for", () => {
  it.scopedLive("waits for a recipient that is absent, and keeps the lines in order", () =>
    Effect.gen(function* () {
      const { port } = yield* withBob()
      const input = { input: numbers(3) }
      const sending = yield* Program.start(["send", "--port", port, "--wait-for", "20s", "bob,carol"], input)
      yield* Effect.sleep("500 millis")
      const carol = yield* Program.start(["listen", "--port", port, "--login", "carol"])
      assert.deepStrictEqual(yield* sending.ended, quiet)
      yield* carol.says("output", /: 3$/mu)
      yield* carol.kill("SIGTERM")
      assert.deepStrictEqual(textsOf((yield* carol.ended).output), ["1", "2", "3"])
    })
  )

  it.scopedLive("returns the lines when the time is over, and waits only once", () =>
    Effect.gen(function* () {
      const { pipe } = yield* withBob()
      const startedAt = performance.now()
      const { errors, status } = yield* pipe(numbers(20), "--wait-for", "300ms", "carol")
      assert.strictEqual(status, 1)
      assert.strictEqual(errors.split("\n").length, 21)
      assert.match(errors, /^a-chat: line 1: carol: offline: /u)
      assert.isAbove(performance.now() - startedAt, 300)
      assert.isBelow(performance.now() - startedAt, 5000)
    })
  )
})
