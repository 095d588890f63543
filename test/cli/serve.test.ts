import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { join } from "node:path"
import { settings } from "../../src/cli/commands/serve.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** Expects one line on standard error that says what is wrong, and exit status 2. */
const refuses = (args: ReadonlyArray<string>, said: RegExp, environment: Record<string, string> = {}) =>
  Effect.map(Program.run(args, { environment }), ({ errors, output, status }) => {
    assert.match(errors, /^a-chat: [^\n]*\n$/u)
    assert.match(errors, said)
    assert.strictEqual(output, "")
    assert.strictEqual(status, 2)
  })

/** A plain connection that ends with the scope. */
const dial = (port: string) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      Net.connect({ host: "127.0.0.1", port: Number(port), allowHalfOpen: true }).on("error", () => {})
    ),
    (socket) => Effect.sync(() => socket.destroy())
  )

const receives = (socket: Net.Socket, pattern: RegExp) =>
  Effect.async<void>((resume) => {
    let text = ""
    socket.on("data", (bytes) => {
      text += bytes.toString()
      if (pattern.test(text)) resume(Effect.void)
    })
  })

describe("a-chat", () => {
  it.live("prints its help without arguments", () =>
    Effect.gen(function* () {
      const alone = yield* Program.run([])
      assert.strictEqual(alone.status, 0)
      assert.match(alone.output, /serve .*\n[^]*connect /u)
      assert.deepStrictEqual(yield* Program.run(["--help"]), alone)
    })
  )

  it.live("prints its version", () =>
    Effect.map(Program.run(["--version"]), ({ output, status }) => {
      assert.match(output, /^\d+\.\d+\.\d+\s*$/u)
      assert.strictEqual(status, 0)
    })
  )

  it.live("refuses an unknown command", () => refuses(["bogus"], /'serve', 'connect'/u))
})

describe("a-chat serve --help", () => {
  it.live("lists every flag with its variable, its default and its range, without colours in a pipe", () =>
    Effect.map(Program.run(["serve", "--help"]), ({ output, status }) => {
      assert.strictEqual(status, 0)
      assert.notInclude(output, "\x1b")
      for (const { name } of Object.values(settings)) {
        const variable = `ACHAT_${name.toUpperCase().replaceAll("-", "_")}`
        assert.match(output, new RegExp(`--${name}(?: \\S+)?\\n\\n +[^\\n]+\\(default [^\\n]+; ${variable}\\)\\n`, "u"))
      }
      assert.include(output, "(default 64 KiB; 64 B to 1 MiB; ACHAT_MAX_LINE)")
      assert.include(output, "(default off; off, or 1 to 1,000,000; ACHAT_RATE)")
      assert.include(output, "(default 10 s; 100 ms to 10 m; ACHAT_LOGIN_TIMEOUT)")
    })
  )
})

describe.concurrent("a-chat serve", () => {
  it.live("refuses an unknown flag", () => refuses(["serve", "--bogus"], /--bogus/u))

  it.live("refuses a flag without its value", () => refuses(["serve", "--port"], /--port.*lacks its value/u))

  it.live("refuses a value out of range, and says the range", () =>
    refuses(["serve", "--port", "65536"], /--port: "65536" .*0 to 65535/u)
  )

  it.live("prints its help wherever --help stands", () =>
    Effect.gen(function* () {
      const help = yield* Program.run(["serve", "--help"])
      assert.deepStrictEqual(yield* Program.run(["serve", "--port", "0", "--help"]), help)
    })
  )

  it.scopedLive("logs nothing below --log-level, wherever the flag stands", () =>
    Effect.gen(function* () {
      const server = yield* Program.start(["serve", "--host", "0.0.0.0", "--port", "0", "--log-level", "warning"])
      yield* server.says("errors", /level=WARN/u)
      yield* server.kill("SIGTERM")
      assert.notInclude((yield* server.ended).errors, "level=INFO")
    })
  )

  it.live("refuses an unknown log level", () =>
    refuses(["serve", "--log-level", "bad"], /--log-level: "bad" is not one of all, trace/u)
  )

  it.live("reports a bad value once even with --log-level", () =>
    refuses(["serve", "--log-level", "debug", "--port", "65536"], /--port: "65536"/u)
  )

  it.live("names the variable that has a bad value", () =>
    refuses(["serve"], /ACHAT_MAX_LINE: "many"/u, { ACHAT_MAX_LINE: "many" })
  )

  it.live("says what to do about an address in use", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { port } = yield* Program.startServer()
        yield* refuses(
          ["serve", "--port", port],
          new RegExp(`127\\.0\\.0\\.1:${port}: the address is in use.*--port`, "u")
        )
      })
    )
  )

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it.scopedLive(`delivers what was accepted at ${signal}, and exits with 0`, () =>
      Effect.gen(function* () {
        const server = yield* Program.startServer()
        const socket = yield* dial(server.port)
        socket.write("alice\nalice: one\n/ping\n")
        yield* receives(socket, /from alice: one\n\* pong/u)
        socket.on("end", () => socket.end())
        yield* server.kill(signal)
        const { errors, status } = yield* server.ended
        assert.strictEqual(status, 0)
        assert.match(errors, /message=stopped .*accepted=1/u)
      })
    )
  }

  it.scopedLive("exits with 1 and logs the counts when the grace time cuts lines off", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer(["--grace", "200ms", "--outbox-bytes", "64KiB"])
      const deaf = yield* dial(server.port)
      deaf.write("deaf\n")
      deaf.pause()
      const sender = yield* dial(server.port)
      sender.write("alice\n")
      // More than the kernel's buffers and the queue hold, so that some of it is in flight at the signal.
      const line = `deaf: ${"x".repeat(60_000)}\n`
      let isMoving = true
      const feed = () => {
        isMoving = true
        while (sender.write(line));
      }
      sender.on("drain", feed)
      feed()
      // The server holds the sender once it takes nothing more while it answers another client.
      const witness = yield* WireClient.join(Tcp.address("127.0.0.1", Number(server.port)), "witness")
      for (let quietRounds = 0; quietRounds < 20; quietRounds++) {
        isMoving = false
        yield* witness.barrier
        if (isMoving) quietRounds = 0
      }
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.match(errors, /cutOff=[1-9]/u)
      assert.strictEqual(status, 1)
    })
  )

  for (const [signal, expected] of [["SIGTERM", 143] as const, ["SIGINT", 130] as const]) {
    it.scopedLive(`ends at once at a second signal: ${signal} with ${expected}`, () =>
      Effect.gen(function* () {
        const server = yield* Program.startServer(["--grace", "1m"])
        const socket = yield* dial(server.port)
        // The client never ends its half of the connection, so the drain lasts.
        socket.write("alice\n/ping\n")
        yield* receives(socket, /pong/u)
        yield* server.kill("SIGTERM")
        yield* server.says("errors", /message=draining/u)
        yield* server.kill(signal)
        assert.strictEqual((yield* server.ended).status, expected)
      })
    )
  }

  it.scopedLive("keeps running when the reader of its log is gone", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      server.errors.destroy()
      for (const name of ["alice", "bob"]) {
        // The end of each connection is logged.
        const socket = yield* dial(server.port)
        socket.end(`${name}\n${name}: hi\n`)
        yield* receives(socket, /from/u)
      }
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  it.scopedLive("writes nothing but JSON with --log-format json", () =>
    Effect.gen(function* () {
      const server = yield* Program.start(["serve", "--log-format", "json"], { environment: { ACHAT_PORT: "0" } })
      yield* server.says("errors", /listening/u)
      yield* server.kill("SIGTERM")
      const { errors, output } = yield* server.ended
      assert.strictEqual(output, "")
      for (const line of errors.trimEnd().split("\n")) assert.property(JSON.parse(line), "message")
    })
  )

  it.scopedLive("listens on the Unix socket alone, or on both when both are given", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = join(folder, "s")
      const both = yield* Program.startServer(["--unix", path])
      yield* both.says("errors", /address=unix:/u)
      const { output, status } = yield* Program.run(["connect", "--unix", path], { input: "alice\nalice: hi\n" })
      assert.deepStrictEqual([output, status], ["from alice: hi\n", 0])
      yield* both.kill("SIGTERM")
      yield* both.ended
      const alone = yield* Program.start(["serve", "--unix", path, "--log-format", "logfmt"])
      yield* alone.says("errors", /address=unix:/u)
      yield* alone.kill("SIGTERM")
      assert.notInclude((yield* alone.ended).errors, "127.0.0.1")
    })
  )

  it.scopedLive("lowers --max-connections to what the descriptors allow, with a warning", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer(["--max-connections", "100000"])
      yield* server.kill("SIGTERM")
      const { errors } = yield* server.ended
      const limit = Number(/descriptors=(\d+)/u.exec(errors)?.[1] ?? Infinity)
      if (limit < Infinity) assert.match(errors, /level=WARN .*ulimit -n.* max-connections=\d+/u)
    })
  )
})
