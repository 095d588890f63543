import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Net from "node:net"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Unix from "../../src/transport/Unix.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { noPerl, unansweredPort } from "../support/OtherProcesses.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

const listen = (port: string | number, ...args: ReadonlyArray<string>) =>
  Program.start(["listen", "--port", `${port}`, "--login", "bob", ...args])

/** Bob, who has printed a message from the watcher. */
const listening = Effect.gen(function* () {
  const { joined, port, watcher } = yield* WatchedServer.make()
  const bob = yield* listen(port)
  yield* joined("bob")
  yield* watcher.send("bob: 1\n")
  yield* bob.says("output", /1/u)
  return { bob, watcher }
})

/** A server that answers every login with the same text. */
const saying = (text: string) => FakeServer.make((socket) => socket.once("data", () => socket.write(text)))

describe.concurrent("a-chat listen", () => {
  it.scopedLive("prints messages, and exits with 0 after --count of them", () =>
    Effect.gen(function* () {
      const { joined, port, watcher } = yield* WatchedServer.make()
      const bob = yield* listen(port, "--count", "2")
      yield* joined("bob")
      yield* watcher.send("bob: hi\nbob: grüße: 1\nbob: too many\n")
      const output = "from watcher: hi\nfrom watcher: grüße: 1\n"
      assert.deepStrictEqual(yield* bob.ended, { status: 0, output, errors: "" })
    })
  )

  it.scopedLive("prints objects with --json", () =>
    Effect.gen(function* () {
      const { joined, port, watcher } = yield* WatchedServer.make()
      const before = Date.now()
      const bob = yield* listen(port, "--json", "--count", "1")
      yield* joined("bob")
      yield* watcher.send(`bob: "grüße"\n`)
      const { output, status } = yield* bob.ended
      assert.strictEqual(status, 0)
      const { at, ...message } = JSON.parse(output) as { at: string }
      assert.deepStrictEqual(message, { from: "watcher", text: `"grüße"` })
      assert.isTrue(Date.parse(at) >= before && Date.parse(at) <= Date.now())
    })
  )

  it.scopedLive("prints with --json which messages programs sent, and who else got them", () =>
    Effect.gen(function* () {
      const { joined, port, watcher } = yield* WatchedServer.make()
      const [json, text] = yield* Effect.all([
        listen(port, "--json", "--from", "watcher", "--count", "3"),
        Program.start(["listen", "--port", port, "--login", "carol", "--count", "1"])
      ])
      yield* joined("bob")
      yield* joined("carol")
      yield* watcher.send("bob: 1\n/hello auto\nbob: 2\nbob, watcher, carol: 3\n")
      const messages = (yield* json.ended).output.split("\n").slice(0, -1)
      assert.deepStrictEqual(
        messages.map((line) => {
          const { at: _, ...message } = JSON.parse(line) as { at: string }
          return message
        }),
        [
          { from: "watcher", text: "1" },
          { from: "watcher", text: "2", auto: true },
          { from: "watcher", text: "3", to: ["watcher", "carol"], auto: true }
        ]
      )
      assert.strictEqual((yield* text.ended).output, "from watcher: 3\n")
    })
  )

  it.scopedLive("prints and counts only messages from the senders of --from", () =>
    Effect.gen(function* () {
      const { port } = yield* saying("from a: 1\nfrom b: 2\nfrom c: 3\nfrom a: 4\nfrom c: 5\n")
      const { output, status } = yield* Effect.flatMap(
        listen(port, "--from", "c, a", "--count", "3"),
        (bob) => bob.ended
      )
      assert.strictEqual(output, "from a: 1\nfrom c: 3\nfrom a: 4\n")
      assert.strictEqual(status, 0)
    })
  )

  it.scopedLive("leaves out the server's own lines, and prints refusals on standard error", () =>
    Effect.gen(function* () {
      const { port } = yield* saying("* joined x: has joined\n! slow-down retry=1: too \x1bmany\nfrom a: \x1b[2J\x07\n")
      const { errors, output } = yield* Effect.flatMap(listen(port, "--count", "1"), (bob) => bob.ended)
      assert.strictEqual(output, "from a: \x1b[2J\x07\n")
      assert.strictEqual(errors, "a-chat: slow-down: too \\x1bmany\n")
    })
  )

  it.scopedLive("continues after a line that is too long for any client", () =>
    Effect.gen(function* () {
      const { port } = yield* saying(`from a: ${"x".repeat(2 ** 21)}\nfrom a: 2\n`)
      const { errors, output } = yield* Effect.flatMap(listen(port, "--count", "1"), (bob) => bob.ended)
      assert.strictEqual(output, "from a: 2\n")
      assert.match(errors, /^a-chat: left out a message of more than 2097152 bytes\n$/u)
    })
  )

  it.scopedLive("takes its flags from the environment, and a Unix socket", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const unix = join(folder, "s")
      const { joined, watcher } = yield* WatchedServer.make({ listen: [Tcp.listen("127.0.0.1", 0), Unix.listen(unix)] })
      const environment = {
        ACHAT_UNIX: unix,
        ACHAT_LOGIN: "bob",
        ACHAT_JSON: "true",
        ACHAT_FROM: "watcher",
        ACHAT_COUNT: "1"
      }
      const bob = yield* Program.start(["listen"], { environment })
      yield* joined("bob")
      yield* watcher.send("bob: hi\n")
      const { output, status } = yield* bob.ended
      assert.strictEqual(status, 0)
      assert.include(output, `{"from":"watcher","text":"hi","at":`)
    })
  )

  it.scopedLive("works with the original server", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const bob = yield* listen(original.port, "--count", "1")
      const alice = yield* Program.start(["connect", "--port", `${original.port}`, "--login", "alice"])
      // The original server does not say when it has accepted a login.
      const tick = setInterval(() => alice.input.write("bob: hi\n"), 20)
      yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(tick)))
      assert.deepStrictEqual(yield* bob.ended, { status: 0, output: "from alice: hi\n", errors: "" })
    })
  )

  it.scopedLive("prints exactly --count messages of a flood, in order", () =>
    Effect.gen(function* () {
      const { joined, port } = yield* WatchedServer.ofProgram()
      const count = 150_000
      const bob = yield* listen(port, "--count", `${count}`)
      yield* joined("bob")
      const input = Array.from({ length: count + 50_000 }, (_, i) => `bob: ${i}\n`).join("")
      yield* Effect.forkScoped(Program.run(["connect", "--port", port, "--login", "alice"], { input }))
      const { errors, output, status } = yield* bob.ended
      assert.isTrue(output === Array.from({ length: count }, (_, i) => `from alice: ${i}\n`).join(""))
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )

  it.scopedLive("exits with 0 after --timeout, and with 1 if --count was not reached", () =>
    Effect.gen(function* () {
      const { port } = yield* WatchedServer.make()
      const run = (login: string, ...more: ReadonlyArray<string>) =>
        // Long enough for the login on a busy machine.
        Program.run(["listen", "--port", port, "--login", login, "--timeout", "2s", ...more])
      const runs = [run("bob"), run("carol", "--count", "1")] as const
      const [bob, late] = yield* Effect.all(runs, { concurrency: "unbounded" })
      assert.deepStrictEqual(bob, { status: 0, output: "", errors: "" })
      assert.deepStrictEqual([late.status, late.output], [1, ""])
      assert.strictEqual(late.errors, "a-chat: fewer messages than --count 1 arrived in time\n")
    })
  )

  it.scopedLive("ends quietly when the reader of its output is gone", () =>
    Effect.gen(function* () {
      const { bob, watcher } = yield* listening
      bob.output.destroy()
      yield* watcher.send("bob: 2\n")
      const { errors, status } = yield* bob.ended
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )

  for (const [signal, expected] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    it.scopedLive(`exits with ${expected} at ${signal}, even while the reader of its output is stuck`, () =>
      Effect.gen(function* () {
        const { bob, watcher } = yield* listening
        bob.output.pause()
        yield* watcher.send(`bob: ${"x".repeat(60_000)}\n`.repeat(15))
        yield* watcher.barrier // the server has them
        yield* bob.kill(signal)
        assert.strictEqual(yield* bob.exited, expected)
      })
    )
  }
})

/** Runs the command where it cannot start, and expects its error. */
const fails = (status: number, pattern: RegExp, args: ReadonlyArray<string>) =>
  Effect.map(Program.run(["listen", ...args]), (ended) => {
    assert.match(ended.errors, pattern)
    assert.deepStrictEqual([ended.status, ended.output], [status, ""])
  })

describe.concurrent("a-chat listen, when it cannot start", () => {
  it.live("exits with 2 when no server listens there", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(FakeServer.original)
      yield* fails(2, /^a-chat: cannot connect to [^\n]*\n$/u, ["--port", `${port}`, "--login", "bob"])
    })
  )

  it.scopedLive("exits with 2 when the login is refused", () =>
    Effect.gen(function* () {
      const { port } = yield* WatchedServer.make()
      yield* fails(2, /^a-chat: login-in-use: [^\n]*\n$/u, ["--port", port, "--login", "watcher"])
      yield* fails(2, /^a-chat: bad-login: [^\n]*\n$/u, ["--port", port, "--login", "no name"])
    })
  )

  it.scopedLive.skipIf(noPerl !== undefined)("exits with 2 when there was no connection within --timeout", () =>
    Effect.gen(function* () {
      const port = yield* unansweredPort
      const args = ["--port", `${port}`, "--login", "bob", "--timeout", "200ms"]
      yield* fails(2, /^a-chat: there was no connection within the time of --timeout\n$/u, args)
    })
  )

  it.live("exits with 2 at a bad flag", () =>
    Effect.gen(function* () {
      yield* fails(2, /^a-chat: a login [^\n]*--login, or ACHAT_LOGIN\n$/u, [])
      yield* fails(2, /^a-chat: not a login: "\/x"\n$/u, ["--login", "/x"])
      yield* fails(2, /^a-chat: --count: "0" is out of range[^\n]*\n$/u, ["--login", "bob", "--count", "0"])
      yield* fails(2, /^a-chat: --timeout: "soon" is not a time[^\n]*\n$/u, ["--login", "bob", "--timeout", "soon"])
      yield* fails(2, /^a-chat: --unix [^\n]*\n$/u, ["--login", "bob", "--unix", "/s", "--port", "1"])
    })
  )
})

describe.concurrent("a-chat listen, when the connection is lost", () => {
  it.scopedLive("reports it, reconnects, and reports that", () =>
    Effect.gen(function* () {
      const first = yield* WatchedServer.ofProgram()
      const bob = yield* listen(first.port, "--count", "2")
      yield* first.joined("bob")
      yield* first.watcher.send("bob: 1\n")
      yield* bob.says("output", /1/u)
      yield* first.server.kill("SIGKILL")
      yield* bob.says("errors", /a-chat: the [^\n]*; next try in \d\.\d s\n/u)
      const second = yield* WatchedServer.ofProgram(["--port", first.port])
      yield* bob.says("errors", /a-chat: connected again\n/u)
      yield* second.watcher.send("bob: 2\n")
      const { output, status } = yield* bob.ended
      assert.strictEqual(output, "from watcher: 1\nfrom watcher: 2\n")
      assert.strictEqual(status, 0)
    })
  )

  it.scopedLive("reconnects after the server closed in an orderly way, even while the old login is still in use", () =>
    Effect.gen(function* () {
      const answers: Array<(socket: Net.Socket) => unknown> = [
        (socket) => socket.end("from a: 1\n"),
        (socket) => socket.end("! login-in-use bob fatal: present\n"),
        (socket) => socket.write("* pong: login\nfrom a: 2\n")
      ]
      const { port } = yield* FakeServer.make((socket) => socket.once("data", () => answers.shift()?.(socket)))
      const { errors, output, status } = yield* Effect.flatMap(listen(port, "--count", "2"), (bob) => bob.ended)
      assert.strictEqual(output, "from a: 1\nfrom a: 2\n")
      assert.strictEqual(status, 0)
      assert.match(
        errors,
        /^a-chat: the server closed the connection; next try in .*\na-chat: login-in-use: present; next try in .*\na-chat: connected again\n$/u
      )
    })
  )

  it.scopedLive("exits with 3 with --no-reconnect", () =>
    Effect.gen(function* () {
      const { joined, port, server } = yield* WatchedServer.ofProgram()
      const bob = yield* listen(port, "--no-reconnect")
      yield* joined("bob")
      yield* server.kill("SIGTERM")
      const errors = "a-chat: the server closed the connection\n"
      assert.deepStrictEqual(yield* bob.ended, { status: 3, output: "", errors })
    })
  )
})
