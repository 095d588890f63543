import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { openTerminal } from "../support/MemoryTerminal.js"
import { eventually } from "../support/Eventually.js"
import * as Program from "../support/Program.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WatchedServer from "../support/WatchedServer.js"
import * as WireClient from "../support/WireClient.js"
import * as Tcp from "../../src/transport/Tcp.js"

/** A server, and a program that is logged in as bob. */
const withBob = (args: ReadonlyArray<string>, input?: string) =>
  Effect.gen(function* () {
    const chat = yield* WatchedServer.make()
    const [command = "", ...rest] = args
    const options = input === undefined ? {} : { input }
    const bob = yield* Program.start([command, "--port", chat.port, "--login", "bob", ...rest], options)
    yield* chat.joined("bob")
    const alice = yield* Effect.orDie(WireClient.greet(chat.address, "alice"))
    /** The outcome of each line, in their order. */
    const outcomes = (texts: ReadonlyArray<string>) =>
      Effect.gen(function* () {
        yield* alice.send(texts.map((text, index) => `@${index} bob: ${text}\n`).join(""))
        const found = new Map<string, string>()
        yield* alice.until("the outcomes", () => {
          for (const line of alice.lines) {
            const [, outcome = "", label = ""] = /^[!*] (\S+) @(\d+) bob/u.exec(line) ?? []
            if (label !== "") found.set(label, /reason=(\S+?):?(?: |$)/u.exec(line)?.[1] ?? outcome)
          }
          return found.size === texts.length ? found : undefined
        })
        return texts.map((_, index) => found.get(`${index}`))
      })
    return { ...chat, alice, bob, outcomes }
  })

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`)

const repeated = (text: string, count: number) => Array.from({ length: count }, () => text)

describe.concurrent("a message is received once the program has passed it on:", () => {
  it.scopedLive("listen, when it was printed", () =>
    Effect.gen(function* () {
      const { bob, ledger, outcomes } = yield* withBob(["listen"])
      assert.deepStrictEqual(yield* outcomes(numbers(500)), repeated("received", 500))
      const printed = yield* bob.says("output", /(?:from alice: \d+\n){500}/u)
      assert.strictEqual(
        printed,
        numbers(500)
          .map((number) => `from alice: ${number}\n`)
          .join("")
      )
      assert.strictEqual((yield* ledger).received, 500)
    })
  )

  it.scopedLive("listen --count, exactly that many", () =>
    Effect.gen(function* () {
      const { bob, ledger, outcomes } = yield* withBob(["listen", "--count", "40"])
      const expected = [...repeated("received", 40), ...repeated("disconnected", 60)]
      assert.deepStrictEqual(yield* outcomes(numbers(100)), expected)
      assert.strictEqual((yield* bob.ended).output.split("\n").length, 41)
      const { received, returned } = yield* ledger
      assert.deepStrictEqual([received, returned], [40, 60])
    })
  )

  it.scopedLive("listen that is killed, nothing that it has not printed", () =>
    Effect.gen(function* () {
      const { alice, bob, outcomes } = yield* withBob(["listen"])
      bob.output.pause()
      const sent = yield* Effect.fork(outcomes(repeated("x".repeat(50_000), 15)))
      yield* alice.until("the first outcome", () => alice.lines.find((line) => line.startsWith("* received @0 ")))
      yield* alice.send("/ping all\n")
      // the server has all lines
      yield* alice.until("the pong", () => alice.lines.find((line) => line === "* pong: all"))
      yield* bob.kill("SIGKILL")
      const found = yield* Fiber.join(sent)
      const received = found.filter((outcome) => outcome === "received").length
      assert.strictEqual(
        found.join(" "),
        [...repeated("received", received), ...repeated("disconnected", 15 - received)].join(" ")
      )
      assert.isBelow(received, 15)
      bob.output.resume()
      const { output } = yield* bob.ended
      assert.isAtLeast(output.split("\n").length - 1, received)
    })
  )

  it.scopedLive("listen at SIGTERM, everything that it has printed", () =>
    Effect.gen(function* () {
      const { bob, ledger, outcomes } = yield* withBob(["listen"])
      yield* Effect.fork(outcomes(numbers(50)))
      yield* bob.says("output", /from alice: 50\n/u)
      yield* bob.kill("SIGTERM")
      yield* bob.ended
      assert.strictEqual((yield* ledger).received, 50)
    })
  )

  it.scopedLive("exec, when the program was started with it", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const gate = join(folder, "gate")
      const script = `read -r text; echo "$text" >> started; while [ ! -e ${gate} ]; do sleep 0.02; done`
      const { bob, outcomes } = yield* withBob(["exec", "--", "sh", "-c", `cd ${folder}; ${script}`])
      const sent = yield* Effect.fork(outcomes(["one", "two", "three"]))
      yield* eventually(() => existsSync(join(folder, "started")), "the program was not started")
      assert.strictEqual(readFileSync(join(folder, "started"), "utf8"), "one\n")
      writeFileSync(gate, "")
      assert.deepStrictEqual(yield* Fiber.join(sent), repeated("received", 3))
      yield* bob.kill("SIGKILL")
    })
  )

  it.scopedLive("exec that is killed, no message for which no program was started", () =>
    Effect.gen(function* () {
      const { alice, bob, outcomes } = yield* withBob(["exec", "--", "sh", "-c", "read -r text; echo $text; sleep 60"])
      const sent = yield* Effect.fork(outcomes(["one", "two", "three"]))
      yield* alice.until("the answer", () => alice.lines.find((line) => line === "from bob: one"))
      yield* alice.until("the outcome", () => alice.lines.find((line) => line.startsWith("* received @0 ")))
      yield* bob.kill("SIGKILL")
      assert.deepStrictEqual(yield* Fiber.join(sent), ["received", "disconnected", "disconnected"])
    })
  )

  it.scopedLive("connect in a pipe, when it was printed, even after its input has ended", () =>
    Effect.gen(function* () {
      const { bob, ledger, outcomes } = yield* withBob(["connect"])
      assert.deepStrictEqual(yield* outcomes(numbers(100)), repeated("received", 100))
      bob.input.end()
      const { output, status } = yield* bob.ended
      assert.deepStrictEqual([status, output.split("\n").length], [0, 101])
      assert.strictEqual((yield* ledger).received, 100)
    })
  )

  it.scopedLive("the terminal, when it was drawn; its own lines are marked when they were received", () =>
    Effect.gen(function* () {
      const { address, joined, ledger, port } = yield* WatchedServer.make()
      const alice = yield* openTerminal(Tcp.connect(address))
      yield* alice.sees("as alice")
      const bob = yield* Program.start(["listen", "--port", port, "--login", "bob"])
      yield* joined("bob")
      yield* alice.types("bob: hi\r")
      yield* alice.sees("✓ bob ‹ hi")
      const sent = yield* Program.run(["send", "--port", port, "--json", "alice", "hello"])
      assert.strictEqual(sent.output, `{"line":1,"to":"alice","outcome":"received"}\n`)
      assert.strictEqual(sent.status, 0)
      assert.include(alice.lines().join("\n"), "› hello")
      yield* bob.says("output", /from alice: hi\n/u)
      assert.isAtLeast((yield* ledger).received, 2)
    })
  )

  it.scopedLive("send, never: it is given no messages", () =>
    Effect.gen(function* () {
      const { ledger, port, watcher } = yield* WatchedServer.make()
      const sending = yield* Program.start(["send", "--port", port, "--login", "carol", "watcher"])
      sending.input.write("ready\n")
      yield* watcher.until("the line", () => watcher.lines.find((line) => line === "from carol: ready"))
      yield* watcher.send("@1 carol: hi\n")
      yield* watcher.until("the outcome", () => watcher.lines.find((line) => line.startsWith("! undelivered @1 carol")))
      sending.input.end()
      assert.strictEqual((yield* sending.ended).status, 0)
      assert.strictEqual((yield* ledger).received, 0)
    })
  )
})
