import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { labelOf, make as keeping, password, type KeepingServerOptions } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { objects } from "../support/SendCommand.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** The time for a test that starts servers, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

const from = (seq: number, at = seq, text = `${seq}`) => `from bob seq=${seq} at=${at}: ${text}`

const listening = (options: KeepingServerOptions, ...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { port } = yield* keeping(options)
    return yield* Program.run(["listen", "--login", "alice", "--port", `${port}`, "--timeout", "20s", ...args], {
      environment: { ACHAT_PASSWORD: password, HOME: yield* temporaryFolder }
    })
  })

/** The first connection breaks once its messages are acknowledged. */
const acknowledged = (connection: number) => (connection === 1 ? ("reset" as const) : [])

const texts = (output: string) => Array.from(output.matchAll(/: (.*)/gu), ([, text]) => text)

describe.concurrent("a-chat listen, with kept messages", () => {
  it.scopedLive(
    "prints nothing twice that a killed server delivers again, in this run or in the next",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = ["--store", join(folder, "chat.db")]
        let server = yield* Program.startServer(store)
        const { port } = server
        const address = Tcp.address("127.0.0.1", Number(port))
        const connect = WireClient.connect(address)
        yield* WireClient.register(address, "alice", password)
        const environment = { HOME: folder, ACHAT_PORT: port, ACHAT_PASSWORD: password }
        const listen = Program.start(["listen", "--login", "alice"], { input: "", environment })
        const restart = Effect.gen(function* () {
          yield* server.kill("SIGKILL")
          yield* server.exited
          server = yield* Program.startServer([...store, "--port", port])
        })
        const write = (...texts: ReadonlyArray<string>) =>
          Effect.gen(function* () {
            const carol = yield* connect
            yield* carol.send(`carol\n${texts.map((text) => `alice: ${text}\n`).join("")}/quit\n`)
            yield* carol.rest
          })
        const first = yield* listen
        yield* write("one", "two", "three")
        // Killed before the second in which the server saves what was given.
        yield* first.says("output", /three/u)
        yield* restart
        yield* first.says("errors", /connected again/u)
        yield* write("four")
        yield* first.says("output", /four/u)
        const ending = first.kill("SIGTERM")
        yield* server.kill("SIGKILL")
        yield* ending
        const { output } = yield* first.ended
        yield* server.exited
        server = yield* Program.startServer([...store, "--port", port])
        const next = yield* listen
        yield* write("five")
        yield* next.says("output", /five/u)
        yield* next.kill("SIGTERM")
        const printed = `${output}${(yield* next.ended).output}`
        const texts = ["one", "two", "three", "four", "five"]
        assert.strictEqual(printed, texts.map((text) => `from carol: ${text}\n`).join(""))
        const seen = join(folder, ".local", "state", "a-chat", "seen")
        const [file = "", ...more] = readdirSync(seen)
        assert.deepStrictEqual(more, [])
        assert.strictEqual(statSync(join(seen, file)).mode & 0o777, 0o600)
        assert.match(
          readFileSync(join(seen, file), "utf8"),
          /^\{"log":"\w+","places":\[\["guest:CAROL",5,\d+\]\]\}\n$/u
        )
      }),
    manyProcesses
  )

  it.scopedLive("prints a kept message without its number, or as JSON with it and its time", () =>
    Effect.gen(function* () {
      const server: KeepingServerOptions = {
        inbox: () => ["from carol guest=yes seq=1 at=1764151201123: seq=1 at=2: hi", "from bob: not kept"]
      }
      const text = yield* listening(server, "--count", "2")
      assert.deepStrictEqual(text, {
        status: 0,
        output: "from carol: seq=1 at=2: hi\nfrom bob: not kept\n",
        errors: ""
      })
      const json = yield* listening(server, "--count", "2", "--json")
      const [kept, other] = objects(json.output)
      assert.deepStrictEqual(kept, {
        from: "carol",
        text: "seq=1 at=2: hi",
        at: "2025-11-26T10:00:01.123Z",
        guest: true,
        seq: 1
      })
      assert.deepInclude(other, { from: "bob", text: "not kept" })
      assert.notProperty(other, "seq")
    })
  )

  it.scopedLive("drops repetitions, and nothing that only looks like one", () =>
    Effect.gen(function* () {
      const server: KeepingServerOptions = {
        acknowledged,
        inbox: (connection) =>
          connection === 1
            ? [from(1), from(2), from(2), from(1), "from carol guest=yes seq=1 at=9: 3", "from carol seq=1 at=9: 4"]
            : // The name bob has a new account, whose numbers begin again.
              [from(2), from(3, 3, "5"), from(1, 77, "6"), from(1, 77, "again"), "from dave: 7", "from dave: 7"]
      }
      const { output, status } = yield* listening(server, "--count", "8")
      assert.deepStrictEqual([status, texts(output)], [0, ["1", "2", "3", "4", "5", "6", "7", "7"]])
    })
  )

  const logs: ReadonlyArray<readonly [what: string, first: string, second: string, printed: Array<string>]> = [
    ["the same", "l", "l", ["1", "end"]],
    ["another one", "l", "m", ["1", "1", "end"]],
    ["one with a huge id", "x".repeat(900), "x".repeat(900), ["1", "1", "end"]]
  ]
  for (const [what, first, second, printed] of logs) {
    it.scopedLive(`compares numbers only within one log of the server: ${what}`, () =>
      Effect.gen(function* () {
        const server: KeepingServerOptions = {
          acknowledged,
          inbox: (connection) => (connection === 1 ? [from(1)] : [from(1), "from bob: end"]),
          log: (connection) => (connection === 1 ? first : second)
        }
        const { output } = yield* listening(server, "--count", `${printed.length}`)
        assert.deepStrictEqual(texts(output), printed)
      })
    )
  }

  it.scopedLive("reports lines that are no longer kept, and lines that came back", () =>
    Effect.gen(function* () {
      const server: KeepingServerOptions = {
        inbox: () => [
          from(3),
          "! gap bob first=4 last=9: x",
          "! undelivered carol reason=expired first=1 last=3 count=3: x",
          from(10)
        ]
      }
      const text = yield* listening(server, "--count", "2")
      const errors =
        "a-chat: bob: lines 4 to 9 are no longer kept\na-chat: carol: 3 lines came back, not read in time\n"
      assert.deepStrictEqual(text, { status: 1, output: "from bob: 3\nfrom bob: 10\n", errors })
      const json = yield* listening(server, "--count", "2", "--json")
      assert.deepStrictEqual([json.status, json.errors], [1, errors])
      assert.deepStrictEqual(objects(json.output)[1], { gap: "bob", first: 4, last: 9 })
    })
  )
})

describe.concurrent("a-chat listen --since of a damaged store", () => {
  it.scopedLive("prints the rest, names what is missing, and exits with 1", () =>
    Effect.gen(function* () {
      const ends = new Map([
        ["/history #ops after=0 limit=100", "first=1 last=100 damaged=1-100 more=yes"],
        ["/history #ops after=100 limit=100", "first=101 last=102 damaged=102"]
      ])
      const server: KeepingServerOptions = {
        command: (line, label) => {
          const end = ends.get(line)
          if (end === undefined) return [`* room @${label} #ops members=1 last=102: x`]
          const isLast = line.includes("after=100")
          return [
            ...(isLast ? [`* past @${label} #ops bob seq=101 at=101: left`] : []),
            `* end @${label} history #ops ${end}: x`
          ]
        }
      }
      assert.deepStrictEqual(yield* listening(server, "--room", "#ops", "--since", "1"), {
        status: 1,
        output: "from bob #ops: left\n",
        errors: "a-chat: #ops: lines 1 to 100 are no longer kept\na-chat: #ops: line 102 is no longer kept\n"
      })
    })
  )
})

describe.concurrent("a-chat exec and a-chat ask, with kept messages", () => {
  it.scopedLive("start a program once for a repeated message, in this run or in the next", () =>
    Effect.gen(function* () {
      const home = yield* temporaryFolder
      const handled = join(home, "handled")
      // The connection ends once the program has answered. Each run fetches a token first.
      const inboxes: Readonly<Record<number, ReadonlyArray<string>>> = {
        1: [from(1)],
        2: [from(1), "! gap bob first=2 last=4: x", from(5)],
        4: [from(5), from(6)]
      }
      let answers = 0
      const { port } = yield* keeping({
        inbox: (connection) => inboxes[connection] ?? [],
        answer: () => {
          answers += 1
          return answers === 1 ? "reset" : ["! logged-out reason=forgotten fatal: enough"]
        }
      })
      const program = ["sh", "-c", "cat >> $HANDLED; echo done"]
      const exec = Program.run(["exec", "--login", "alice", "--port", `${port}`, "--", ...program], {
        environment: { ACHAT_PASSWORD: password, HOME: home, HANDLED: handled }
      })
      const first = yield* exec
      assert.strictEqual(first.status, 2)
      assert.match(first.errors, /^a-chat: bob: lines 2 to 4 are no longer kept$/mu)
      assert.match(first.errors, /^a-chat: logged-out: enough$/mu)
      yield* exec
      assert.strictEqual(readFileSync(handled, "utf8"), "1\n5\n6\n")
    })
  )

  it.scopedLive("take no waiting message for the answer", () =>
    Effect.gen(function* () {
      const { port } = yield* keeping({
        answer: (line) => [
          from(4, 4, "an older one"),
          `* stored @${labelOf(line)} bob seq=6 at=6: x`,
          from(5, 5, "another one"),
          from(7, 7, "the answer")
        ]
      })
      const ask = ["ask", "--login", "alice", "--port", `${port}`, "--timeout", "20s", "bob", "the question"]
      const asked = yield* Program.run(ask, { environment: { ACHAT_PASSWORD: password, HOME: yield* temporaryFolder } })
      assert.deepStrictEqual(asked, {
        status: 0,
        output: "the answer\n",
        errors: "a-chat: from bob: an older one\na-chat: from bob: another one\n"
      })
    })
  )
})
