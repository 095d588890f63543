import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Documents from "../support/Documents.js"
import * as FakeServer from "../support/FakeServer.js"
import * as LocalServer from "../support/LocalServer.js"
import * as WireClient from "../support/WireClient.js"

const section = Documents.section(Documents.text("PROTOCOL.md"), "8. Writing a client")

const client = fileURLToPath(new URL("client.py", import.meta.url))

/** Starts the client in Python. `lines` are what it has printed. */
const start = (port: string, name: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => spawn("python3", [client, "127.0.0.1", port, name], { stdio: ["pipe", "pipe", "inherit"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    ),
    (child) => {
      let output = ""
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
      const status = new Promise<number | null>((resolve) => child.on("close", resolve))
      const type = (...lines: ReadonlyArray<string>) => Effect.sync(() => child.stdin.write(`${lines.join("\n")}\n`))
      const prints = (line: string) =>
        Effect.async<void>((resume) => {
          const look = () => {
            if (!`\n${output}`.includes(`\n${line}\n`)) return
            child.stdout.off("data", look)
            resume(Effect.void)
          }
          child.stdout.on("data", look)
          void status.then(() => resume(Effect.dieMessage(`it ended without ${line}: ${output}`)))
          look()
          return Effect.sync(() => child.stdout.off("data", look))
        })
      return {
        type,
        prints,
        /** Asks until it knows that these are present. */
        knows: (...names: ReadonlyArray<string>) =>
          Effect.race(prints(["present", ...names].join(" ")), Effect.forever(Effect.delay(type("?"), "50 millis"))),
        /** Ends its input, and waits for its end. */
        ended: Effect.promise(() => {
          child.stdin.end()
          return status
        }),
        lines: () => output.split("\n").slice(0, -1)
      }
    }
  )

const serveOn = (port: number) =>
  LocalServer.start({ listen: [Tcp.listen("127.0.0.1", port)], returnAfter: Duration.millis(200) })

const hasPython = spawnSync("python3", ["--version"]).status === 0

describe("Section 8 of PROTOCOL.md", () => {
  it.scopedLive("shows a session as it happens", () =>
    Effect.gen(function* () {
      const [session = ""] = Documents.blocks(section, "")
      const { address } = yield* LocalServer.start()
      const bob = yield* WireClient.join(address, "bob")
      const alice = yield* WireClient.connect(address)
      alice.name = "alice"
      for (const line of session.trim().split("\n")) {
        const rest = line.slice(2)
        if (line.startsWith("> ")) {
          yield* alice.send(`${rest}\n`)
          continue
        }
        if (rest.startsWith("from bob: ")) yield* bob.send(rest.replace("from bob", "alice").concat("\n"))
        if (rest.startsWith("* left bob: ")) yield* bob.end
        yield* alice.expect(rest.replace(/: …$/u, ""))
      }
      yield* bob.expect("from alice: lunch?")
      assert.deepStrictEqual(yield* alice.rest, [])
    })
  )
})

describe.skipIf(!hasPython)("The client in Python of PROTOCOL.md", () => {
  it.scopedLive("sends, and gets each outcome in the form in which it expects it", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const bob = yield* start(port, "bob")
      yield* bob.knows("bob")
      const alice = yield* start(port, "alice")
      const long = "n".repeat(33)
      yield* alice.type(`bob, carol, a b, 😀, e\u0301va, ${long}: hi`, "bob: one\u2028! line", "nonsense")
      for (const name of ["carol", "a%20b", "%F0%9F%98%80", "éva", `${"n".repeat(32)}…`]) {
        yield* alice.prints(`k1 ${name} offline`)
      }
      for (const line of ["k1 bob received", "k2 bob received", "k3 bad-line"]) yield* alice.prints(line)
      yield* bob.prints("from alice: one\u2028! line")
      assert.strictEqual(yield* alice.ended, 0)
      yield* bob.knows("bob")
      yield* bob.type("bob: myself")
      yield* bob.prints("k1 bob received")
      assert.strictEqual(yield* bob.ended, 0)
      assert.deepStrictEqual(bob.lines().slice(-2), ["from bob: myself", "k1 bob received"])
      assert.notInclude(alice.lines().join("\n"), "unknown")
    })
  )

  it.scopedLive("knows who is present, reads while it writes, and leaves with every outcome", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const [alice, bob] = [yield* start(port, "alice"), yield* start(port, "bob")]
      yield* Effect.zip(alice.knows("alice", "bob"), bob.knows("alice", "bob"))
      const count = 5_000
      const flood = (to: string) => Array.from({ length: count }, (_, index) => `${to}: ${index}`)
      yield* Effect.zip(alice.type(...flood("bob")), bob.type(...flood("alice")))
      yield* Effect.zip(alice.prints(`from bob: ${count - 1}`), bob.prints(`from alice: ${count - 1}`), {
        concurrent: true
      })
      for (const one of [alice, bob]) yield* one.prints(`k${count} ${one === alice ? "bob" : "alice"} received`)
      assert.deepStrictEqual(yield* Effect.all([alice.ended, bob.ended]), [0, 0])
      const received = bob.lines().filter((line) => line.startsWith("from "))
      assert.deepStrictEqual(received, flood("from alice"))
      assert.strictEqual(alice.lines().filter((line) => line.endsWith(" bob received")).length, count)
    })
  )

  it.scopedLive("sends what the server refuses as too fast again, one line after another", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      let isIn = false
      const { port } = yield* FakeServer.answering((line) => {
        if (line === "/who") return ["* who 1: alice"]
        lines.push(line)
        if (lines.length === 1) return [] // reported with the next line
        if (lines.length === 2) return ["! slow-down retry=20 count=2: x"]
        if (lines.length === 5) return ["! slow-down retry=20: x"]
        if (line === "alice") isIn = true
        return line === "/hello ack" ? [`* hello achat=1${isIn ? " name=alice" : ""} max-line=1000: x`] : []
      })
      const alice = yield* start(String(port), "alice")
      yield* alice.knows("alice")
      assert.deepStrictEqual(lines, ["alice", "/hello ack", "/hello ack", "alice", "/hello ack", "/hello ack"])
    })
  )

  it.scopedLive("comes back to a server that has restarted", () =>
    Effect.gen(function* () {
      const first = yield* Scope.make()
      const { port } = yield* Scope.extend(serveOn(0), first)
      const alice = yield* start(port, "alice")
      yield* alice.type("alice: one")
      yield* alice.prints("k1 alice received")
      yield* Scope.close(first, Exit.void)
      yield* alice.prints("lost: the server has closed the connection")
      yield* serveOn(Number(port))
      yield* alice.type("alice: two")
      yield* alice.prints("k2 alice received")
      assert.strictEqual(yield* alice.ended, 0)
      assert.deepStrictEqual(
        alice.lines().filter((line) => line.startsWith("from ")),
        ["from alice: one", "from alice: two"]
      )
    })
  )
})
