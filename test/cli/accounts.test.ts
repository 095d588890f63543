import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"
import * as Tcp from "../../src/transport/Tcp.js"

const password = "correct horse"

/** The time for a test that runs many programs, one after the other, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

/** A server with accounts, and a home folder for its clients. */
const start = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(["--store", "memory", ...args])
    const home = yield* temporaryFolder
    const tokens = join(home, ".local", "state", "a-chat", "tokens")
    const address = Tcp.address("127.0.0.1", Number(server.port))
    const connect = WireClient.connect(address)
    const register = (name: string) => WireClient.register(address, name, password)
    const environment = (more: Record<string, string> = {}) => ({ HOME: home, ACHAT_PORT: server.port, ...more })
    const run = (args: ReadonlyArray<string>, options: Program.StartOptions = {}) =>
      Program.start(args, { ...options, environment: environment(options.environment) })
    const runToEnd = (args: ReadonlyArray<string>, options: Pick<Program.StartOptions, "environment" | "input"> = {}) =>
      Program.run(args, { ...options, environment: environment(options.environment) })
    return { server, home, tokens, connect, register, run, runToEnd }
  })

/** The tokens that are kept. */
const kept = (folder: string) => readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8").trim())

describe.concurrent("a client of an account", () => {
  it.scopedLive(
    "takes the password from a variable, fetches a token, and uses it from then on",
    () =>
      Effect.gen(function* () {
        const { register, runToEnd, tokens } = yield* start()
        yield* register("alice")
        const send = ["send", "--login", "alice", "alice", "hi"]
        const without = yield* runToEnd(send)
        assert.strictEqual(without.status, 2)
        assert.match(without.errors, /^a-chat: password-required: .*--password-file, --password-command or/u)
        const first = yield* runToEnd(send, { environment: { ACHAT_PASSWORD: password } })
        assert.deepStrictEqual(first, { status: 0, output: "", errors: "" }) // stored: the account exists
        const [token = "", ...more] = kept(tokens)
        assert.match(token, /^achat_[0-9a-f]{32}$/u)
        assert.deepStrictEqual(more, [])
        for (const name of readdirSync(tokens)) assert.strictEqual(statSync(join(tokens, name)).mode & 0o777, 0o600)
        assert.strictEqual(statSync(tokens).mode & 0o777, 0o700)
        const second = yield* runToEnd(send)
        assert.deepStrictEqual(second, { status: 0, output: "", errors: "" })
        assert.deepStrictEqual(kept(tokens), [token])
      }),
    manyProcesses
  )

  it.scopedLive(
    "ignores a password without a login of its own",
    () =>
      Effect.gen(function* () {
        const { runToEnd } = yield* start()
        const environment = { ACHAT_PASSWORD: password }
        const { errors, status } = yield* runToEnd(["send", "bob", "hi"], { environment })
        assert.strictEqual(status, 1)
        assert.match(errors, /^a-chat: bob: offline: /u)
      }),
    manyProcesses
  )

  it.scopedLive(
    "takes the password from a file or from a command, and never from a flag",
    () =>
      Effect.gen(function* () {
        const { home, register, runToEnd, tokens } = yield* start()
        yield* register("alice")
        const file = join(home, "password")
        writeFileSync(file, `${password}\n`)
        const login = (device: string, ...args: ReadonlyArray<string>) =>
          runToEnd(["send", "--login", `alice/${device}`, ...args, "alice", "hi"])
        assert.strictEqual((yield* login("a", "--password-file", file)).status, 0)
        assert.strictEqual((yield* login("b", "--password-command", `cat ${file}`)).status, 0)
        assert.lengthOf(kept(tokens), 2)
        const flag = yield* login("c", "--password", password)
        assert.strictEqual(flag.status, 2)
        assert.match(flag.errors, /--password/u)
        const empty = yield* login("d", "--password-command", "exit 3")
        assert.deepStrictEqual([empty.status, empty.errors], [2, "a-chat: --password-command: exit status 3\n"])
        const missing = yield* login("e", "--password-file", `${file}.missing`)
        assert.strictEqual(missing.status, 2)
        assert.match(missing.errors, /^a-chat: --password-file \S+: ENOENT/u)
      }),
    manyProcesses
  )

  it.scopedLive(
    "asks for the password again when its token is no longer valid",
    () =>
      Effect.gen(function* () {
        const { connect, register, runToEnd, tokens } = yield* start()
        yield* register("alice")
        const environment = { ACHAT_PASSWORD: password }
        const send = ["send", "--login", "alice/ci", "alice", "hi"]
        yield* runToEnd(send, { environment })
        const [before] = kept(tokens)
        const main = yield* connect
        yield* main.send(`alice: ${password}\n/forget ci\n`)
        yield* main.expect("* forgot ci")
        const refused = yield* runToEnd(send)
        assert.deepStrictEqual([refused.status, kept(tokens)], [2, []])
        assert.match(refused.errors, /^a-chat: wrong-password: /u)
        yield* runToEnd(send, { environment })
        const [after, ...more] = kept(tokens)
        assert.notStrictEqual(after, before)
        assert.deepStrictEqual(more, [])
      }),
    manyProcesses
  )

  it.scopedLive(
    "listens, answers, asks and pipes under its account",
    () =>
      Effect.gen(function* () {
        const { register, run, runToEnd } = yield* start()
        yield* register("alice")
        yield* register("bot")
        const environment = { ACHAT_PASSWORD: password }
        const alice = yield* run(["listen", "--login", "alice", "--count", "3"], { environment })
        const bot = yield* run(["exec", "--login", "bot", "--", "sh", "-c", "read -r x; echo you said $x"], {
          environment
        })
        const here = (name: string) =>
          Effect.repeat(runToEnd(["who"]), { until: ({ output }) => output.split("\n").includes(name) })
        yield* here("alice")
        yield* here("bot")
        const asked = yield* runToEnd(["ask", "--login", "alice/asker", "bot", "hello"], { environment })
        assert.deepStrictEqual([asked.status, asked.errors], [0, ""])
        assert.strictEqual(asked.output, "you said hello\n")
        const piped = yield* runToEnd(["connect", "--login", "alice/pipe"], {
          environment,
          input: "bot: from a pipe\n"
        })
        assert.deepStrictEqual([piped.status, piped.errors], [0, ""])
        yield* bot.kill("SIGTERM")
        yield* alice.kill("SIGTERM")
      }),
    manyProcesses
  )

  it.scopedLive(
    "does not connect again after it was logged out",
    () =>
      Effect.gen(function* () {
        const { connect, register, run } = yield* start()
        yield* register("alice")
        const environment = { ACHAT_PASSWORD: password }
        const clients = [
          yield* run(["listen", "--login", "alice/one"], { environment }),
          yield* run(["exec", "--login", "alice/two", "--", "cat"], { environment })
        ]
        const main = yield* connect
        yield* main.send(`alice: ${password}\n`)
        for (const device of ["one", "two"]) {
          const isHere = Effect.gen(function* () {
            yield* main.send("/devices\n")
            let line = yield* main.line
            let is = false
            while (!line.startsWith("* end devices")) {
              is ||= line.startsWith(`* device ${device} here=yes`)
              line = yield* main.line
            }
            return is
          })
          yield* Effect.repeat(isHere, { until: (is) => is })
        }
        yield* main.send("/password battery staple\n")
        for (const client of clients) {
          const { errors, status } = yield* client.ended
          assert.strictEqual(status, 2)
          assert.match(errors, /^a-chat: logged-out: /u)
        }
      }),
    manyProcesses
  )

  it.scopedLive(
    "sends no password to a server without accounts, nor to an original one",
    () =>
      Effect.gen(function* () {
        const plain = yield* Program.startServer()
        const heard: Array<string> = []
        const original = yield* FakeServer.make((socket) => {
          socket.on("data", (bytes: Buffer) => {
            heard.push(bytes.toString())
            const [, login = "", text = ""] = /^(.*)\n\1: (.*)\n/u.exec(bytes.toString()) ?? []
            if (login !== "") socket.write(`from ${login}: ${text}\n`)
          })
        })
        for (const port of [plain.port, `${original.port}`]) {
          const commands = [
            ["send", "alice", "hi"],
            ["listen"],
            ["exec", "--", "cat"],
            ["ask", "bob", "hi"],
            ["connect"]
          ]
          for (const [command = "", ...args] of commands) {
            const { errors, status } = yield* Program.run([command, "--login", "alice", ...args], {
              environment: { ACHAT_PORT: port, ACHAT_PASSWORD: password, HOME: yield* temporaryFolder },
              input: "bob: hi\n"
            })
            assert.deepStrictEqual(
              [status, errors],
              [2, "a-chat: no-accounts: this server has no accounts; the password was not sent\n"],
              command
            )
          }
        }
        assert.notInclude(heard.join(""), "correct")
      }),
    manyProcesses
  )
})
