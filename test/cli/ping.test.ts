import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Query from "../../src/client/Query.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"

const ping = (port: string | number, ...args: ReadonlyArray<string>) => ["ping", "--port", `${port}`, ...args]

/** A server that answers a ping with the result of the function, and not at all if that is undefined. */
const answering = (answer: (ping: string) => string | undefined) =>
  FakeServer.make((socket) =>
    socket.setEncoding("utf8").on("data", (text: string) => {
      const [, number = ""] = /^\/ping (.*)\n$/u.exec(text) ?? []
      const said = answer(number)
      if (said !== undefined) socket.write(said)
    })
  )

describe.concurrent("a-chat ping", () => {
  it.scopedLive("prints a line for each answer, and a summary", () =>
    Effect.gen(function* () {
      const { port, watcher } = yield* WatchedServer.make()
      const { errors, output, status } = yield* Program.run(ping(port, "--count", "3", "--interval", "0"))
      const line = (number: number) => `127\\.0\\.0\\.1:${port}: seq=${number} \\d+\\.\\d\\d ms\n`
      const all = "3 sent, 3 answered; min/median/max = \\d+\\.\\d\\d/\\d+\\.\\d\\d/\\d+\\.\\d\\d ms\n"
      assert.match(output, new RegExp(`^${line(1)}${line(2)}${line(3)}${all}$`, "u"))
      assert.deepStrictEqual([status, errors], [0, ""])
      yield* watcher.barrier
      assert.deepStrictEqual(watcher.lines, [], "nobody saw it come")
    })
  )

  it.scopedLive("prints objects with --json", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const { output } = yield* Program.run(ping(port, "--json", "--count", "2", "--interval", "0"))
      const lines = output.trim().split("\n")
      const [one, two, all] = lines.map((line) => JSON.parse(line) as Record<string, number>)
      assert.deepInclude(one, { seq: 1 })
      assert.deepInclude(two, { seq: 2 })
      assert.isNumber(one?.["ms"])
      assert.hasAllKeys(all, ["sent", "answered", "min", "median", "max"])
      assert.deepInclude(all, { sent: 2, answered: 2 })
    })
  )

  it.scopedLive("waits --interval between pings, and sends four by default", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const before = performance.now()
      const { output } = yield* Program.run(ping(port, "--interval", "200ms"))
      assert.match(output, /\n4 sent, 4 answered/u)
      assert.isAtLeast(performance.now() - before, 600)
    })
  )

  it.scopedLive("continues on a new connection when the server closes one without a login", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start({ loginTimeout: Duration.millis(150) })
      const { errors, output, status } = yield* Program.run(ping(port, "--count", "4", "--interval", "200ms"))
      assert.match(output, /\n4 sent, 4 answered/u)
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )

  it.scopedLive("exits with 1 when a ping was not answered, and continues", () =>
    Effect.gen(function* () {
      const { port } = yield* answering((number) => (number === "2" ? undefined : `* pong: ${number}\n`))
      const args = ping(port, "--count", "3", "--interval", "0", "--timeout", "1s")
      const { errors, output, status } = yield* Program.run(args)
      assert.match(output, /seq=2 no answer\n.*seq=3 \d[^]*\n3 sent, 2 answered; min/u)
      assert.deepStrictEqual([status, errors], [1, ""])
    })
  )

  it.scopedLive("exits with 1 and a summary so far when the connection is lost", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      const pinging = yield* Program.start(ping(server.port, "--count", "1000", "--interval", "20ms"))
      yield* pinging.says("output", /seq=2 /u)
      yield* server.kill("SIGKILL")
      const { errors, output, status } = yield* pinging.ended
      assert.match(errors, /^a-chat: the connection was lost[^\n]*\n$/u)
      assert.match(output, /\n\d+ sent, \d+ answered; min/u)
      assert.strictEqual(status, 1)
    })
  )

  it.scopedLive("exits with 2 when no server listens, and when the server has no commands", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(FakeServer.original)
      const nobody = yield* Program.run(ping(port))
      assert.match(nobody.errors, /^a-chat: cannot connect to [^\n]*\n$/u)
      const original = yield* FakeServer.original
      const silent = yield* Program.run(ping(original.port, "--timeout", "100ms"))
      assert.match(silent.errors, /^a-chat: no reply within 100ms; an original a-chat server [^\n]*\n$/u)
      assert.deepStrictEqual([nobody.status, silent.status, nobody.output, silent.output], [2, 2, "", ""])
    })
  )

  it.scopedLive("ends at Ctrl-C with a summary so far, and with 0 if all were answered", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const pinging = yield* Program.start(ping(port, "--count", "1000", "--interval", "20ms"))
      yield* pinging.says("output", /seq=2 /u)
      yield* pinging.kill("SIGINT")
      const { errors, output, status } = yield* pinging.ended
      const [, sent, answered] = /\n(\d+) sent, (\d+) answered; min[^\n]*\n$/u.exec(output) ?? []
      assert.isDefined(sent)
      assert.strictEqual(sent, answered)
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )

  it.scopedLive("ends quietly when the reader of its output is gone", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const pinging = yield* Program.start(ping(port, "--count", "1000", "--interval", "20ms"))
      yield* pinging.says("output", /seq=1 /u)
      pinging.output.destroy()
      const { errors, status } = yield* pinging.ended
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )
})

describe("Query.summary", () => {
  it("has the median: the middle one of an odd number of times, the mean of the middle two of an even number", () => {
    assert.deepStrictEqual(Query.summary(3, [3, 1, 2]).times, { min: 1, median: 2, max: 3 })
    assert.deepStrictEqual(Query.summary(4, [4, 1, 2, 10]).times, { min: 1, median: 3, max: 10 })
    assert.deepStrictEqual(Query.summary(1, [5]), { sent: 1, answered: 1, times: { min: 5, median: 5, max: 5 } })
    assert.deepStrictEqual(Query.summary(2, []), { sent: 2, answered: 0, times: undefined })
  })
})
