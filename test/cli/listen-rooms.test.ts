import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { eventually } from "../support/Eventually.js"
import * as FakeServer from "../support/FakeServer.js"
import { password } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { objects } from "../support/SendCommand.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** The time for a test that starts servers, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

/** A server, with alice in the room #ops. */
const withRoom = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { port } = yield* Program.startServer(args)
    const alice = yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "alice")
    yield* alice.send("/hello\n/join #ops\n")
    yield* sees(alice, "* room #ops")
    return { alice, port }
  })

const lines = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `#ops: ${first + index}\n`).join("")

const texts = (output: string) => Array.from(output.matchAll(/: (.*)\n/gu), ([, text]) => text)

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `${first + index}`)

/** Waits until the client has got a line that begins so. */
const sees = (client: WireClient.WireClient, start: string) =>
  client.until(start, () => (client.lines.some((line) => line.startsWith(start)) ? true : undefined))

/** Waits until alice knows that the client is in the room. */
const entered = (alice: WireClient.WireClient, name: string) =>
  alice.until(`that ${name} is in the room`, () =>
    alice.lines.some((line) => line.startsWith("* joined #ops ") && line.includes(name)) ? true : undefined
  )

const listenOn = (port: string | number) =>
  Program.run(["listen", "--login", "bob", "--port", `${port}`, "--timeout", "20s", "--room", "#ops"], { input: "" })

describe.concurrent("a-chat listen --device", () => {
  for (const [args, error] of [
    [["--device", "ci"], "--device is one of an account; name that with --login"],
    [["--login", "alice/phone", "--device", "ci"], "--login alice/phone has a device already; leave out --device"]
  ] as const) {
    it.scopedLive(`is refused with ${args.join(" ")}`, () =>
      Effect.gen(function* () {
        const { errors, status } = yield* Program.run(["listen", ...args], { input: "" })
        assert.deepStrictEqual([status, errors], [2, `a-chat: ${error}\n`])
      })
    )
  }
})

describe.concurrent("a-chat listen --room", () => {
  it.scopedLive(
    "enters the room and prints what is written there, and nothing else",
    () =>
      Effect.gen(function* () {
        const { alice, port } = yield* withRoom()
        const listen = (...args: ReadonlyArray<string>) =>
          Program.start(["listen", "--port", port, "--room", "#ops", "--count", "2", ...args], { input: "" })
        const [bob, carol] = [yield* listen("--login", "bob"), yield* listen("--login", "carol", "--json")]
        yield* entered(alice, "bob")
        yield* entered(alice, "carol")
        yield* alice.send("bob: direct\n#ops: one\nbob, #ops: two: x\n")
        const plain = yield* bob.ended
        assert.deepStrictEqual(plain, {
          status: 0,
          errors: "",
          output: "from alice #ops: one\nfrom alice #ops: two: x\n"
        })
        const json = objects((yield* carol.ended).output)
        assert.deepStrictEqual(
          json.map((message) => ({ ...message, at: "" })),
          [
            { from: "alice", text: "one", at: "", room: "#ops", guest: true, seq: 1 },
            { from: "alice", text: "two: x", at: "", room: "#ops", guest: true, seq: 2, to: ["bob"] }
          ]
        )
        for (const { at } of json) assert.match(at, /^\d{4}-\d{2}-\d{2}T/u)
      }),
    manyProcesses
  )

  it.scopedLive(
    "prints what is kept since a line, and exits, or continues without gap and repeat",
    () =>
      Effect.gen(function* () {
        const { alice, port } = yield* withRoom()
        yield* alice.send(lines(1, 250))
        const listen = (...args: ReadonlyArray<string>) =>
          Program.start(["listen", "--port", port, "--room", "#ops", "--login", ...args], { input: "" })
        const following = yield* listen("bob", "--since", "1", "--follow", "--count", "500")
        // Lines keep coming while the past is read.
        for (let line = 251; line <= 500; line += 10) yield* alice.send(lines(line, line + 9))
        const followed = yield* following.ended
        assert.deepStrictEqual([followed.status, followed.errors], [0, ""])
        assert.deepStrictEqual(texts(followed.output), numbers(1, 500))
        const past = yield* (yield* listen("carol", "--since", "480")).ended
        assert.deepStrictEqual([past.status, texts(past.output)], [0, numbers(480, 500)])
        const none = yield* (yield* listen("carol", "--since", "501")).ended
        assert.deepStrictEqual(none, { status: 0, output: "", errors: "" })
        const recent = yield* (yield* listen("carol", "--since", "1h", "--from", "alice", "--json")).ended
        assert.lengthOf(objects(recent.output), 500)
      }),
    manyProcesses
  )

  it.scopedLive(
    "gives a job with a device of its own every line once, run for run, also when it is killed",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = ["--store", join(folder, "chat.db")]
        const server = yield* Program.startServer(store)
        const { port } = server
        const address = Tcp.address("127.0.0.1", Number(port))
        yield* WireClient.register(address, "alice", password)
        const bob = yield* WireClient.join(address, "bob")
        yield* bob.send("/join #ops\n")
        yield* sees(bob, "* room #ops")
        const environment = { HOME: folder, ACHAT_PORT: port, ACHAT_PASSWORD: password }
        const job = (...args: ReadonlyArray<string>) =>
          Program.start(["listen", "--login", "alice/ci", "--room", "#ops", "--json", ...args], {
            input: "",
            environment
          })
        const all: Array<unknown> = []
        const collect = (output: string) => all.push(...objects(output).map(({ text }) => text))
        // It enters the room in its first run, in which nothing is written.
        const first = yield* job()
        yield* eventuallyMember(port, "alice")
        yield* bob.send(lines(1, 3))
        yield* first.says("output", /"text":"3"/u)
        const record = join(folder, ".local", "state", "a-chat", "seen")
        yield* eventually(
          () =>
            existsSync(record) &&
            readdirSync(record).some((file) => readFileSync(join(record, file), "utf8").includes('["#ops",3,')),
          "the lines are not recorded"
        )
        yield* first.kill("SIGKILL")
        collect((yield* first.ended).output)
        yield* bob.send(lines(4, 6))
        const second = yield* (yield* job("--count", "3", "--timeout", "30s")).ended
        assert.deepStrictEqual([second.status, second.errors], [0, ""])
        collect(second.output)
        yield* bob.send(lines(7, 9))
        const third = yield* (yield* job("--count", "3", "--timeout", "30s")).ended
        collect(third.output)
        const nothing = yield* (yield* Program.start(
          ["listen", "--login", "alice", "--device", "ci", "--room", "#ops", "--json", "--timeout", "700ms"],
          { input: "", environment }
        )).ended
        collect(nothing.output)
        assert.deepStrictEqual(all, numbers(1, 9))
      }),
    manyProcesses
  )

  it.scopedLive(
    "as a guest gets what was written while the server was away or the connection lost",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = ["--store", join(folder, "chat.db")]
        const server = yield* Program.startServer(store)
        const { port } = server
        const address = Tcp.address("127.0.0.1", Number(port))
        const alice = yield* WireClient.connect(address)
        // Of an account, so that the room outlives the server.
        yield* alice.send(`alice\n/hello\n/register ${password}\n/join #ops\n`)
        yield* sees(alice, "* hello")
        yield* sees(alice, "* registered alice")
        yield* sees(alice, "* room #ops")
        const bob = yield* Program.start(
          ["listen", "--login", "bob", "--port", port, "--room", "#ops", "--count", "5"],
          { input: "" }
        )
        yield* entered(alice, "bob")
        yield* alice.send(lines(1, 2))
        yield* bob.says("output", /: 2\n/u)
        yield* server.kill("SIGKILL")
        yield* server.exited
        yield* Program.startServer([...store, "--port", port])
        const again = yield* WireClient.connect(address)
        yield* again.send(`alice: ${password}\n${lines(3, 5)}`)
        const { errors, output, status } = yield* bob.ended
        assert.deepStrictEqual([status, texts(output)], [0, numbers(1, 5)])
        assert.include(errors, "connected again")
      }),
    manyProcesses
  )

  it.scopedLive(
    "ends when the server does not let it be in the room, or has none",
    () =>
      Effect.gen(function* () {
        const { port } = yield* Program.startServer(["--rooms", "operator"])
        const refused = yield* listenOn(port)
        assert.deepStrictEqual([refused.status, refused.output], [1, ""])
        assert.match(refused.errors, /^a-chat: policy: #ops: .*operator.*\n$/u)
        const off = yield* Program.startServer(["--rooms", "off"])
        const without = yield* listenOn(off.port)
        assert.deepStrictEqual(
          [without.status, without.errors],
          [1, "a-chat: unknown-command: #ops: this server has no rooms\n"]
        )
        const original = yield* FakeServer.original
        const old = yield* listenOn(original.port)
        assert.deepStrictEqual([old.status, old.errors], [1, "a-chat: unknown-command: this server has no rooms\n"])
      }),
    manyProcesses
  )

  const mistakes: ReadonlyArray<readonly [args: ReadonlyArray<string>, complaint: string]> = [
    [["--room"], "--room lacks its value; a room needs quotes in a shell, where # begins a comment: '#ops'"],
    [
      ["--room", "ops"],
      "--room: \"ops\" is not a room: a room's name begins with #, and needs quotes in a shell: '#ops'"
    ],
    [["--room", "#ops,"], "is not a room"],
    [["--since", "1"], "--since needs --room"],
    [["--follow"], "--follow needs --room"],
    [["--room", "#ops,#dev", "--since", "1"], "--since LINE is for one room"],
    [["--room", "#ops", "--since", "later"], "is neither the number of a line nor a time"]
  ]
  for (const [args, complaint] of mistakes) {
    it.scopedLive(`explains what is wrong with ${args.join(" ")}`, () =>
      Effect.gen(function* () {
        const { errors, status } = yield* Program.run(["listen", "--login", "bob", ...args])
        assert.include(errors, complaint)
        assert.strictEqual(status, 2)
      })
    )
  }
})

/** Waits until the account is in the room. */
const eventuallyMember = (port: string, name: string) =>
  Effect.gen(function* () {
    const watcher = yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "watcher")
    yield* watcher.send("/join #ops\n")
    yield* sees(watcher, "* room #ops")
    for (;;) {
      yield* watcher.send("/members #ops\n")
      const found = yield* watcher.until("the members", () =>
        watcher.lines.find((line) => line.startsWith("* members"))
      )
      if (found.includes(name)) return
      watcher.lines.length = 0
      yield* Effect.sleep("50 millis")
    }
  })
