import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sh, start, withBot } from "../support/ExecProgram.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** A bot on a server that can be killed. */
const startOnProgram = (args: ReadonlyArray<string>) =>
  Effect.flatMap(WatchedServer.ofProgram(), (chat) => withBot(chat, args))

/** A program that starts another one and prints the process ids of both. */
const tree = sh(`sleep 1000 & echo $$ $!; wait`)

const pidsIn = (line: string) => line.replace("from bot: ", "").split(" ").map(Number)

const die = (pids: ReadonlyArray<number>) =>
  eventually(() => !pids.some(isAlive), `one of the processes ${pids.join(", ")} is still alive`)

const fails = (pattern: RegExp, args: ReadonlyArray<string>) =>
  Effect.map(Program.run(["exec", ...args]), ({ errors, output, status }) => {
    assert.match(errors, pattern)
    assert.deepStrictEqual([status, output], [2, ""])
  })

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.concurrent("a-chat exec", () => {
  it.scopedLive("waits for a program that is being replaced", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const program = join(folder, "bot")
      const install = () => writeFileSync(program, "#!/bin/sh\necho hi\n", { mode: 0o755 })
      install()
      const { alice, bot } = yield* start(["--", program])
      rmSync(program)
      yield* alice.send("/hello\n@1 bot: 1\n@2 bot: 2\n")
      yield* bot.says("errors", /^a-chat: alice: the program cannot be started: .*ENOENT; trying again\n$/u)
      assert.notInclude(alice.lines.join("\n"), "* received")
      install()
      yield* alice.until("both answers", () => alice.lines.filter((line) => line === "from bot: hi")[1])
      const received = () => alice.lines.filter((line) => line.startsWith("* received @"))
      yield* alice.until("both acknowledgements", () => received()[1])
    })
  )

  it.scopedLive("ends when its program can no longer be started, and returns the message", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const program = join(folder, "bot")
      writeFileSync(program, "#!/bin/sh\necho hi\n", { mode: 0o755 })
      const { alice, bot } = yield* start(["--", program])
      yield* alice.send("bot: 1\n")
      yield* alice.expect("from bot: hi")
      rmSync(program)
      yield* alice.send("bot: 2\n")
      yield* alice.until("the return", () =>
        alice.lines.find((line) => line.startsWith("! undelivered bot reason=disconnected"))
      )
      assert.strictEqual(yield* bot.exited, 2)
      yield* bot.says("errors", /a-chat: the program cannot be started: .*ENOENT\n$/u)
    })
  )

  it.scopedLive("runs exactly --concurrency programs at once", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      // Each program reports its start and waits for permission to end.
      const script = `read -r text; echo "began $text"; while [ ! -e ${folder}/go ]; do sleep 0.02; done; echo ended`
      const { alice } = yield* start(["--concurrency", "3", ...sh(script)])
      yield* alice.send("bot: 1\nbot: 2\nbot: 3\nbot: 4\nbot: 5\n")
      const began = yield* Effect.all([alice.line, alice.line, alice.line])
      assert.sameMembers(began, ["from bot: began 1", "from bot: began 2", "from bot: began 3"])
      yield* alice.barrier
      assert.deepStrictEqual(alice.lines, [], "the others wait")
      writeFileSync(join(folder, "go"), "")
      const rest = yield* Effect.all(Array.from({ length: 7 }, () => alice.line))
      assert.strictEqual(rest.filter((line) => line === "from bot: ended").length, 5)
    })
  )

  it.scopedLive("holds the senders while the program is slow", () =>
    Effect.gen(function* () {
      // The sender is held, not refused: `busy` would come after the end of this test.
      const { alice, watcher } = yield* start(sh("read -r text; echo began; exec sleep 1000"), {
        holdTimeout: Duration.minutes(1),
        stallTimeout: Duration.minutes(1),
        outboxLines: 16,
        outboxBytes: 1024
      })
      yield* alice.send("bot: first\n")
      yield* alice.expect("from bot: began")
      const text = `bot: ${"x".repeat(60_000)}\n`
      yield* watcher.send(text.repeat(500))
      let untaken = -1
      for (let quiet = 0; quiet < 20; quiet++) {
        yield* alice.barrier
        if (watcher.untaken !== untaken) quiet = 0
        untaken = watcher.untaken
      }
      assert.isAbove(untaken, 0)
    })
  )

  it.scopedLive("ends the whole process group of a program that exceeds --timeout", () =>
    Effect.gen(function* () {
      const { alice } = yield* start(["--timeout", "1s", ...tree])
      yield* alice.send("bot: hi\n")
      const pids = pidsIn(yield* alice.line)
      yield* alice.expect("from bot: the program failed (it did not end within 1s)")
      yield* die(pids)
    })
  )

  it.scopedLive("ends processes that a program leaves behind, even if they hold its output open", () =>
    Effect.gen(function* () {
      const { alice } = yield* start(sh("sleep 1000 & echo $$ $!"))
      yield* alice.send("bot: hi\n")
      const pids = pidsIn(yield* alice.line)
      yield* die(pids)
      yield* alice.send("bot: next\n")
      yield* die(pidsIn(yield* alice.line))
    })
  )

  it.scopedLive("does not wait for a process outside the group that holds the output of a program open", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      // It leaves the group before the program ends.
      const script = `
        rm -f ${folder}/pid
        setsid sh -c 'echo $$ > ${folder}/new; mv ${folder}/new ${folder}/pid; exec sleep 1000' &
        while [ ! -e ${folder}/pid ]; do sleep 0.02; done
        cat ${folder}/pid
        read -r status; exit $status`
      const { alice, bot } = yield* start(sh(script))
      yield* alice.send("bot: 0\nbot: 4\n")
      for (const rest of [[], ["from bot: the program failed (exit status 4)"]]) {
        const [stranger = 0] = pidsIn(yield* alice.line)
        yield* Effect.addFinalizer(() => Effect.sync(() => process.kill(stranger)))
        yield* alice.expect(...rest)
      }
      yield* bot.says("errors", /^a-chat: alice: the program failed \(exit status 4\)\n$/u)
    })
  )

  const endings = [["SIGINT", 130] as const, ["SIGTERM", 143] as const, ["SIGQUIT", 131] as const]
  for (const [signal, expected] of endings) {
    it.scopedLive(`ends the programs and itself at ${signal}`, () =>
      Effect.gen(function* () {
        const { alice, bot } = yield* start(tree)
        yield* alice.send("bot: hi\n")
        const pids = pidsIn(yield* alice.line)
        yield* bot.kill(signal)
        assert.deepStrictEqual(yield* bot.ended, { status: expected, output: "", errors: "" })
        yield* die(pids)
      })
    )
  }

  it.scopedLive("kills programs that ignore SIGTERM at the second signal", () =>
    Effect.gen(function* () {
      const { alice, bot } = yield* start(sh(`trap "" TERM; sleep 1000 & echo $$ $!; wait; wait`))
      yield* alice.send("bot: hi\n")
      const pids = pidsIn(yield* alice.line)
      // Two distinct signals: one that is already pending would not be delivered twice.
      yield* bot.kill("SIGINT")
      yield* bot.kill("SIGTERM")
      assert.include([130, 143], (yield* bot.ended).status)
      yield* die(pids)
    })
  )

  it.scopedLive("ends the programs when the connection is lost, reports unanswered messages, and reconnects", () =>
    Effect.gen(function* () {
      const first = yield* startOnProgram(tree)
      yield* first.alice.send("bot: 1\nbot: 2\nbot: 3\n")
      const pids = pidsIn(yield* first.alice.line)
      yield* first.alice.barrier
      yield* first.server.kill("SIGKILL")
      yield* die(pids)
      yield* first.bot.says("errors", /unanswered messages: 3\na-chat: the [^\n]*; next try in \d\.\d s\n/u)
      const second = yield* WatchedServer.ofProgram(["--port", first.port])
      yield* first.bot.says("errors", /connected again\n/u)
      yield* second.watcher.send("bot: again\n")
      const line = yield* second.watcher.until("an answer", () =>
        second.watcher.lines.find((line) => line.startsWith("from bot: "))
      )
      yield* first.bot.kill("SIGTERM")
      yield* die(pidsIn(line))
    })
  )

  it.scopedLive("exits with 3 when the connection is lost with --no-reconnect", () =>
    Effect.gen(function* () {
      const { bot, server } = yield* startOnProgram(["--no-reconnect", "--", "cat"])
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* bot.ended
      assert.strictEqual(errors, "a-chat: the server closed the connection\n")
      assert.strictEqual(status, 3)
    })
  )

  it.scopedLive("drops the output of an endless program for a sender that has left, until its time is over", () =>
    Effect.gen(function* () {
      const script = `read -r text; echo $$; [ "$text" = hi ] || exec yes`
      const { alice, bot, watcher } = yield* start(["--timeout", "2s", ...sh(script)])
      yield* alice.send("bot: for ever\n")
      const pids = pidsIn(yield* alice.line)
      yield* alice.reset
      yield* die(pids)
      yield* bot.says("errors", /^a-chat: alice has left \((?:offline|disconnected)\)[^\n]*\n[^\n]*did not end/u)
      yield* watcher.send("bot: hi\n")
      yield* watcher.until("an answer", () => watcher.lines.find((line) => /^from bot: \d+$/u.test(line)))
    })
  )

  it.scopedLive("ends an endless output when the time of the program is over", () =>
    Effect.gen(function* () {
      const { alice } = yield* start(["--timeout", "500ms", "--", "yes"])
      yield* alice.send("bot: hi\n")
      yield* alice.until("the end", () =>
        alice.lines.find((line) => line === "from bot: the program failed (it did not end within 500ms)")
      )
    })
  )
})

describe.concurrent("a-chat exec, when it cannot start", () => {
  it.scopedLive("exits with 2", () =>
    Effect.gen(function* () {
      yield* fails(/^a-chat: a login is required[^\n]*\n$/u, ["--", "cat"])
      yield* fails(/^a-chat: a program is required[^\n]*\n$/u, ["--login", "bot"])
      yield* fails(/^a-chat: no-such-program: there is no such program[^\n]*\n$/u, [
        "--login",
        "bot",
        "--",
        "no-such-program"
      ])
      yield* fails(/^a-chat: \/etc\/passwd: there is no such program[^\n]*\n$/u, [
        "--login",
        "bot",
        "--",
        "/etc/passwd"
      ])
      yield* fails(/^a-chat: --concurrency: "0" is out of range[^\n]*\n$/u, [
        "--login",
        "b",
        "--concurrency",
        "0",
        "--",
        "cat"
      ])
      const { port } = yield* Effect.scoped(FakeServer.original)
      yield* fails(/^a-chat: cannot connect to[^\n]*\n$/u, ["--port", `${port}`, "--login", "bot", "--", "cat"])
      const chat = yield* WatchedServer.make()
      yield* fails(/^a-chat: login-in-use: [^\n]*\n$/u, ["--port", chat.port, "--login", "watcher", "--", "cat"])
    })
  )
})
