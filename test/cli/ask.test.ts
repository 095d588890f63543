import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as WireClient from "../support/WireClient.js"
import { objects } from "../support/SendCommand.js"

const offline = (name: string) => `a-chat: ${name}: offline: no recipient of that name is online\n`

/** A question that bob gets, and who asks it. */
const questionTo = (bob: WireClient.WireClient) =>
  Effect.map(
    bob.until("a question", () => {
      const place = bob.lines.findIndex((line) => line.startsWith("from "))
      return place < 0 ? undefined : bob.lines.splice(place, 1)[0]
    }),
    (line) => {
      const [, from = "", text = ""] = /^from (\S+): (.*)$/u.exec(line) ?? []
      return { from, text }
    }
  )

/** A server with the client bob, who learns the outcome of his labelled lines. `ask` starts the command. */
const withBob = (options: Partial<StandaloneOptions> = {}) =>
  Effect.gen(function* () {
    const chat = yield* WatchedServer.make(options)
    const bob = yield* Effect.orDie(WireClient.greet(chat.address, "bob"))
    const ask = (...args: ReadonlyArray<string>) => Effect.fork(Program.run(["ask", "--port", chat.port, ...args]))
    const question = questionTo(bob)
    /** The next line with this label. */
    const outcome = (label: string) =>
      bob.until(`the outcome of ${label}`, () => bob.lines.find((line) => line.includes(` @${label} `)))
    return { ...chat, bob, ask, question, outcome }
  })

/** A bot, on a server in the test's own process. */
const withBot = (script: string) =>
  Effect.gen(function* () {
    const chat = yield* WatchedServer.make()
    yield* Program.start(["exec", "--port", chat.port, "--login", "bot", "--", "sh", "-c", script])
    yield* chat.joined("bot")
    const ask = (...args: ReadonlyArray<string>) => Program.run(["ask", "--port", chat.port, ...args])
    return { ...chat, ask }
  })

describe.concurrent("a-chat ask", () => {
  it.scopedLive("prints the answer and exits with 0; a bot answers it", () =>
    Effect.gen(function* () {
      const { ask } = yield* withBot('read -r text; echo "you said $text"')
      const expected = { status: 0, output: "you said what is up?\n", errors: "" }
      assert.deepStrictEqual(yield* ask("bot", "what is", "up?", "--timeout", "30s"), expected)
      assert.deepStrictEqual(yield* ask("--timeout=30s", "bot", "what is up?"), expected)
      assert.strictEqual((yield* ask("bot", "--", "--any")).output, "you said --any\n")
    })
  )

  it.scopedLive("marks the question as a program's in the program of a bot, and no other bot answers it", () =>
    Effect.gen(function* () {
      const { ask, port } = yield* withBot("echo yes")
      const main = `"${process.execPath}" "${Program.main}"`
      const program = `read -r text; ${main} ask bot "$text" --timeout 2s; echo "status $?"`
      yield* Program.start(["exec", "--port", port, "--login", "asker", "--", "sh", "-c", program])
      assert.deepStrictEqual(yield* ask("asker", "hi", "--wait-for", "10s", "--timeout", "20s"), {
        status: 0,
        output: "status 4\n",
        errors: ""
      })
      assert.strictEqual((yield* ask("bot", "hi", "--auto", "--timeout", "1s")).status, 4)
    })
  )

  it.scopedLive("takes the question from its input", () =>
    Effect.gen(function* () {
      const { port } = yield* withBot("cat")
      const ask = (input: string) => Program.run(["ask", "--port", port, "bot"], { input })
      for (const input of ["status?", "status?\n", "status?\r\n"]) {
        assert.deepStrictEqual(yield* ask(input), { status: 0, output: "status?\n", errors: "" })
      }
    })
  )

  it.scopedLive("takes as many lines as --lines says", () =>
    Effect.gen(function* () {
      const { ask } = yield* withBot("read -r text; seq 5")
      assert.deepStrictEqual(yield* ask("bot", "count"), { status: 0, output: "1\n", errors: "" })
      assert.deepStrictEqual(yield* ask("bot", "count", "--lines", "3"), { status: 0, output: "1\n2\n3\n", errors: "" })
      const tooFew = yield* ask("bot", "count", "--lines", "6", "--timeout", "5s")
      assert.deepStrictEqual(tooFew, {
        status: 4,
        output: "1\n2\n3\n4\n5\n",
        errors: "a-chat: no complete answer from bot within 5 s\n"
      })
    })
  )

  it.scopedLive("takes an answer of any length with --quiet", () =>
    Effect.gen(function* () {
      const { ask } = yield* withBot("read -r text; seq 3; sleep 0.1; echo 4")
      const all = { status: 0, output: "1\n2\n3\n4\n", errors: "" }
      assert.deepStrictEqual(yield* ask("bot", "count", "--quiet", "3s"), all)
      const two = yield* ask("bot", "count", "--quiet", "30s", "--lines", "2")
      assert.deepStrictEqual(two, { status: 0, output: "1\n2\n", errors: "" })
    })
  )

  it.scopedLive("names the sender of each answer if there are several recipients, and waits for all of them", () =>
    Effect.gen(function* () {
      const { address, ask, bob, question } = yield* withBob()
      const carol = yield* Effect.orDie(WireClient.greet(address, "carol"))
      const asked = yield* ask("bob,carol", "lunch?")
      const { from } = yield* question
      yield* questionTo(carol)
      yield* carol.send(`@1 ${from}: yes\n`)
      yield* carol.until("the outcome", () => carol.lines.find((line) => line.startsWith("* received @1 ")))
      yield* bob.send(`${from}: no\n`)
      assert.deepStrictEqual(yield* Fiber.join(asked), {
        status: 0,
        output: "from carol: yes\nfrom bob: no\n",
        errors: ""
      })
    })
  )

  it.scopedLive("is content with the first answer with --any", () =>
    Effect.gen(function* () {
      const { ask, bob, question } = yield* withBob()
      const asked = yield* ask("nobody,bob,watcher", "lunch?", "--any")
      const { from } = yield* question
      yield* bob.send(`${from}: no\n`)
      assert.deepStrictEqual(yield* Fiber.join(asked), {
        status: 0,
        output: "from bob: no\n",
        errors: offline("nobody")
      })
    })
  )

  it.scopedLive("exits with 1 when the question is returned or refused", () =>
    Effect.gen(function* () {
      const { ask, bob, question } = yield* withBob()
      const run = (...args: ReadonlyArray<string>) => Effect.flatMap(ask(...args), Fiber.join)
      assert.deepStrictEqual(yield* run("nobody", "hi"), { status: 1, output: "", errors: offline("nobody") })
      assert.deepStrictEqual(yield* run("Bob", "hi"), {
        status: 1,
        output: "",
        errors: "a-chat: Bob: offline: no recipient of that name is online; did you mean bob?\n"
      })
      assert.deepStrictEqual(yield* run("bob", "a\x01b"), {
        status: 1,
        output: "",
        errors: "a-chat: bad-line: a control character other than TAB\n"
      })
      assert.strictEqual((yield* run("bob", "x".repeat(70_000))).status, 1)
      const none = yield* run("--any", "nobody,none", "hi")
      assert.deepStrictEqual([none.status, none.output], [1, ""])
      // The others are still waited for.
      const asked = yield* ask("nobody,bob", "hi")
      const { from } = yield* question
      yield* bob.send(`${from}: here\n`)
      assert.deepStrictEqual(yield* Fiber.join(asked), {
        status: 1,
        output: "from bob: here\n",
        errors: offline("nobody")
      })
    })
  )

  it.scopedLive("exits with 4 when the question arrived, and no answer came in time", () =>
    Effect.gen(function* () {
      const { ask, bob, question } = yield* withBob()
      const silent = yield* ask("bob", "hi", "--timeout", "2s")
      yield* question
      assert.deepStrictEqual(yield* Fiber.join(silent), {
        status: 4,
        output: "",
        errors: "a-chat: no answer from bob within 2 s\n"
      })
      const half = yield* ask("bob,watcher", "hi", "--timeout", "2s", "--json")
      yield* bob.send(`${(yield* question).from}: here\n`)
      const { errors, output, status } = yield* Fiber.join(half)
      assert.deepStrictEqual([status, errors], [4, "a-chat: no answer from watcher within 2 s\n"])
      const [answer, missing] = objects(output)
      assert.deepInclude(answer, { from: "bob", text: "here" })
      assert.deepStrictEqual(missing, { to: "watcher", outcome: "unanswered" })
    })
  )

  it.scopedLive("prints answers and outcomes as objects", () =>
    Effect.gen(function* () {
      const { ask, bob, question } = yield* withBob()
      const asked = yield* ask("--json", "bob,nobody,Bob", "hi")
      const { from } = yield* question
      yield* bob.send(`${from}, watcher: grüße: "x"\n`)
      const { errors, output, status } = yield* Fiber.join(asked)
      assert.deepStrictEqual([status, errors], [1, ""])
      const found = objects(output)
      const [answer] = found.filter(({ from }) => from === "bob")
      assert.hasAllKeys(answer, ["from", "text", "at", "to"])
      assert.deepInclude(answer, { text: 'grüße: "x"', to: ["watcher"] })
      assert.sameDeepMembers(
        found.filter(({ to }) => typeof to === "string"),
        [
          { to: "nobody", outcome: "returned", reason: "offline" },
          { to: "Bob", outcome: "returned", reason: "offline", like: "bob" }
        ]
      )
    })
  )

  it.scopedLive("prints on standard error what others say meanwhile", () =>
    Effect.gen(function* () {
      const { ask, bob, question, watcher } = yield* withBob()
      const asked = yield* ask("bob", "hi")
      const { from } = yield* question
      yield* watcher.send(`@1 ${from}: \x1b[2Jnot the answer\n@2 ${from}: not the answer\n`)
      yield* watcher.until("the outcome", () => watcher.lines.find((line) => line.startsWith("* received @2 ")))
      yield* bob.send(`${from}: the answer\n`)
      assert.deepStrictEqual(yield* Fiber.join(asked), {
        status: 0,
        output: "the answer\n",
        errors: "a-chat: from watcher: not the answer\n"
      })
    })
  )

  it.scopedLive("acknowledges the answer once it was printed, and returns what follows", () =>
    Effect.gen(function* () {
      const { ask, bob, outcome, question } = yield* withBob()
      const asked = yield* ask("bob", "hi")
      const { from } = yield* question
      yield* bob.send(`@1 ${from}: one\n@2 ${from}: two\n`)
      assert.deepStrictEqual(yield* Fiber.join(asked), { status: 0, output: "one\n", errors: "" })
      assert.match(yield* outcome("1"), /^\* received @1 /u)
      assert.match(yield* outcome("2"), /^! undelivered @2 \S+ reason=(?:disconnected|offline)/u)
    })
  )

  it.scopedLive("exits with 2 when it cannot print the answer, which returns to its sender", () =>
    Effect.gen(function* () {
      const { bob, outcome, port, question } = yield* withBob()
      for (const [before, status, errors] of [
        ["exec > /dev/full", 2, "a-chat: cannot write the output: ENOSPC: no space left on device, write\n"],
        ["exec > >(exec <&-)", 0, ""]
      ] as const) {
        const through = ["bash", "--norc", "-c", `${before}; sleep 0.2; exec "$0" "$@"`]
        const args = ["ask", "--port", port, "bob", "hi"]
        const asked = yield* Effect.fork(
          Effect.scoped(Effect.flatMap(Program.start(args, { through }), (one) => one.ended))
        )
        yield* bob.send(`@1 ${(yield* question).from}: here\n`)
        const ended = yield* Fiber.join(asked)
        assert.deepStrictEqual([ended.status, ended.errors], [status, errors])
        assert.match(yield* outcome("1"), /^! undelivered @1 \S+ reason=disconnected/u)
        bob.lines.splice(0)
      }
    })
  )

  it.scopedLive("asks under a name of its own, so that a late answer is not taken for that to the next question", () =>
    Effect.gen(function* () {
      const { ask, bob, question } = yield* withBob()
      const first = yield* ask("bob", "one", "--timeout", "2s")
      const { from } = yield* question
      assert.strictEqual((yield* Fiber.join(first)).status, 4)
      const second = yield* ask("bob", "two")
      const other = yield* question
      assert.notStrictEqual(other.from, from)
      assert.match(other.from, /-[\da-z]{1,5}$/u)
      yield* bob.send(`${from}: late\n${other.from}: in time\n`)
      assert.strictEqual((yield* Fiber.join(second)).output, "in time\n")
    })
  )

  it.scopedLive("asks under the given name, or one like that of the environment", () =>
    Effect.gen(function* () {
      const { ask, bob, port, question } = yield* withBob()
      const given = yield* ask("bob", "hi", "--login", "alice")
      assert.strictEqual((yield* question).from, "alice")
      yield* bob.send("alice: here\n")
      assert.strictEqual((yield* Fiber.join(given)).status, 0)
      const taken = yield* Effect.flatMap(ask("bob", "hi", "--login", "watcher"), Fiber.join)
      const inUse = "a-chat: login-in-use: that name, or one that looks the same, is in use\n"
      assert.deepStrictEqual(taken, { status: 2, output: "", errors: inUse })
      const environment = { ACHAT_LOGIN: "watcher", ACHAT_PORT: port }
      const renamed = yield* Effect.fork(Program.run(["ask", "bob", "hi"], { environment }))
      const { from } = yield* question
      assert.match(from, /^watcher-[\da-z]+$/u)
      yield* bob.send(`${from}: here\n`)
      assert.strictEqual((yield* Fiber.join(renamed)).status, 0)
    })
  )

  it.scopedLive("waits for a recipient that is absent with --wait-for", () =>
    Effect.gen(function* () {
      const { address, ask, joined } = yield* withBob()
      const asked = yield* ask("carol", "hi", "--wait-for", "20s", "--login", "alice")
      yield* joined("alice")
      const carol = yield* Effect.orDie(WireClient.connect(address))
      yield* carol.send("carol\n")
      assert.strictEqual((yield* questionTo(carol)).text, "hi")
      yield* carol.send("alice: back\n")
      assert.deepStrictEqual(yield* Fiber.join(asked), { status: 0, output: "back\n", errors: "" })
      const late = yield* Effect.flatMap(ask("dave", "hi", "--wait-for", "20s", "--timeout", "2s"), Fiber.join)
      assert.deepStrictEqual(late, { status: 1, output: "", errors: offline("dave") })
    })
  )

  it.scopedLive("asks through a Unix socket, and a server from a URL", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const path = `${folder}/chat.sock`
      yield* Program.start(["serve", "--unix", path], { input: "" }).pipe(
        Effect.tap((server) => server.says("errors", /listening/u))
      )
      yield* Program.start(["exec", "--unix", path, "--login", "bot", "--", "cat"])
      const args = ["--server", `unix:${path}`, "bot", "hi", "--wait-for", "10s"]
      assert.deepStrictEqual(yield* Program.run(["ask", ...args]), { status: 0, output: "hi\n", errors: "" })
    })
  )
})
