import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { chatWithBobStuck, noPerl } from "../support/OtherProcesses.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"

const to = (address: Tcp.TcpAddress) => ["connect", "--port", `${address.port}`]

describe.concurrent("a-chat connect, with an original a-chat server", () => {
  it.scopedLive("logs in with the first line, sends the rest, prints what arrives, and exits with 0", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const input = "alice\nalice: hi\nnobody: hi\nalice: grüße, without an end of line"
      assert.deepStrictEqual(yield* Program.run(to(original), { input }), {
        status: 0,
        output: "from alice: hi\nfrom alice: grüße, without an end of line\n",
        errors: ""
      })
    })
  )

  it.scopedLive("logs in with --login, or with ACHAT_LOGIN", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const flag = yield* Program.run([...to(original), "--login", "alice"], { input: "alice: hi\n" })
      assert.strictEqual(flag.output, "from alice: hi\n")
      const environment = { ACHAT_LOGIN: "bob", ACHAT_PORT: `${original.port}` }
      const variable = yield* Program.run(["connect"], { environment, input: "bob: hi\n" })
      assert.strictEqual(variable.output, "from bob: hi\n")
    })
  )

  it.scopedLive("prints what arrives while its input is still open", () =>
    Effect.gen(function* () {
      const client = yield* Program.start(to(yield* FakeServer.original))
      client.input.write("alice\nalice: one\n")
      yield* client.says("output", /from alice: one\n/u)
      client.input.end("alice: two\n")
      assert.strictEqual((yield* client.ended).output, "from alice: one\nfrom alice: two\n")
    })
  )

  it.scopedLive("ends quietly when the reader of its output is gone", () =>
    Effect.gen(function* () {
      const client = yield* Program.start(to(yield* FakeServer.original))
      client.input.write("alice\nalice: one\n")
      yield* client.says("output", /one/u)
      client.output.destroy()
      client.input.write("alice: two\n")
      const { errors, status } = yield* client.ended
      assert.deepStrictEqual([status, errors], [0, ""])
    })
  )
})

describe.concurrent("a-chat connect, with a-chat serve", () => {
  it.scopedLive("passes a hundred thousand lines on, in order", () =>
    Effect.gen(function* () {
      const { port } = yield* Program.startServer()
      const numbers = Array.from({ length: 100_000 }, (_, i) => `${i}\n`)
      const input = numbers.map((number) => `alice: ${number}`).join("")
      const { output, status } = yield* Program.run(["connect", "--port", port, "--login", "alice"], { input })
      assert.isTrue(output === numbers.map((number) => `from alice: ${number}`).join(""))
      assert.strictEqual(status, 0)
    })
  )

  it.scopedLive("exits with 1 when the server refused something, and prints it on standard error", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const input = "alice\nalice: hi\nbob: hi\n/who\n"
      const { errors, output, status } = yield* Program.run(["connect", "--port", port], { input })
      assert.strictEqual(output, "from alice: hi\n* who 1: alice\n")
      assert.match(errors, /^! undelivered bob reason=offline: [^\n]*\n$/u)
      assert.strictEqual(status, 1)
    })
  )

  it.scopedLive("exits with 1 when the login is in use, though its input is open", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const first = yield* Program.start(["connect", "--port", port, "--login", "alice"])
      first.input.write("alice: here\n")
      yield* first.says("output", /here/u)
      const second = yield* Program.start(["connect", "--port", port, "--login", "alice"])
      const { errors, status } = yield* second.ended
      assert.match(errors, /^! login-in-use alice fatal: [^\n]*\n$/u)
      assert.strictEqual(status, 1)
    })
  )

  it.scopedLive("exits with 0 after /quit, though its input is open", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const client = yield* Program.start(["connect", "--port", port])
      client.input.write("alice\n/quit\n")
      assert.strictEqual((yield* client.ended).status, 0)
    })
  )

  it.scopedLive("reports that the server closed the connection, and exits with 3", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      const client = yield* Program.start(["connect", "--port", server.port])
      client.input.write("alice\nalice: here\n")
      yield* client.says("output", /here/u)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* client.ended
      assert.strictEqual(errors, "a-chat: the server closed the connection\n")
      assert.strictEqual(status, 3)
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  // The kernel closes the connections of a killed server in an orderly way, since nothing is unread.
  it.scopedLive.skipIf(noPerl !== undefined)(
    "exits with 3 when the server is killed before it has delivered a message",
    () =>
      Effect.gen(function* () {
        const { server, watcher } = yield* chatWithBobStuck
        const input = "alice\nbob, carol: important\n"
        const client = yield* Program.start(["connect", "--port", server.port], { input })
        // The server has taken `/quit`, so nothing is unread.
        const hasLeft = () => watcher.lines.find((line) => line.startsWith("* left alice:"))
        yield* watcher.until("alice leaves", hasLeft)
        yield* server.kill("SIGKILL")
        assert.deepStrictEqual(yield* client.ended, {
          status: 3,
          output: "",
          errors: "a-chat: the server closed the connection without confirming that it took every line\n"
        })
      })
  )
})

describe.concurrent("a-chat connect", () => {
  it.scopedLive("reports that the connection broke, and exits with 3", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) => socket.once("data", () => socket.resetAndDestroy()))
      const client = yield* Program.start([...to(address), "--login", "alice"])
      const { errors, status } = yield* client.ended
      assert.strictEqual(errors, "a-chat: the connection was lost (ECONNRESET)\n")
      assert.strictEqual(status, 3)
    })
  )

  it.live("says what to do when no server listens there, and exits with 2", () =>
    Effect.gen(function* () {
      const address = yield* Effect.scoped(FakeServer.original)
      const { errors, status } = yield* Program.run(to(address))
      assert.match(errors, /^a-chat: cannot connect to 127\.0\.0\.1:\d+: no server is listening there;[^\n]*\n$/u)
      assert.strictEqual(status, 2)
    })
  )

  it.live("refuses a login of two lines, and two addresses to connect to", () =>
    Effect.gen(function* () {
      const login = yield* Program.run(["connect", "--login", "a\nb: hi"])
      // What follows a colon may be a secret.
      assert.match(login.errors, /^a-chat: not a login: "a\\nb"\n$/u)
      const places = yield* Program.run(["connect", "--unix", "/s", "--port", "1"])
      assert.match(places.errors, /^a-chat: --unix [^\n]*\n$/u)
      assert.deepStrictEqual([login.status, places.status], [2, 2])
    })
  )

  for (const [signal, expected] of [["SIGINT", 130] as const, ["SIGTERM", 143] as const]) {
    it.scopedLive(`exits with ${expected} at ${signal}`, () =>
      Effect.gen(function* () {
        const client = yield* Program.start(to(yield* FakeServer.original))
        client.input.write("alice\nalice: here\n")
        yield* client.says("output", /here/u)
        yield* client.kill(signal)
        assert.strictEqual((yield* client.ended).status, expected)
      })
    )
  }
})

it.scopedLive("a-chat connect in a pipe shows the replies of a room, and no notices", () =>
  Effect.gen(function* () {
    const { port } = yield* Program.startServer()
    const input = "/join #ops\n#ops: hi\n/history #ops\n/leave #ops\n"
    const { errors, output, status } = yield* Program.run(["connect", "--login", "alice", "--port", port], { input })
    assert.deepStrictEqual([status, errors], [0, ""])
    const shown = output
      .replace(/ at=\d+/u, "")
      .trim()
      .split("\n")
    assert.deepStrictEqual(
      shown.map((line) => line.split(":")[0]),
      [
        "* room #ops members=1 last=0",
        "* past #ops alice guest=yes seq=1",
        "* end history #ops first=1 last=1",
        "* left #ops alice"
      ]
    )
  })
)
