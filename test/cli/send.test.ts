import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import * as WireClient from "../support/WireClient.js"

import { at, objects, withBob } from "../support/SendCommand.js"

describe("a-chat send", () => {
  it.scopedLive("prints nothing and exits with 0 when the message is written to every recipient", () =>
    Effect.gen(function* () {
      const { bob, port, send } = yield* withBob()
      yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "dave")
      assert.deepStrictEqual(yield* send("--login", "alice", "bob,dave", "grüße", "an", "alle"), {
        status: 0,
        output: "",
        errors: ""
      })
      yield* bob.receives(/^from alice: grüße an alle$/mu)
      assert.strictEqual((yield* send("bob", "flags may come last", "--login", "carol")).status, 0)
      yield* bob.receives(/^from carol: flags may come last$/mu)
      assert.strictEqual((yield* send("--", "bob", "--json")).status, 0)
      yield* bob.receives(/^from \S+: --json$/mu)
    })
  )

  it.scopedLive("exits with 1 and names each recipient that did not get the message", () =>
    Effect.gen(function* () {
      const { bob, send } = yield* withBob()
      assert.deepStrictEqual(yield* send("--login", "alice", "carol, bob, dave", "hi"), {
        status: 1,
        output: "",
        errors:
          "a-chat: carol: offline: no recipient of that name is online\na-chat: dave: offline: no recipient of that " +
          "name is online\n"
      })
      yield* bob.receives(/^from alice: hi$/mu)
      const refused = yield* send("bob", "a\x01b")
      assert.deepStrictEqual(refused, {
        status: 1,
        output: "",
        errors: "a-chat: bad-line: a control character other than TAB\n"
      })
    })
  )

  it.scopedLive("suggests a present name that looks the same as an absent one", () =>
    Effect.gen(function* () {
      const { send } = yield* withBob()
      assert.deepStrictEqual(yield* send("Bob", "hi"), {
        status: 1,
        output: "",
        errors: "a-chat: Bob: offline: no recipient of that name is online; did you mean bob?\n"
      })
      const { errors } = yield* send("BOB,carol", "hi")
      assert.strictEqual(
        errors,
        "a-chat: BOB, carol: offline: no recipient of that name is online; did you mean bob?\n"
      )
      const { output } = yield* send("--json", "BOB,carol", "hi")
      assert.sameDeepMembers(objects(output), [
        { line: 1, to: "BOB", outcome: "returned", reason: "offline", like: "bob" },
        { line: 1, to: "carol", outcome: "returned", reason: "offline" }
      ])
    })
  )

  it.scopedLive("sends each line of the input, including an empty one and one without a terminator", () =>
    Effect.gen(function* () {
      const { bob, pipe } = yield* withBob()
      const { errors, output, status } = yield* pipe("one\n\r\nb\x01d\nlast", "--login", "alice", "bob, carol")
      assert.deepStrictEqual([status, output], [1, ""])
      assert.sameMembers(errors.split("\n").slice(0, -1), [
        ...[1, 2, 4].map((line) => `a-chat: line ${line}: carol: offline: no recipient of that name is online`),
        "a-chat: line 3: bad-line: a control character other than TAB"
      ])
      yield* bob.receives(/^from alice: one\nfrom alice: \nfrom alice: last$/mu)
    })
  )

  it.scopedLive("prints each outcome as an object", () =>
    Effect.gen(function* () {
      const { pipe } = yield* withBob()
      const { errors, output, status } = yield* pipe(`hi\nb\x01d\n${"x".repeat(70_000)}\n`, "--json", "bob,carol")
      assert.deepStrictEqual([status, errors], [1, ""])
      assert.sameDeepMembers(objects(output), [
        { line: 1, to: "bob", outcome: "written" },
        { line: 1, to: "carol", outcome: "returned", reason: "offline" },
        ...["bob", "carol"].flatMap((to) => [
          { line: 2, to, outcome: "refused", reason: "bad-line" },
          { line: 3, to, outcome: "refused", reason: "too-long" }
        ])
      ])
    })
  )

  it.scopedLive("sends a line of the maximum length, and reports a longer one", () =>
    Effect.gen(function* () {
      const { pipe } = yield* withBob({ maxLineBytes: 100 })
      const fits = "x".repeat(100 - "@1 bob: ".length)
      assert.strictEqual((yield* pipe(`${fits}\n`, "bob")).status, 0)
      for (const longer of [`${fits}x`, "x".repeat(101), "x".repeat(200_000)]) {
        const { errors, status } = yield* pipe(`${longer}\n`, "bob")
        assert.match(errors, /^a-chat: line 1: too-long: /u)
        assert.strictEqual(status, 1)
      }
    })
  )

  it.scopedLive("sends hundreds of thousands of lines in order, in little memory", () =>
    Effect.gen(function* () {
      const count = 300_000
      const { port } = yield* Program.startServer()
      const bob = yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "bob")
      const sending = yield* Program.start(["send", "--port", port, "--login", "alice", "--json", "bob"])
      sending.input.write(Array.from({ length: count }, (_, index) => `${index}\n`).join(""))
      yield* bob.takeUntil(`from alice: ${count - 1}`)
      const peak = Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${sending.pid}/status`, "utf8"))?.[1])
      sending.input.end()
      const { output, status } = yield* sending.ended
      assert.strictEqual(status, 0)
      assert.isBelow(peak, 200_000)
      const lines = objects(output)
      assert.strictEqual(lines.length, count)
      assert.isTrue(
        lines.every(({ line, outcome, to }, index) => line === index + 1 && outcome === "written" && to === "bob")
      )
    })
  )

  it.scopedLive("sends under the same name as others at once, and is not announced", () =>
    Effect.gen(function* () {
      const { bob, port, send } = yield* withBob()
      const watcher = yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), "watcher")
      yield* watcher.send("/hello\n")
      assert.match(yield* watcher.line, /^\* hello /u)
      const first = yield* Program.start(["send", "--port", port, "--login", "ci", "bob"])
      first.input.write("one\n")
      yield* bob.receives(/^from ci: one$/mu)
      assert.strictEqual((yield* send("--login", "ci", "bob", "two")).status, 0)
      yield* bob.receives(/^from ci: two$/mu)
      first.input.end("three\n")
      assert.strictEqual((yield* first.ended).status, 0)
      yield* watcher.barrier
      const { status } = yield* send("--login", "watcher", "bob", "four")
      assert.strictEqual(status, 2)
    })
  )

  it.scopedLive("sends under another name if the guessed one is taken", () =>
    Effect.gen(function* () {
      const { bob, port, send } = yield* withBob()
      assert.strictEqual((yield* send("bob", "one")).status, 0)
      const name = yield* bob.receives(/^from (\S+): one$/mu)
      yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), name)
      assert.strictEqual((yield* send("bob", "two")).status, 0)
      const other = yield* bob.receives(/^from (\S+): two$/mu)
      assert.match(other, /^.+-[\da-z]+$/u)
      assert.strictEqual(other.startsWith(name), true)
      const { errors, status } = yield* send("--login", name, "bob", "three")
      assert.deepStrictEqual(
        [status, errors],
        [2, "a-chat: login-in-use: that name, or one that looks the same, is in use\n"]
      )
    })
  )

  it.scopedLive("needs no outcomes with --wait none, and prints what is returned", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const quiet = { status: 0, output: "", errors: "" }
      assert.deepStrictEqual(yield* Program.run([...at(original), "--wait", "none", "bob", "hi"]), quiet)
      const { bob, pipe } = yield* withBob()
      assert.deepStrictEqual(yield* pipe("one\ntwo", "--login", "alice", "--wait", "none", "bob"), quiet)
      yield* bob.receives(/^from alice: one\nfrom alice: two$/mu)
      assert.deepStrictEqual(yield* pipe("one\n", "--wait", "none", "bob,carol"), {
        status: 1,
        output: "",
        errors: "a-chat: undelivered carol reason=offline: no recipient of that name is online\n"
      })
    })
  )

  it.scopedLive("reports every reason, in little memory, however late its output is read", () =>
    Effect.gen(function* () {
      const count = 200_000
      const { port } = yield* Program.startServer()
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [Program.main, "send", "--port", port, "nobody"])),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      child.stdin.on("error", () => {})
      child.stdin.end(Array.from({ length: count }, (_, index) => `${index}\n`).join(""))
      // Its output is not read, so it stops, with most of its input unread.
      let [last, same] = [-1, 0]
      yield* eventually(() => {
        const read = Number(/rchar: (\d+)/u.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1])
        same = read === last && child.stderr.readableLength > 0 ? same + 1 : 0
        last = read
        return same > 100
      }, "it keeps reading")
      const peak = Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1])
      assert.isBelow(peak, 160_000)
      let text = ""
      child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part))
      const status = yield* Effect.promise(() => new Promise((resolve) => child.on("close", resolve)))
      assert.strictEqual(status, 1)
      assert.strictEqual(text.split("\n").length - 1, count)
    })
  )

  it.scopedLive("sends under another name with --wait none, too", () =>
    Effect.gen(function* () {
      const { bob, port, send } = yield* withBob()
      assert.strictEqual((yield* send("bob", "one")).status, 0)
      const name = yield* bob.receives(/^from (\S+): one$/mu)
      yield* WireClient.join(Tcp.address("127.0.0.1", Number(port)), name)
      assert.deepStrictEqual(yield* send("bob", "two", "--wait", "none"), { status: 0, output: "", errors: "" })
      yield* bob.receives(/-[\da-z]+: two$/mu)
    })
  )
})
