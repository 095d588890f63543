import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { LineCutter } from "../../scripts/line-client.mjs"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import * as Pty from "../support/Pty.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const password = "correct horse"

/** The time for a test that runs many programs, one after the other, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

/** A server with the account alice, and a home folder for its clients. */
const start = Effect.gen(function* () {
  const server = yield* Program.startServer(["--store", "memory"])
  const connect = WireClient.connect(Tcp.address("127.0.0.1", Number(server.port)))
  const client = yield* connect
  yield* client.send(`alice\n/register ${password}\n`)
  yield* client.expect("* registered alice")
  const home = yield* temporaryFolder
  const tokens = join(home, ".local", "state", "a-chat", "tokens")
  const kept = () => readdirSync(tokens).map((name) => readFileSync(join(tokens, name), "utf8").trim())
  return { connect, main: client, home, kept, environment: { HOME: home, ACHAT_PORT: server.port } }
})

/** Waits until this device of the client's account is connected. */
const isHere = (client: WireClient.WireClient, device: string) =>
  Effect.gen(function* () {
    yield* client.send("/devices\n")
    let is = false
    for (let line = yield* client.line; !line.startsWith("* end devices"); line = yield* client.line) {
      is ||= line.startsWith(`* device ${device} here=yes`)
    }
    return is
  }).pipe(Effect.repeat({ until: (is) => is }))

it.scopedLive(
  "a-chat connect --seq gives a script in a pipe the numbers of all kept lines, also of those that waited for its " +
    "device",
  () =>
    Effect.gen(function* () {
      const { connect, environment, home, main } = yield* start
      const file = join(home, "password")
      writeFileSync(file, password)
      const args = ["connect", "--seq", "--login", "alice/phone", "--password-file", file]
      const first = yield* Program.start(args, { environment })
      first.input.end("/devices\n")
      assert.match((yield* first.ended).output, /^\* device phone here=yes token=yes /mu)
      const bob = yield* connect
      yield* bob.send("bob\nalice: one\n")
      yield* main.expect("from bob: one")
      const client = yield* Program.start(args, { environment })
      yield* client.says("output", /^from bob guest=yes seq=1 at=\d+: one\n/u)
      yield* bob.send("alice: two\n")
      yield* client.says("output", /\nfrom bob guest=yes seq=2 at=\d+: two\n$/u)
      client.input.end()
      const { errors, output, status } = yield* client.ended
      assert.deepStrictEqual([status, errors, output.split("\n").length], [0, "", 3])
    }),
  manyProcesses
)

describe.concurrent("the password of a client", () => {
  it.scopedLive(
    "is used only when the token that is kept is refused, and fetches another one then",
    () =>
      Effect.gen(function* () {
        const { environment, home, kept, main } = yield* start
        const file = join(home, "password")
        const send = (...args: ReadonlyArray<string>) =>
          Effect.flatMap(
            Program.start(["send", "--login", "alice/ci", ...args, "alice", "hi"], { input: "", environment }),
            ({ ended }) => ended
          )
        writeFileSync(file, password)
        assert.strictEqual((yield* send("--password-file", file)).status, 0)
        const [before] = kept()
        // The token is still good, so the password is not looked at.
        writeFileSync(file, "battery staple")
        assert.strictEqual((yield* send("--password-file", file)).status, 0)
        assert.deepStrictEqual(kept(), [before])
        yield* main.send("/forget ci\n")
        yield* main.until("forgot", () => main.lines.find((line) => line.startsWith("* forgot ci")))
        const wrong = yield* send("--password-file", file)
        assert.strictEqual(wrong.status, 2)
        assert.match(wrong.errors, /^a-chat: wrong-password: /u)
        writeFileSync(file, password)
        assert.strictEqual((yield* send("--password-file", file)).status, 0)
        const [after, ...more] = kept()
        assert.match(after ?? "", /^achat_/u)
        assert.notStrictEqual(after, before)
        assert.deepStrictEqual(more, [])
      }),
    manyProcesses
  )

  it.scopedLive(
    "is never part of the login, which others could read, and is not repeated",
    () =>
      Effect.gen(function* () {
        let connections = 0
        const { port } = yield* FakeServer.make(() => (connections += 1))
        const login = `alice/ci: ${password}`
        const home = yield* temporaryFolder
        for (const command of [
          ["send", "bob", "hi"],
          ["listen"],
          ["exec", "--", "cat"],
          ["ask", "bob", "hi"],
          ["connect"]
        ]) {
          const [name = "", ...args] = command
          for (const [flags, variables] of [
            [["--login", login], {}],
            [[], { ACHAT_LOGIN: login }]
          ] as const) {
            const ended = yield* Program.run([name, ...flags, "--port", `${port}`, ...args], {
              environment: { ...variables, HOME: home }
            })
            assert.strictEqual(ended.status, 2, name)
            assert.match(
              ended.errors,
              /^a-chat: (?:--login|ACHAT_LOGIN): a login has no ':'; .*--password-file.*\n$/u,
              name
            )
            assert.notInclude(ended.errors, password, name)
          }
        }
        assert.strictEqual(connections, 0)
      }),
    manyProcesses
  )

  it.scopedLive("is tried once on a server that refuses whatever it is given", () =>
    Effect.gen(function* () {
      let logins = 0
      const { port } = yield* FakeServer.answering((line) => {
        if (line.startsWith("/hello")) return ["* hello achat=1 max-line=1000 max-recipients=3 accounts=open log=l: x"]
        if (!line.startsWith("alice")) return []
        logins += 1
        return ["! wrong-password fatal: no"]
      })
      for (const command of [["send", "bob", "hi"], ["listen"], ["exec", "--", "cat"], ["ask", "bob", "hi"]]) {
        logins = 0
        const [name = "", ...args] = command
        const ended = yield* Program.run([name, "--login", "alice", "--port", `${port}`, ...args], {
          environment: { ACHAT_PASSWORD: password, HOME: yield* temporaryFolder }
        })
        assert.deepStrictEqual([ended.status, ended.errors], [2, "a-chat: wrong-password: no\n"], name)
        assert.isAtMost(logins, 2, name)
      }
    })
  )

  it.scopedLive("is no reason to come back if another client of the device logs in before anything was sent", () =>
    Effect.gen(function* () {
      const hello = "* hello achat=1 name=alice max-line=1000 max-recipients=3 accounts=open log=l device=main"
      const loggedOut = "! logged-out reason=replaced fatal: this device has logged in again, on another connection"
      let connections = 0
      const { port } = yield* FakeServer.make((socket) => {
        const answer = (line: string) => {
          if (line.startsWith("/hello")) socket.write(`${hello} on=ack+once+seq+receipts+send-only: x\n`)
          else if (line.startsWith("@token ")) socket.write(`* token @token main achat_${"1".repeat(32)}: x\n`)
          else if (line.includes("/accounts")) {
            connections += 1
            socket.end(`${loggedOut}\n`)
          }
        }
        const cutter = new LineCutter(answer)
        socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
      })
      const environment = { ACHAT_PASSWORD: password, HOME: yield* temporaryFolder }
      for (const command of ["send", "ask"]) {
        connections = 0
        const args = [command, "--login", "alice", "--retry", "3", "--port", `${port}`, "bob", "hi"]
        const { errors, status } = yield* Program.run(args, { environment })
        assert.deepStrictEqual([connections, status], [1, 3], `${command}: ${errors}`)
        assert.include(errors, "a-chat: the connection ended", command)
      }
    })
  )

  it.scopedLive("is no reason to come back if the logout comes in one read with the end of the login", () =>
    Effect.gen(function* () {
      const hello = "* hello achat=1 name=alice max-line=1000 max-recipients=3 accounts=open log=l device=main"
      const loggedOut = "! logged-out reason=replaced fatal: this device has logged in again, on another connection"
      let hasToken = false
      let logins = 0
      const { port } = yield* FakeServer.make((socket) => {
        const greeting = `${hello} on=ack+once+seq+receipts+send-only: x\n`
        const answer = (line: string) => {
          if (line.startsWith("@token ")) {
            hasToken = true
            socket.write(`* token @token main achat_${"1".repeat(32)}: x\n`)
          } else if (line.startsWith("alice: ")) logins += hasToken ? 1 : 0
          else if (line.startsWith("/hello")) {
            if (hasToken && line === "/hello") socket.end(`${greeting}${loggedOut}\n`)
            else socket.write(greeting)
          }
        }
        const cutter = new LineCutter(answer)
        socket.setEncoding("utf8").on("data", (text: string) => cutter.push(text))
      })
      const tries = ["--retry", "3"]
      for (const [command = "", ...args] of [
        ["send", ...tries, "bob", "hi"],
        ["ask", ...tries, "bob", "hi"],
        ["listen"],
        ["exec", "--", "cat"]
      ]) {
        hasToken = false
        logins = 0
        const environment = { ACHAT_PASSWORD: password, HOME: yield* temporaryFolder }
        const ended = yield* Program.run([command, "--login", "alice", "--port", `${port}`, ...args], { environment })
        assert.strictEqual(logins, 1, `${command}: ${ended.errors}`)
        if (command !== "send") assert.include(ended.errors, "logged-out: this device has logged in again", command)
      }
    })
  )

  it.scopedLive(
    "is no reason to come back after another client of the device has logged in",
    () =>
      Effect.gen(function* () {
        const { connect, environment } = yield* start
        const options = { input: "", environment: { ...environment, ACHAT_PASSWORD: password } }
        const main = yield* connect
        yield* main.send(`alice/main2: ${password}\n/hello\n`)
        /** Starts a client, logs in as its device once it is present, and returns how it ends. */
        const replacedAs = (device: string, command: string, ...args: ReadonlyArray<string>) =>
          Effect.gen(function* () {
            const client = yield* Program.start([command, "--login", `alice/${device}`, ...args], options)
            // A question in progress is a line with an unknown outcome, which may be sent again because it is stored.
            if (command === "ask")
              yield* main.until("the question", () => main.lines.find((line) => line.endsWith("anybody?")))
            else yield* isHere(main, device)
            const other = yield* connect
            yield* other.send(`alice/${device}: ${password}\n/ping in\n`)
            yield* other.until("a login", () => other.lines.find((line) => line === "* pong: in"))
            return yield* client.ended
          })
        const replaced = "a-chat: logged-out: this device has logged in again, on another connection"
        const advice = "; with --login NAME/DEVICE, each has a device of its own\n"
        const ended = { status: 2, output: "", errors: replaced + advice }
        assert.deepStrictEqual(yield* replacedAs("one", "listen"), ended)
        assert.deepStrictEqual(yield* replacedAs("two", "exec", "--", "cat"), ended)
        const asked = yield* replacedAs("three", "ask", "--retry", "100", "--timeout", "20s", "alice", "anybody?")
        assert.include([2, 3], asked.status, asked.errors) // as the others, or after the question was sent
        assert.match(asked.errors, /^a-chat: (?:the connection ended \()?logged-out: this device has logged in again/mu)
      }),
    manyProcesses
  )
})

const atTerminal = Pty.missing === undefined ? describe : describe.skip

atTerminal("a client at a terminal", () => {
  it.scopedLive(
    "asks for the password of an account, shows nothing of it, and asks again if it is wrong",
    () =>
      Effect.gen(function* () {
        const { connect, environment, kept, main } = yield* start
        const listen = yield* Pty.start(["listen", "--login", "alice/one", "--count", "1"], environment)
        yield* listen.sees("password of alice/one: ")
        yield* listen.types("battery staple\r")
        yield* listen.sees(/wrong-password: [^]*password of alice\/one: /u)
        yield* listen.types(`${password}\r`)
        yield* isHere(main, "one")
        const carol = yield* connect
        yield* carol.send("carol\nalice: are you there?\n")
        yield* listen.sees("from carol: are you there?")
        assert.strictEqual((yield* listen.ended).status, "0")
        assert.lengthOf(kept(), 1)
        const rows = listen.rows().join("\n")
        for (const shown of ["battery", "staple", "correct", "horse"]) assert.notInclude(rows, shown)
        // The next one has the token.
        const send = yield* Pty.start(["send", "--login", "alice/one", "alice", "hi"], environment)
        assert.strictEqual((yield* send.ended).status, "0")
        const no = yield* Pty.start(["send", "--login", "alice/two", "alice", "hi"], environment)
        yield* no.sees("password of alice/two: ")
        yield* no.types("\u0003")
        assert.strictEqual((yield* no.ended).status, "2")
      }),
    manyProcesses
  )
})
