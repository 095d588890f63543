import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { readFileSync } from "node:fs"
import type { StandaloneOptions } from "../../src/chat/Server.js"
import type * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as WireClient from "../support/WireClient.js"
import { objects } from "../support/SendCommand.js"

const at = ({ port }: Tcp.TcpAddress) => ["ask", "--port", `${port}`]

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

/** A server that greets, and gives each labelled line to `answer`, as its label. */
const answering = (answer: (label: string) => ReadonlyArray<string> | "end" | "reset") =>
  FakeServer.answering(
    FakeServer.greeting((line) => {
      const label = /^(@\S+) /u.exec(line)?.[1]
      return label === undefined ? [] : answer(label)
    })
  )

/** Interrupts the command after the server's answer to the question. */
const interrupted = (answer: (label: string) => ReadonlyArray<string>, signal: NodeJS.Signals = "SIGINT") =>
  Effect.gen(function* () {
    const came = yield* Deferred.make<void>()
    const server = yield* answering((label) => {
      Deferred.unsafeDone(came, Exit.void)
      return answer(label)
    })
    const asking = yield* Program.start([...at(server), "bob", "hi"])
    yield* Deferred.await(came)
    yield* Effect.sleep("300 millis") // so that what the server has sent is read
    yield* asking.kill(signal)
    return yield* asking.ended
  })

describe.concurrent("a-chat ask", () => {
  it.scopedLive("prints the answer and exits with 0; a bot answers it", () =>
    Effect.gen(function* () {
      const { ask } = yield* withBot('read -r text; echo "you said $text"')
      const expected = { status: 0, output: "you said what is up?\n", errors: "" }
      assert.deepStrictEqual(yield* ask("bot", "what is", "up?", "--timeout", "5s"), expected)
      assert.deepStrictEqual(yield* ask("--timeout=5s", "bot", "what is up?"), expected)
      assert.strictEqual((yield* ask("bot", "--", "--any")).output, "you said --any\n")
    })
  )

  it.scopedLive("marks the question as a program's in the program of a bot, and no other bot answers it", () =>
    Effect.gen(function* () {
      const { ask, port } = yield* withBot("echo yes")
      const program = `read -r text; "${process.execPath}" "${Program.main}" ask bot "$text" --timeout 2s; echo "status $?"`
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
      const tooFew = yield* ask("bot", "count", "--lines", "6", "--timeout", "2s")
      assert.deepStrictEqual(tooFew, {
        status: 4,
        output: "1\n2\n3\n4\n5\n",
        errors: "a-chat: no complete answer from bot within 2 s\n"
      })
    })
  )

  it.scopedLive("takes an answer of any length with --quiet", () =>
    Effect.gen(function* () {
      const { ask } = yield* withBot("read -r text; seq 3; sleep 0.1; echo 4")
      const all = { status: 0, output: "1\n2\n3\n4\n", errors: "" }
      assert.deepStrictEqual(yield* ask("bot", "count", "--quiet", "1s"), all)
      const two = yield* ask("bot", "count", "--quiet", "10s", "--lines", "2")
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

describe.concurrent("a-chat ask, when something goes wrong", () => {
  it.scopedLive("takes an answer for the proof that the question arrived, whatever its outcome", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<(label: string) => ReadonlyArray<string>> = [
        () => ["from bob: here"],
        (label) => ["from bob: here", `* written ${label} bob: x`],
        (label) => ["from bob: here", `! undelivered ${label} bob reason=disconnected: x`],
        (label) => [`* received ${label} bob: x`, "from bob: here"],
        (label) => [`* stored ${label} bob: x`, "from bob: here"]
      ]
      for (const answer of cases) {
        const server = yield* answering(answer)
        assert.deepStrictEqual(yield* Program.run([...at(server), "bob", "hi"]), {
          status: 0,
          output: "here\n",
          errors: ""
        })
      }
    })
  )

  it.scopedLive("does not take for the answer what came before the question, or from somebody else", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.answering((line) => {
        if (line.startsWith("/hello")) {
          const early = line === "/hello" ? ["from bob: early"] : []
          return ["* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: x", ...early]
        }
        const label = /^(@\d+) /u.exec(line)?.[1]
        return label === undefined
          ? []
          : ["from bob2: x", "from Bob: x", `* written ${label} bob: x`, "from bob auto=yes: here"]
      })
      const { errors, output, status } = yield* Program.run([...at(server), "bob", "hi"])
      assert.deepStrictEqual([status, output], [0, "here\n"])
      assert.strictEqual(errors, "a-chat: from bob: early\na-chat: from bob2: x\na-chat: from Bob: x\n")
    })
  )

  it.scopedLive("exits with 3 when the connection ends before the answer", () =>
    Effect.gen(function* () {
      const mayHave = "a-chat: the connection ended; the question may have arrived or not\n"
      const before = "a-chat: the connection ended before bob answered\n"
      const cases: ReadonlyArray<readonly [(label: string) => ReadonlyArray<string> | "end" | "reset", string]> = [
        [() => "end", mayHave],
        [() => "reset", mayHave],
        [(label) => [`* written ${label} mallory: x`], "no outcome"],
        [(label) => [`! undelivered ${label} bob reason=offline`], "no outcome"]
      ]
      for (const [answer, errors] of cases.slice(0, 2)) {
        const ended = yield* Program.run([...at(yield* answering(answer)), "bob", "hi"])
        assert.deepStrictEqual(ended, { status: 3, output: "", errors })
      }
      const withoutOutcome = ([answer]: (typeof cases)[number]) =>
        Effect.gen(function* () {
          // Long enough for the login on a busy machine.
          const ended = yield* Program.run([...at(yield* answering(answer)), "bob", "hi", "--timeout", "3s"])
          assert.deepStrictEqual(ended, {
            status: 3,
            output: "",
            errors: "a-chat: no outcome within 3 s; the question may have arrived or not\n"
          })
        })
      yield* Effect.forEach(cases.slice(2), withoutOutcome, { concurrency: "unbounded", discard: true })
      for (const end of ["end", "reset"] as const) {
        const server = yield* FakeServer.answering((line) => {
          if (line.startsWith("/hello")) return ["* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: x"]
          if (line.startsWith("/ack")) return end
          const label = /^(@\d+) /u.exec(line)?.[1]
          return label === undefined ? [] : [`* written ${label} bob: x`, "from mallory: x"]
        })
        const { errors, status } = yield* Program.run([...at(server), "bob", "hi"])
        assert.deepStrictEqual([status, errors], [3, `a-chat: from mallory: x\n${before}`])
      }
    })
  )

  it.scopedLive("says why the server ended the connection", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.make((socket) => {
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n").slice(0, -1)) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            const label = /^(@\d+) /u.exec(line)?.[1]
            if (label !== undefined) socket.end(`* written ${label} bob: x\n! kicked fatal: the operator\x1b says so\n`)
          }
        })
      })
      assert.deepStrictEqual(yield* Program.run([...at(server), "bob", "hi"]), {
        status: 3,
        output: "",
        errors: "a-chat: the connection ended (kicked: the operator\\x1b says so) before bob answered\n"
      })
    })
  )

  it.scopedLive("asks again with --retry after a shutdown that did not accept the question", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = yield* FakeServer.make((socket) => {
        connections += 1
        const isFirst = connections === 1
        socket.on("end", () => socket.end())
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n").slice(0, -1)) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            const label = /^(@\d+) /u.exec(line)?.[1]
            if (label === undefined) continue
            if (isFirst) socket.end(`! closing ${label}: the server shuts down\n* bye reason=shutdown: x\n`)
            else socket.write(`* written ${label} bob: x\nfrom bob: here\n`)
          }
        })
      })
      const again = yield* Program.run([...at(server), "bob", "hi", "--retry", "3"])
      assert.deepStrictEqual(again, { status: 0, output: "here\n", errors: "" })
      assert.strictEqual(connections, 2)
      connections = 0
      const once = yield* Program.run([...at(server), "bob", "hi"])
      assert.deepStrictEqual(once, { status: 1, output: "", errors: "a-chat: closing: the server shuts down\n" })
    })
  )

  it.scopedLive("exits with 2 when it cannot start", () =>
    Effect.gen(function* () {
      const nowhere = yield* Effect.scoped(FakeServer.echo)
      const original = yield* FakeServer.original
      const silent = yield* FakeServer.make((socket) => socket.resume())
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string, RegExp]> = [
        [[...at(nowhere), "bob", "hi"], "", /^a-chat: cannot connect/u],
        [[...at(original), "bob", "hi"], "", /does not report outcomes, which ask needs/u],
        [[...at(silent), "bob", "hi", "--timeout", "300ms"], "", /^a-chat: no reply for 300 ms/u],
        [[...at(nowhere), "a:b", "hi"], "", /not a recipient: "a:b"/u],
        [[...at(nowhere), ",", "hi"], "", /without a recipient/u],
        [[...at(nowhere), "bob", "one\ntwo"], "", /^a-chat: a question is one line\n$/u],
        [[...at(nowhere), "bob"], "one\ntwo\n", /^a-chat: a question is one line\n$/u],
        [[...at(nowhere), "bob"], "\n", /^a-chat: there is no question/u],
        [[...at(nowhere), "bob"], "", /^a-chat: there is no question/u],
        [[...at(nowhere), "--lines", "0", "bob", "hi"], "", /--lines/u],
        [[...at(nowhere), "--quite", "1s", "bob", "hi"], "", /unknown flag --quite; did you mean --quiet\?/u],
        [["ask"], "", /recipients/u],
        [["aks", "bob", "hi"], "", /unknown command aks; did you mean ask\?/u]
      ]
      for (const [args, input, message] of cases) {
        const { errors, output, status } = yield* Program.run(args, { input })
        assert.match(errors, message)
        assert.deepStrictEqual([status, output], [2, ""])
      }
      const folder = yield* Program.runProcess([...at(nowhere), "bob"], { before: "exec < /" })
      assert.deepStrictEqual([folder.status, folder.errors], [2, "a-chat: the input is a directory\n"])
    })
  )

  it.scopedLive("says what is known when it is interrupted", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const unknown = yield* interrupted(() => [], signal)
        assert.deepStrictEqual(unknown, {
          status: 3,
          output: "",
          errors: "a-chat: interrupted; the question may have arrived or not\n"
        })
      }
      const delivered = yield* interrupted((label) => [`* written ${label} bob: x`])
      assert.deepStrictEqual(delivered, {
        status: 130,
        output: "",
        errors: "a-chat: interrupted before bob answered\n"
      })
    })
  )

  it.scopedLive("ends in time, and in little memory, whatever a server sends", () =>
    Effect.gen(function* () {
      const flood = "from mallory: x\n".repeat(4000)
      const server = yield* FakeServer.make((socket) => {
        const go = () => {
          while (!socket.destroyed && socket.write(flood));
        }
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n")) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            if (line.startsWith("@")) {
              socket.on("drain", go)
              go()
            }
          }
        })
      })
      const asking = yield* Program.start([...at(server), "bob", "hi", "--timeout", "1s"])
      asking.errors.pause()
      yield* Effect.sleep("900 millis")
      const peak = Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${asking.pid}/status`, "utf8"))?.[1])
      assert.isBelow(peak, 200_000)
      assert.strictEqual(yield* asking.exited, 3)
    })
  )
})
