import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { join } from "node:path"
import * as Tcp from "../../src/transport/Tcp.js"
import { labelOf, make as keeping, password } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { at, objects } from "../support/SendCommand.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

/** The time for a test that starts servers, on a busy machine, in milliseconds. */
const manyProcesses = 120_000

const quiet = { status: 0, output: "", errors: "" }

/** A server with the accounts alice and bob, in a file, which can be killed and started again on its port. */
const keepingServer = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const store = join(folder, "chat.db")
  const first = yield* Program.startServer(["--store", store])
  const { port } = first
  const address = Tcp.address("127.0.0.1", Number(port))
  const connect = WireClient.connect(address)
  for (const name of ["alice", "bob"]) yield* WireClient.register(address, name, password)
  let server = first
  const restart = Effect.gen(function* () {
    yield* server.kill("SIGKILL")
    yield* server.exited
    server = yield* Program.startServer(["--store", store, "--port", port])
  })
  /** What bob was sent so far, in order. */
  const inbox = Effect.gen(function* () {
    const bob = yield* connect
    yield* bob.send(`/hello seq\nbob/${Math.random().toString(36).slice(2)}: ${password}\n`)
    return bob
  })
  const environment = { HOME: folder, ACHAT_PORT: port, ACHAT_PASSWORD: password }
  const send = (args: ReadonlyArray<string>) => Program.start(["send", "--login", "alice", ...args], { environment })
  const sent = (...args: ReadonlyArray<string>) =>
    Effect.flatMap(
      Program.start(["send", "--login", "alice", ...args], { input: "", environment }),
      ({ ended }) => ended
    )
  return { connect, inbox, restart, send, sent }
})

const withPassword = { environment: { ACHAT_PASSWORD: password, HOME: "/nonexistent" } }

describe.concurrent("a-chat send to an account", () => {
  it.scopedLive(
    "stores each line once, in order, although the server is killed three times in the middle",
    () =>
      Effect.gen(function* () {
        const { inbox, restart, send } = yield* keepingServer
        const count = 900
        const sender = yield* send(["--retry", "1000", "--timeout", "60s", "--json", "bob"])
        for (let line = 1, kills = 0; line <= count; line++) {
          sender.input.write(`line ${line}\n`)
          if (line % 250 === 0 && kills < 3) {
            kills += 1
            yield* sender.says("output", new RegExp(`"line":${line - 100},`, "u"))
            yield* restart
          }
        }
        sender.input.end()
        const { errors, output, status } = yield* sender.ended
        assert.deepStrictEqual([status, errors], [0, ""])
        const outcomes = objects(output)
        assert.deepStrictEqual(
          outcomes.map(({ line }: { readonly line: number }) => line).toSorted((a: number, b: number) => a - b),
          Array.from({ length: count }, (_, index) => index + 1)
        )
        for (const { line, outcome, seq } of outcomes) assert.deepStrictEqual([outcome, seq], ["stored", line])
        const bob = yield* inbox
        const last = yield* bob.until("the last line", () =>
          bob.lines.some((line) => line.endsWith(`: line ${count}`))
            ? bob.lines.filter((line) => line.startsWith("from "))
            : undefined
        )
        assert.deepStrictEqual(
          last.map((line) => line.replace(/ at=\d+:/u, ":")),
          Array.from({ length: count }, (_, index) => `from alice seq=${index + 1}: line ${index + 1}`)
        )
      }),
    manyProcesses
  )

  it.scopedLive(
    "reports the number and the time of a line, and that a message was received",
    () =>
      Effect.gen(function* () {
        const { connect, sent } = yield* keepingServer
        const stored = yield* sent("--json", "bob", "one")
        assert.deepStrictEqual([stored.status, stored.errors], [0, ""])
        const [one] = objects(stored.output)
        assert.deepInclude(one, { line: 1, to: "bob", outcome: "stored", seq: 1 })
        assert.isBelow(Math.abs(Date.parse(one.at) - Date.now()), 60_000)
        const late = yield* sent("--wait", "received", "--timeout", "4s", "bob", "two")
        assert.deepStrictEqual(late, {
          status: 4,
          output: "",
          errors: "a-chat: bob: the message was stored, and not received within 4 s\n"
        })
        const bob = yield* connect
        yield* bob.send(`bob: ${password}\n`)
        const received = yield* sent("--wait", "received", "--json", "bob", "three")
        assert.strictEqual(received.status, 0)
        assert.deepInclude(objects(received.output)[0], { outcome: "received", seq: 3 })
        assert.deepStrictEqual(yield* sent("--wait", "received", "bob", "four"), quiet)
        const carol = yield* connect
        yield* carol.send("carol\n/ping in\n")
        yield* carol.expect("* pong: in")
        const written = yield* sent("--wait", "received", "carol", "hi")
        assert.deepStrictEqual(written, {
          status: 4,
          output: "",
          errors: "a-chat: carol: the message was delivered, but not every recipient acknowledges what it receives\n"
        })
      }),
    manyProcesses
  )
})

const send = (server: Tcp.TcpAddress, ...args: ReadonlyArray<string>) =>
  Program.run([...at(server), "--login", "alice", ...args], withPassword)

describe.concurrent("a-chat send to a server that keeps lines", () => {
  it.scopedLive("sends a line with an unknown outcome again, with its label, and counts `again` as success", () =>
    Effect.gen(function* () {
      const labels: Array<string> = []
      const server = yield* keeping({
        answer: (line) => {
          labels.push(labelOf(line))
          return labels.length < 3 ? "reset" : [`* stored @${labelOf(line)} bob seq=7 at=1764151201123 again=yes: x`]
        }
      })
      const sent = yield* send(server, "--timeout", "10s", "--retry", "5", "--json", "bob", "hi")
      assert.deepStrictEqual([sent.status, sent.errors], [0, ""])
      const stored = { line: 1, to: "bob", outcome: "stored", seq: 7, at: "2025-11-26T10:00:01.123Z", again: true }
      assert.deepStrictEqual(objects(sent.output), [stored])
      assert.match(labels[0] ?? "", /^[\w-]{12}\.1$/u)
      assert.deepStrictEqual(new Set(labels).size, 1)
    })
  )

  it.scopedLive("does not send a line again to a guest, who may have it", () =>
    Effect.gen(function* () {
      let lines = 0
      const server = yield* keeping({
        answer: (line) => {
          lines += 1
          const label = labelOf(line)
          return lines === 1 ? "reset" : [`* stored @${label} bob seq=1 at=1: x`]
        }
      })
      const sent = yield* send(server, "--timeout", "10s", "--retry", "5", "--json", "bob,carol", "hi")
      assert.strictEqual(sent.status, 3)
      assert.match(sent.errors, /the message may have arrived or not/u)
      assert.deepStrictEqual(
        objects(sent.output).map(({ outcome, to }: { readonly outcome: string; readonly to: string }) => [to, outcome]),
        [
          ["carol", "unknown"],
          ["bob", "unknown"]
        ]
      )
    })
  )

  it.scopedLive("sends nothing again to a server that has forgotten what `once` means", () =>
    Effect.gen(function* () {
      let lines = 0
      const server = yield* keeping({
        answer: () => {
          lines += 1
          return "reset"
        },
        words: () => (lines === 0 ? "once+seq" : "seq")
      })
      const sent = yield* send(server, "--timeout", "10s", "--retry", "5", "bob", "hi")
      assert.deepStrictEqual([sent.status, lines], [3, 1])
      assert.match(sent.errors, /may have arrived or not/u)
    })
  )

  it.scopedLive("sends a line only as often as --retry allows", () =>
    Effect.gen(function* () {
      let lines = 0
      const server = yield* keeping({
        answer: () => {
          lines += 1
          return "reset"
        }
      })
      const sent = yield* send(server, "--timeout", "10s", "--retry", "2", "bob", "hi")
      assert.deepStrictEqual([sent.status, lines], [3, 3])
    })
  )

  it.scopedLive("believes no receipt for others, none without a number, and none of the wrong line", () =>
    Effect.gen(function* () {
      const server = yield* keeping({
        answer: (line) => [
          "* delivered mallory seq=99: x",
          "* delivered bob: x",
          "* delivered bob seq=-1: x",
          "* delivered bob seq=1e9: x",
          "* delivered bob seq=4: x",
          "* stored bob seq=1 at=1 again=yes: no label",
          `* stored @${labelOf(line)} bob seq=5 at=1: x`
        ]
      })
      const sent = yield* send(server, "--wait", "received", "--timeout", "4s", "bob", "hi")
      assert.deepStrictEqual(sent, {
        status: 4,
        output: "",
        errors: "a-chat: bob: the message was stored, and not received within 4 s\n"
      })
    })
  )

  it.scopedLive("takes a receipt that comes before its outcome", () =>
    Effect.gen(function* () {
      const server = yield* keeping({
        answer: (line) => ["* delivered bob seq=6: x", `* stored @${labelOf(line)} bob seq=5 at=1: x`]
      })
      assert.deepStrictEqual(yield* send(server, "--timeout", "10s", "--wait", "received", "bob", "hi"), quiet)
    })
  )
})
