import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import * as WireClient from "../support/WireClient.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** A bot on a server. */
const withBot = <Chat extends WatchedServer.WatchedServer>(chat: Chat, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const bot = yield* Program.start(["exec", "--port", chat.port, "--login", "bot", ...args])
    yield* chat.joined("bot")
    // A client that receives only answers.
    const alice = yield* Effect.orDie(WireClient.join(chat.address, "alice"))
    return { ...chat, bot, alice }
  })

/** A bot on a server in the test's own process. */
const start = (args: ReadonlyArray<string>, options: Partial<StandaloneOptions> = {}) =>
  Effect.flatMap(WatchedServer.make(options), (chat) => withBot(chat, args))

/** A bot on a server that can be killed. */
const startOnProgram = (args: ReadonlyArray<string>) =>
  Effect.flatMap(WatchedServer.ofProgram(), (chat) => withBot(chat, args))

const sh = (script: string) => ["--", "sh", "-c", script]

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A program that starts another one and prints the process ids of both. */
const tree = sh(`sleep 1000 & echo $$ $!; wait`)

const pidsIn = (line: string) => line.replace("from bot: ", "").split(" ").map(Number)

const die = (pids: ReadonlyArray<number>) =>
  eventually(() => !pids.some(isAlive), `one of the processes ${pids.join(", ")} is still alive`)

/** A script that answers every line, as one around `nc` would. */
const answering = (chat: WatchedServer.WatchedServer) =>
  Effect.map(Effect.orDie(WireClient.join(chat.address, "script")), (script) => {
    const answered: Array<string> = []
    script.socket.on("data", () => {
      const lines = script.lines.splice(0)
      answered.push(...lines)
      script.socket.write(lines.map(() => "bot: and you?\n").join(""))
    })
    return { answered, script }
  })

describe.concurrent("a-chat exec", () => {
  it.scopedLive("passes each message to a program, and its lines back to the sender, in order", () =>
    Effect.gen(function* () {
      const { alice } = yield* start(sh(`read -r text; echo "$ACHAT_FROM to $ACHAT_LOGIN: $text"; echo ready`))
      yield* alice.send("bot: one\nbot: zwölf: 12\n")
      yield* alice.expect("from bot: alice to bot: one", "from bot: ready")
      yield* alice.expect("from bot: alice to bot: zwölf: 12", "from bot: ready")
    })
  )

  it.scopedLive("passes everything after -- to the program", () =>
    Effect.gen(function* () {
      const args = ["--help", "--login", "x", "--log-level", "debug", "--", "-h", "serve"]
      const { alice } = yield* start(["--log-level", "debug", "--", "printf", "%s\\n", ...args])
      yield* alice.send("bot: hi\n")
      yield* alice.expect(...args.map((arg) => `from bot: ${arg}`))
    })
  )

  it.scopedLive("passes the address of the server to the program, and no settings of its own", () =>
    Effect.gen(function* () {
      const chat = yield* WatchedServer.make()
      const environment = {
        ACHAT_PORT: chat.port,
        ACHAT_UNIX: "/not/this/one",
        ACHAT_LOGIN: "bot",
        ACHAT_TIMEOUT: "off",
        ACHAT_KEY: "/secret",
        OTHER: "stays"
      }
      const script = `echo "$OTHER"; env | grep ^ACHAT_ | sort; cd /; "$0" "$1" send alice inner; echo $?`
      const program = ["--host", "127.0.0.1", "--", "sh", "-c", script, process.execPath, Program.main]
      yield* Program.start(["exec", ...program], { environment })
      yield* chat.joined("bot")
      const alice = yield* Effect.orDie(WireClient.join(chat.address, "alice"))
      yield* alice.send("bot: hi\n")
      const expected = ["AUTO=yes", "FROM=alice", "HOST=127.0.0.1", "LOGIN=bot", `PORT=${chat.port}`]
      const lines = yield* alice.takeLines(expected.length + 3)
      // The inner message has a connection of its own, so its order among the bot's messages is undefined.
      const [inner] = lines.filter((line) => !line.startsWith("from bot: "))
      assert.match(inner ?? "", /^from bot-\S+: inner$/u)
      assert.deepStrictEqual(
        lines.filter((line) => line !== inner),
        ["stays", ...expected.map((pair) => `ACHAT_${pair}`), "0"].map((text) => `from bot: ${text}`)
      )
    })
  )

  it.scopedLive("reports a failed program on standard error, and to each sender once a minute", () =>
    Effect.gen(function* () {
      const { alice, bot, watcher } = yield* start(sh(`read -r text; echo before; eval "$text"`))
      yield* alice.send("bot: exit 3\nbot: kill -9 $$\nbot: exit\n")
      yield* alice.expect("from bot: before", "from bot: the program failed (exit status 3)")
      yield* alice.expect("from bot: before", "from bot: before")
      yield* alice.barrier
      yield* watcher.send("bot: kill -9 $$\n")
      yield* watcher.until("the report", () =>
        watcher.lines.find((line) => line === "from bot: the program failed (ended by SIGKILL)")
      )
      yield* bot.says(
        "errors",
        /^a-chat: alice: the program failed \(exit status 3\)\n(?:a-chat: (?:alice|watcher): the program failed \(ended by SIGKILL\)\n){2}$/u
      )
    })
  )

  it.scopedLive("does not answer another a-chat exec, and says so once", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const chat = yield* WatchedServer.make()
      const exec = (name: string, script: string) =>
        Effect.zipLeft(
          Program.start(["exec", "--port", chat.port, "--login", name, ...sh(`echo >> ${folder}/${name}; ${script}`)]),
          chat.joined(name)
        )
      const runs = (name: string) => readFileSync(join(folder, name), "utf8").length
      // A client with the name of the first bot starts the loop, and leaves its name to that bot.
      const second = yield* exec("second", `while [ ! -e ${folder}/go ]; do sleep 0.02; done; echo one; echo two; cat`)
      const starter = yield* Effect.orDie(WireClient.join(chat.address, "first"))
      yield* chat.joined("first")
      yield* starter.send("second: start\n/quit\n")
      yield* chat.watcher.until("the starter leaves", () =>
        chat.watcher.lines.find((line) => line.startsWith("* left first:"))
      )
      const first = yield* exec("first", "cat")
      writeFileSync(join(folder, "go"), "")
      yield* first.says("errors", /^a-chat: second is a program, too; its messages are not answered\n$/u)
      // Both still answer people.
      for (const name of ["first", "second"]) {
        yield* chat.watcher.send(`${name}: hi from a person\n`)
        yield* chat.watcher.until("an answer", () =>
          chat.watcher.lines.find((line) => line === `from ${name}: hi from a person`)
        )
      }
      assert.deepStrictEqual([runs("first"), runs("second")], [1, 2])
      for (const bot of [first, second]) yield* bot.kill("SIGTERM")
      assert.strictEqual((yield* first.ended).errors.split("\n").length, 2)
      assert.strictEqual((yield* second.ended).errors, "")
    })
  )

  it.scopedLive("does not answer what the program of another a-chat exec sends: three that pass on to each other", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const chat = yield* WatchedServer.make()
      const passOn = `read -r text; echo >> ${folder}/$ACHAT_LOGIN; "$0" "$1" send "$2" "$text"`
      const exec = (name: string, next: string) =>
        Effect.zipLeft(
          Program.start([
            "exec",
            "--port",
            chat.port,
            "--login",
            name,
            ...sh(passOn),
            process.execPath,
            Program.main,
            next
          ]),
          chat.joined(name)
        )
      yield* exec("first", "second")
      const second = yield* exec("second", "third")
      yield* exec("third", "first")
      yield* chat.watcher.send("first: go\n")
      yield* second.says("errors", /^a-chat: first-\S+ is a program, too; its messages are not answered\n$/u)
      assert.deepStrictEqual(readdirSync(folder), ["first"])
    })
  )

  it.scopedLive("soon leaves a script alone that answers each answer", () =>
    Effect.gen(function* () {
      const { alice, bot, ...chat } = yield* start(["--", "cat"])
      const { answered, script } = yield* answering(chat)
      const startedAt = performance.now()
      yield* script.send("bot: hi\n")
      const log = /^a-chat: script: more than 5 messages per second; not answered for 4 s\n$/u
      yield* bot.says("errors", log)
      const seconds = (performance.now() - startedAt) / 1000
      const remark = "from bot: too many messages: the next ones are not answered"
      yield* eventually(() => answered.includes(remark), "the remark did not arrive")
      yield* alice.send("bot: are you there?\n")
      yield* alice.expect("from bot: are you there?")
      assert.isAtLeast(answered.length, 21)
      assert.isAtMost(answered.length, 21 + 5 * seconds)
      assert.strictEqual(answered.at(-1), remark)
      yield* bot.kill("SIGTERM")
      assert.match((yield* bot.ended).errors, log)
    })
  )

  it.scopedLive("reports a failure once to a script that answers the report", () =>
    Effect.gen(function* () {
      const { alice, bot, ...chat } = yield* start(sh(`read -r text; exit 3`))
      const { answered, script } = yield* answering(chat)
      yield* script.send("bot: hi\n")
      yield* bot.says("errors", /^(?:a-chat: script: the program failed \(exit status 3\)\n){2}$/u)
      yield* alice.send("bot: hi\n")
      yield* alice.expect("from bot: the program failed (exit status 3)")
      assert.deepStrictEqual(answered, ["from bot: the program failed (exit status 3)"])
    })
  )

  it.scopedLive("answers four seconds' worth of --rate at once, and with --rate off any number", () =>
    Effect.gen(function* () {
      const messages = Array.from({ length: 100 }, (_, index) => `bot: ${index}\n`)
      const answers = messages.map((message) => `from ${message.trimEnd()}`)
      const limited = yield* start(["--rate", "1", "--", "cat"])
      const began = performance.now()
      yield* limited.alice.send(messages.join(""))
      const first = yield* limited.alice.takeUntil("from bot: too many messages: the next ones are not answered")
      assert.deepStrictEqual(first, answers.slice(0, first.length))
      assert.isAtLeast(first.length, 4)
      // One more for each second that the answers took.
      assert.isAtMost(first.length, 4 + (performance.now() - began) / 1000)
      const unlimited = yield* start(["--rate", "off", "--", "cat"])
      yield* unlimited.alice.send(messages.join(""))
      yield* unlimited.alice.expect(...answers)
    })
  )

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

  it.scopedLive("reports on standard error that an answer was returned", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const script = `echo began; while [ ! -e ${folder}/go ]; do sleep 0.02; done; echo 1; echo 2; exit 3`
      const { alice, bot, watcher } = yield* start(sh(script))
      yield* alice.send("bot: hi\n")
      yield* alice.expect("from bot: began")
      yield* alice.end
      yield* watcher.until("alice leaves", () => watcher.lines.find((line) => line.startsWith("* left alice:")))
      writeFileSync(join(folder, "go"), "")
      // In either order: the program may end before the outcome is known.
      yield* bot.says("errors", /^a-chat: alice has left \(offline\); the rest of the answer is dropped$/mu)
      yield* bot.says("errors", /^a-chat: alice: the program failed \(exit status 3\)$/mu)
      yield* watcher.send("bot: hi\n")
      yield* watcher.until("the next answer", () => watcher.lines.find((line) => line.endsWith("(exit status 3)")))
      yield* bot.says("errors", /\na-chat: watcher: the program failed \(exit status 3\)\n$/u)
    })
  )

  it.scopedLive("sends whatever a program prints", () =>
    Effect.gen(function* () {
      const script = `printf '\\033[31mred\\n\\377\\n\\n'; head -c 70000 /dev/zero | tr '\\0' x; printf '\\nlast'`
      const { alice, bot } = yield* start(sh(script))
      yield* alice.send("bot: hi\n")
      yield* alice.expect("from bot: \\x1b[31mred")
      assert.deepStrictEqual(
        [yield* alice.line, yield* alice.line, yield* alice.line, yield* alice.line],
        ["from bot: \ufffd", "from bot: ", "from bot: (a line of more than 65511 bytes was left out)", "from bot: last"]
      )
      yield* bot.says("errors", /replaced characters that cannot be sent in 2 lines\n[^]*left out 1 line too long/u)
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

  it.scopedLive("loses nothing of a long answer", () =>
    Effect.gen(function* () {
      const { alice } = yield* start(["--", "seq", "20000"])
      yield* alice.send("bot: hi\n")
      yield* alice.until("all lines", () => (alice.lines.length < 20_000 ? undefined : true))
      assert.deepStrictEqual(
        alice.lines,
        Array.from({ length: 20_000 }, (_, i) => `from bot: ${i + 1}`)
      )
    })
  )

  it.scopedLive("answers through the original server", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const bot = ["exec", "--port", `${original.port}`, "--login", "bot", "--", "tr", "a-z", "A-Z"]
      yield* Program.start(bot)
      const alice = yield* Program.start(["connect", "--port", `${original.port}`, "--login", "alice"])
      const tick = setInterval(() => alice.input.write("bot: hi\n"), 50)
      yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(tick)))
      yield* alice.says("output", /from bot: HI\n/u)
    })
  )
})

const fails = (pattern: RegExp, args: ReadonlyArray<string>) =>
  Effect.map(Program.run(["exec", ...args]), ({ errors, output, status }) => {
    assert.match(errors, pattern)
    assert.deepStrictEqual([status, output], [2, ""])
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
