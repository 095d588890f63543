import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Program from "../support/Program.js"
import * as WireClient from "../support/WireClient.js"

/** The time for a test that starts servers, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

/** A client in the room #ops that sees who else is in it, and a bot there that repeats what it gets. */
const withBot = (args: ReadonlyArray<string>, script = 'read -r text; echo "$ACHAT_FROM in $ACHAT_ROOM: $text"') =>
  Effect.gen(function* () {
    const { port } = yield* Program.startServer()
    const address = Tcp.address("127.0.0.1", Number(port))
    const alice = yield* WireClient.join(address, "alice")
    yield* alice.send("/hello\n/join #ops\n")
    yield* sees(alice, "* room #ops ")
    const bot = yield* Program.start(["exec", "--login", "bot", "--port", port, ...args, "--", "sh", "-c", script])
    const entered = () => alice.lines.find((line) => line.startsWith("* joined #ops bot"))
    if (args.includes("#ops")) yield* alice.until("that the bot is in the room", entered)
    return { address, alice, bot, port }
  })

const sees = (client: WireClient.WireClient, start: string) =>
  client.until(start, () => client.lines.find((line) => line.startsWith(start)))

/** The messages that a client has got until one that ends so. */
const messagesUntil = (client: WireClient.WireClient, end: string) =>
  Effect.map(
    client.until(end, () => (client.lines.some((line) => line.endsWith(end)) ? true : undefined)),
    () => client.lines.filter((line) => line.startsWith("from "))
  )

describe.concurrent("a-chat exec --room", () => {
  it.scopedLive(
    "answers in the room what is addressed to it, and in private what is private",
    () =>
      Effect.gen(function* () {
        const { alice } = yield* withBot(["--room", "#ops"])
        yield* alice.send(
          "#ops: hi all\n#ops: bot is nice\n#ops: bot: one\n#ops: @BOT two\nbot: private\n#ops: bot, last\n"
        )
        const answers = yield* messagesUntil(alice, ": last")
        // What is not stored may overtake what is.
        yield* sees(alice, "from bot: alice in : private")
        assert.deepStrictEqual(
          answers.filter((line) => line.startsWith("from bot #ops")),
          ["one", "two", "last"].map((text) => `from bot #ops: alice in #ops: ${text}`)
        )
      }),
    manyProcesses
  )

  it.scopedLive(
    "with --all handles every line, but none of another program, nor its own",
    () =>
      Effect.gen(function* () {
        const { address, alice, bot, port } = yield* withBot(["--room", "#ops", "--all"])
        const other = yield* WireClient.join(address, "other")
        yield* other.send("/hello auto\n/join #ops\n")
        yield* sees(other, "* room #ops ")
        yield* other.send("#ops: from a program\n#ops: bot: from a program, too\n")
        yield* sees(alice, "from other #ops: bot")
        // What a bot's program sends is marked as well.
        const sent = yield* Program.run(["send", "--port", port, "--auto", "--join", "#ops", "bot: by a script"])
        assert.strictEqual(sent.status, 0)
        yield* alice.send("#ops: anything\n#ops: bot: for you\n")
        const answers = (yield* messagesUntil(alice, ": for you")).filter((line) => line.startsWith("from bot "))
        assert.deepStrictEqual(answers, [
          "from bot #ops: alice in #ops: anything",
          "from bot #ops: alice in #ops: for you"
        ])
        yield* bot.says("errors", /other is a program, too/u)
      }),
    manyProcesses
  )

  it.scopedLive(
    "ignores rooms without the flag",
    () =>
      Effect.gen(function* () {
        const { alice } = yield* withBot([])
        yield* alice.until("the bot", () => alice.lines.find((line) => line.startsWith("* joined bot")))
        yield* alice.send("#ops: bot: one\nbot: two\n")
        assert.deepStrictEqual(yield* messagesUntil(alice, ": two"), ["from bot: alice in : two"])
      }),
    manyProcesses
  )

  it.scopedLive(
    "is in the room again after a restart of the server",
    () =>
      Effect.gen(function* () {
        const first = yield* Program.startServer()
        const { port } = first
        const bot = yield* Program.start(["exec", "--login", "bot", "--port", port, "--room", "#ops", "--", "cat"])
        const address = Tcp.address("127.0.0.1", Number(port))
        const watch = Effect.gen(function* () {
          const alice = yield* WireClient.join(address, "alice")
          yield* alice.send("/hello\n/join #ops\n")
          yield* sees(alice, "* room #ops ")
          for (let tries = 0; ; tries++) {
            yield* alice.send("/members #ops\n")
            if (
              (yield* alice.until("members", () =>
                alice.lines.splice(0).find((line) => line.startsWith("* members "))
              )).includes("bot")
            )
              return alice
            yield* Effect.sleep("50 millis")
          }
        })
        yield* watch
        yield* first.kill("SIGTERM")
        yield* first.exited
        yield* Program.startServer(["--port", port])
        const alice = yield* watch
        yield* alice.send("#ops: bot: again\n")
        assert.deepStrictEqual(yield* messagesUntil(alice, ": again"), ["from bot #ops: again"])
        yield* bot.says("errors", /connected again/u)
      }),
    manyProcesses
  )

  it.scopedLive(
    "ends if it may not enter the room",
    () =>
      Effect.gen(function* () {
        const { port } = yield* Program.startServer(["--rooms", "operator"])
        const { errors, status } = yield* Program.run([
          "exec",
          "--login",
          "bot",
          "--port",
          port,
          "--room",
          "#ops",
          "--",
          "cat"
        ])
        assert.strictEqual(status, 1)
        assert.match(errors, /^a-chat: policy: .*operator.*\n$/u)
        const all = yield* Program.run(["exec", "--login", "bot", "--all", "--", "cat"])
        assert.deepStrictEqual([all.status, all.errors], [2, "a-chat: --all needs --room\n"])
      }),
    manyProcesses
  )
})
