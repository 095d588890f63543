import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as WireClient from "../support/WireClient.js"

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Logs in, and gets an answer to a ping. */
const answers = (port: string, name: string) =>
  Effect.flatMap(WireClient.join(Tcp.address("127.0.0.1", Number(port)), name), (client) => client.barrier)

/** A client named bot that has logged in, and a check that it still works. */
const client = (args: (port: string) => ReadonlyArray<string>, check: Check) =>
  Effect.gen(function* () {
    const { joined, port, watcher } = yield* WatchedServer.make()
    const program = yield* Program.start(args(port))
    yield* joined("bot")
    return { program, works: Effect.zipRight(watcher.send("bot: still there?\n"), check(program, watcher)) }
  })

type Check = (program: Program.Program, watcher: WireClient.WireClient) => Effect.Effect<unknown>

const listen = client(
  (port) => ["listen", "--port", port, "--login", "bot"],
  (program) => program.says("output", /still there\?/u)
)

const exec = client(
  (port) => ["exec", "--port", port, "--login", "bot", "--", "cat"],
  (_, watcher) => watcher.until("an answer", () => watcher.lines.find((line) => line === "from bot: still there?"))
)

const clients = [["listen", listen] as const, ["exec", exec] as const]

describe.concurrent("SIGUSR1 and SIGUSR2", () => {
  it.scopedLive("have no effect on a server but one warning each", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
        yield* server.kill(signal)
        yield* server.says(
          "errors",
          new RegExp(`level=WARN fiber=#\\d+ message="the signal has no effect" signal=${signal}\n`, "u")
        )
        yield* server.kill(signal)
      }
      yield* answers(server.port, "alice")
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      assert.strictEqual(status, 0)
      assert.lengthOf(errors.match(/has no effect/gu) ?? [], 2)
      assert.notMatch(errors, /debugger/iu)
    })
  )

  for (const [name, start] of clients) {
    it.scopedLive(`have no effect on ${name}`, () =>
      Effect.gen(function* () {
        const { program, works } = yield* start
        for (const signal of ["SIGUSR1", "SIGUSR2"] as const) {
          yield* program.kill(signal)
          yield* program.says("errors", new RegExp(`a-chat: ${signal} has no effect\n`, "u"))
        }
        yield* works
        yield* program.kill("SIGTERM")
        const { errors, status } = yield* program.ended
        assert.strictEqual(status, 143)
        assert.notMatch(errors, /debugger/iu)
      })
    )
  }
})

describe.concurrent("SIGHUP without a terminal, as under nohup", () => {
  it.scopedLive("does not end a server, which warns that there is nothing to reload", () =>
    Effect.gen(function* () {
      const server = yield* Program.startServer()
      yield* server.kill("SIGHUP")
      yield* server.says("errors", /level=WARN fiber=#\d+ message="the signal has no effect without .*" signal=SIGHUP/u)
      yield* answers(server.port, "alice")
      yield* server.kill("SIGTERM")
      assert.strictEqual((yield* server.ended).status, 0)
    })
  )

  for (const [name, start] of clients) {
    it.scopedLive(`does not end ${name}`, () =>
      Effect.gen(function* () {
        const { program, works } = yield* start
        yield* program.kill("SIGHUP")
        yield* works
        yield* program.kill("SIGTERM")
        assert.strictEqual((yield* program.ended).status, 143)
      })
    )
  }
})

/** A server in a terminal, and a client of it. */
const serverAtTerminal = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const pty = yield* Pty.start(["serve", "--port", "0", "--log-format", "logfmt", ...args])
    const listening = /message=listening address=\S+:(\d+)/u
    yield* pty.sees(listening)
    const port = listening.exec(pty.written())?.[1] ?? ""
    const alice = yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "alice")
    yield* alice.barrier
    return { pty, alice, port }
  })

/** Sends SIGHUP; false once there is no such process. */
const hangsUp = (pid: number) =>
  Effect.sync(() => {
    try {
      return process.kill(pid, "SIGHUP")
    } catch {
      return false
    }
  })

describe.skipIf(Pty.missing !== undefined)("SIGHUP at a terminal", { concurrent: true }, () => {
  it.scopedLive("stops a server in order, although it arrives again and again until the end", () =>
    Effect.gen(function* () {
      const store = join(yield* temporaryFolder, "chat.db")
      const { alice, pty } = yield* serverAtTerminal("--store", store)
      yield* alice.send("alice: one\n")
      yield* pty.kill("SIGHUP")
      yield* pty.sees(/message=draining/u)
      yield* Effect.iterate(true, {
        while: (isSent) => isSent,
        body: () => Effect.delay(hangsUp(pty.pid), "1 millis")
      })
      yield* alice.expect("from alice: one")
      assert.strictEqual((yield* pty.ended).status, "0")
    })
  )

  it.scopedLive("stops a server when the terminal is closed, with a settings file as well", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "chat.toml")
      writeFileSync(path, "rate = 100\n")
      for (const args of [[], ["--config", path]]) {
        const { alice, pty } = yield* serverAtTerminal(...args)
        yield* alice.send("alice: one\n")
        yield* pty.closes
        yield* alice.expect("from alice: one")
        assert.strictEqual(yield* alice.closed, "end")
        yield* eventually(() => !isRunning(pty.pid), "the server still runs")
      }
    })
  )

  it.scopedLive("reloads a settings file while the terminal is open", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "chat.toml")
      writeFileSync(path, "rate = 100\n")
      const { alice, pty } = yield* serverAtTerminal("--config", path)
      writeFileSync(path, "rate = 200\n")
      yield* pty.kill("SIGHUP")
      yield* pty.sees(/message="settings read again" .*changed=rate/u)
      yield* alice.barrier
    })
  )

  it.scopedLive("ends exec and the programs that it runs", () =>
    Effect.gen(function* () {
      const { joined, port, watcher } = yield* WatchedServer.make()
      const program = ["--", "sh", "-c", "echo $$; exec sleep 1000"]
      const bot = yield* Pty.start(["exec", "--port", port, "--login", "bot", ...program])
      yield* joined("bot")
      yield* watcher.send("bot: hi\n")
      const pid = Number((yield* watcher.line).replace("from bot: ", ""))
      assert.isTrue(isRunning(pid))
      yield* bot.kill("SIGHUP")
      assert.strictEqual((yield* bot.ended).status, "143")
      yield* eventually(() => !isRunning(pid), "the program continues")
    })
  )

  it.scopedLive("does not end a server that nohup started, even when the terminal is closed", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const log = join(folder, "log")
      writeFileSync(log, "")
      const serve = `nohup ${process.execPath} ${Program.main} serve --port 0 --log-format logfmt`
      const command = `cd ${folder}; sh -c 'echo $$ > pid; exec ${serve} > log 2>&1'; :`
      const terminal = spawn("script", ["-qefc", command, "/dev/null"], { stdio: ["pipe", "ignore", "ignore"] })
      yield* Effect.addFinalizer(() => Effect.sync(() => terminal.kill("SIGKILL")))
      const found = (pattern: RegExp) => pattern.exec(readFileSync(log, "utf8"))?.[1]
      yield* eventually(() => found(/(listening)/u) !== undefined, "the server does not start")
      const pid = Number(readFileSync(join(folder, "pid"), "utf8"))
      yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(pid, "SIGKILL")))
      yield* Effect.sync(() => terminal.kill("SIGKILL"))
      yield* eventually(() => found(/(SIGHUP)/u) !== undefined, "the terminal was not closed")
      const port = found(/message=listening address=\S+:(\d+)/u) ?? ""
      yield* answers(port, "alice")
    })
  )
})
