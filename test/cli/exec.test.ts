import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { sh, start } from "../support/ExecProgram.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import * as WireClient from "../support/WireClient.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

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
