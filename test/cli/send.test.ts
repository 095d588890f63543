import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import { chatWithBobStuck, noPerl } from "../support/OtherProcesses.js"
import * as Program from "../support/Program.js"
import { eventually } from "../support/Eventually.js"
import * as WireClient from "../support/WireClient.js"

const at = ({ port }: Tcp.TcpAddress) => ["send", "--port", `${port}`]

/** A chat with bob in it, who reads. */
const chat = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const server = yield* Program.startServer(args)
    const bob = yield* Program.start(["connect", "--port", server.port, "--login", "bob"])
    bob.input.write("/ping here\n")
    yield* bob.says("output", /pong: here/u)
    const send = (...more: ReadonlyArray<string>) => Program.run(["send", "--port", server.port, ...more])
    const pipe = (input: string, ...more: ReadonlyArray<string>) =>
      Program.run(["send", "--port", server.port, ...more], { input })
    return { server, bob, send, pipe }
  })

const objects = (output: string) =>
  output
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line))

describe("a-chat send", () => {
  it.scopedLive("is quiet and exits with 0 when everybody was written to", () =>
    Effect.gen(function* () {
      const { bob, send } = yield* chat()
      assert.deepStrictEqual(yield* send("--login", "alice", "bob,alice", "grüße", "an", "alle"), {
        status: 0,
        output: "",
        errors: ""
      })
      yield* bob.says("output", /^from alice: grüße an alle$/mu)
      assert.strictEqual((yield* send("bob", "flags may come last", "--login", "carol")).status, 0)
      yield* bob.says("output", /^from carol: flags may come last$/mu)
      assert.strictEqual((yield* send("--", "bob", "--json")).status, 0)
      yield* bob.says("output", /^from \S+: --json$/mu)
    })
  )

  it.scopedLive("exits with 1 and names each recipient that did not get it", () =>
    Effect.gen(function* () {
      const { bob, send } = yield* chat()
      assert.deepStrictEqual(yield* send("--login", "alice", "carol, bob, dave", "hi"), {
        status: 1,
        output: "",
        errors:
          "a-chat: carol: offline: nobody of that name is here\na-chat: dave: offline: nobody of that name is here\n"
      })
      yield* bob.says("output", /^from alice: hi$/mu)
      const refused = yield* send("bob", "a\x01b")
      assert.deepStrictEqual(refused, {
        status: 1,
        output: "",
        errors: "a-chat: bad-line: a control character other than TAB\n"
      })
    })
  )

  it.scopedLive("sends each line of the input, also an empty one and one without an end", () =>
    Effect.gen(function* () {
      const { bob, pipe } = yield* chat()
      const { errors, output, status } = yield* pipe("one\n\r\nb\x01d\nlast", "--login", "alice", "bob, carol")
      assert.deepStrictEqual([status, output], [1, ""])
      assert.sameMembers(errors.split("\n").slice(0, -1), [
        ...[1, 2, 4].map((line) => `a-chat: line ${line}: carol: offline: nobody of that name is here`),
        "a-chat: line 3: bad-line: a control character other than TAB"
      ])
      yield* bob.says("output", /^from alice: one\nfrom alice: \nfrom alice: last$/mu)
    })
  )

  it.scopedLive("prints each outcome as an object", () =>
    Effect.gen(function* () {
      const { pipe } = yield* chat()
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

  it.scopedLive("takes a line of the longest length, and tells of a longer one", () =>
    Effect.gen(function* () {
      const { pipe } = yield* chat("--max-line", "100")
      const fits = "x".repeat(100 - "@1 bob: ".length)
      assert.strictEqual((yield* pipe(`${fits}\n`, "bob")).status, 0)
      for (const longer of [`${fits}x`, "x".repeat(101), "x".repeat(200_000)]) {
        const { errors, status } = yield* pipe(`${longer}\n`, "bob")
        assert.match(errors, /^a-chat: line 1: too-long: /u)
        assert.strictEqual(status, 1)
      }
    })
  )

  it.scopedLive("takes hundreds of thousands of lines through in their order, in little memory", () =>
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

  it.scopedLive("sends under another name if the one that it guesses is taken", () =>
    Effect.gen(function* () {
      const { bob, send, server } = yield* chat()
      const first = yield* Program.start(["send", "--port", server.port, "bob"])
      first.input.write("one\n")
      const name = yield* bob.says("output", /^from (\S+): one$/mu)
      assert.strictEqual((yield* send("bob", "two")).status, 0)
      const other = yield* bob.says("output", /^from (\S+): two$/mu)
      assert.match(other, /^.+-[\da-z]+$/u)
      assert.strictEqual(other.startsWith(name), true)
      const { errors, status } = yield* send("--login", name, "bob", "three")
      assert.deepStrictEqual(
        [status, errors],
        [2, "a-chat: login-in-use: that name, or one that looks the same, is present\n"]
      )
    })
  )

  it.scopedLive("tries again what may succeed later, as often as it is told to", () =>
    Effect.gen(function* () {
      const { bob, pipe } = yield* chat("--rate", "20")
      const input = Array.from({ length: 40 }, (_, index) => `${index}\n`).join("")
      const once = yield* pipe(input, "--login", "alice", "bob")
      assert.strictEqual(once.status, 1)
      assert.match(once.errors, /line \d+: slow-down: /u)
      const patient = yield* pipe(input, "--login", "carol", "--retry", "1000", "bob")
      assert.deepStrictEqual(patient, { status: 0, output: "", errors: "" })
      const received = yield* bob.says("output", /^from carol: 39$/mu)
      assert.strictEqual(received, "from carol: 39")
    })
  )

  it.scopedLive("exits with 3 when the connection breaks before the outcome", () =>
    Effect.gen(function* () {
      const breaking = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          if (line.startsWith("@2")) return "reset"
          return line.startsWith("@") ? [line.replace(/^(@\S+).*/u, "* written $1 bob: x")] : []
        })
      )
      const { errors, status } = yield* Program.run([...at(breaking), "bob"], { input: "one\ntwo\nthree\n" })
      assert.strictEqual(status, 3)
      assert.match(
        errors,
        /the connection ended before every outcome was known; 2 lines may have arrived or not, the first of them line 2\n$/u
      )
      const single = yield* FakeServer.answering(FakeServer.greeting((line) => (line.startsWith("@") ? "reset" : [])))
      const one = yield* Program.run([...at(single), "bob", "hi"])
      assert.strictEqual(one.status, 3)
      assert.match(one.errors, /; the message may have arrived or not\n$/u)
      const json = yield* Program.run([...at(single), "--json", "bob", "hi"])
      assert.deepStrictEqual(objects(json.output), [{ line: 1, to: "bob", outcome: "unknown" }])
    })
  )

  it.scopedLive("exits with 2 when the login is not answered in time, and at once then", () =>
    Effect.gen(function* () {
      let connectedAt = Infinity
      const silent = yield* FakeServer.make((socket) => {
        connectedAt = performance.now()
        socket.resume()
      })
      const { errors, status } = yield* Program.run([...at(silent), "--timeout", "200ms", "bob", "hi"])
      assert.deepStrictEqual([status, errors.startsWith("a-chat: no reply for 200 ms; is the name in use")], [2, true])
      // It waited 5 s more for the server's end.
      assert.isBelow(performance.now() - connectedAt, 4000)
    })
  )

  it.scopedLive("exits with 3 when no outcome comes in time", () =>
    Effect.gen(function* () {
      const silent = yield* FakeServer.answering(FakeServer.greeting(() => []))
      const { errors, status } = yield* Program.run([...at(silent), "--timeout", "200ms", "bob", "hi"])
      assert.deepStrictEqual(
        [status, errors],
        [3, "a-chat: no outcome for 200ms; the message may have arrived or not\n"]
      )
    })
  )

  it.scopedLive("exits with 3 when the server is killed in the middle", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* chat()
      const sending = yield* Program.start(["send", "--port", server.port, "bob"])
      sending.input.write("one\n")
      yield* bob.says("output", /: one$/mu)
      yield* server.kill("SIGKILL")
      const { errors, status } = yield* sending.ended
      assert.strictEqual(status, 3)
      // That bob has the line does not mean that its outcome was told.
      assert.match(
        errors,
        /^a-chat: the connection ended before everything was sent(?:; line 1 may have arrived or not)?\n$/u
      )
    })
  )

  // The kernel of a killed server ends its connections in order, since nothing is unread.
  it.scopedLive.skipIf(noPerl !== undefined)(
    "exits with 3 when the server is killed while a recipient does not read",
    () =>
      Effect.gen(function* () {
        const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
          [["bob,carol", "important"], ""],
          [["bob,carol"], "important\n"],
          [["--json", "bob,carol", "important"], ""],
          [["--wait", "none", "bob,carol", "important"], ""]
        ]
        for (const [args, input] of cases) {
          const { carol, server } = yield* chatWithBobStuck
          const sending = yield* Program.start(["send", "--port", server.port, "--login", "alice", ...args], { input })
          yield* carol.expect("from alice: important")
          yield* server.kill("SIGKILL")
          const { errors, output, status } = yield* sending.ended
          assert.strictEqual(status, 3)
          assert.strictEqual(errors.split("\n").length, 2, errors)
          if (args.includes("--json")) assert.include(output, `{"line":1,"to":"bob","outcome":"unknown"}\n`)
        }
      })
  )

  it.scopedLive("exits with 3 when the server ends in order while an outcome is missing", () =>
    Effect.gen(function* () {
      const ending = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          if (line.startsWith("@2")) return "end"
          return line.startsWith("@") ? [line.replace(/^(@\S+).*/u, "* written $1 bob: x")] : []
        })
      )
      const { errors, status } = yield* Program.run([...at(ending), "bob"], { input: "one\ntwo\nthree\n" })
      assert.strictEqual(status, 3)
      assert.strictEqual(
        errors,
        "a-chat: the connection ended before every outcome was known; 2 lines may have arrived or not, the first of them line 2\n"
      )
    })
  )

  it.scopedLive("tells what is unknown when it is interrupted", () =>
    Effect.gen(function* () {
      const came = yield* Deferred.make<void>()
      const silent = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          if (line.endsWith(": hi")) Deferred.unsafeDone(came, Exit.void)
          return []
        })
      )
      const sending = yield* Program.start([...at(silent), "bob"])
      sending.input.write("hi\n")
      yield* Deferred.await(came)
      yield* sending.kill("SIGINT")
      const { errors, status } = yield* sending.ended
      assert.strictEqual(status, 130)
      assert.match(errors, /^a-chat: interrupted; line 1 may have arrived or not\n$/u)
    })
  )

  it.scopedLive("exits with 2 when nothing could be sent", () =>
    Effect.gen(function* () {
      const nowhere = yield* Effect.scoped(FakeServer.echo)
      const original = yield* FakeServer.original
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
        [[...at(nowhere), "bob", "hi"], /cannot connect/u],
        [[...at(original), "bob", "hi"], /does not report outcomes.* --wait none/u],
        [[...at(original), "a:b", "hi"], /not a recipient: "a:b"/u],
        [[...at(original), ",", "hi"], /without a recipient/u],
        [[...at(original), "--login", "/x", "bob", "hi"], /not a login/u],
        [[...at(original), "--unix", "/tmp/x", "bob", "hi"], /--unix replaces/u],
        [[...at(original), "--timeout", "1ms", "bob", "hi"], /out of range/u],
        [[...at(original), "--retry", "-1", "bob", "hi"], /--retry/u],
        [[...at(original), "--wait", "read", "bob", "hi"], /is not one of written, none/u],
        [["send"], /recipients/u]
      ]
      for (const [args, message] of cases) {
        const { errors, output, status } = yield* Program.run(args)
        assert.match(errors, message)
        assert.deepStrictEqual([status, output], [2, ""])
      }
    })
  )

  it.scopedLive("needs no outcomes with --wait none, and tells what comes back", () =>
    Effect.gen(function* () {
      const original = yield* FakeServer.original
      const quiet = { status: 0, output: "", errors: "" }
      assert.deepStrictEqual(yield* Program.run([...at(original), "--wait", "none", "bob", "hi"]), quiet)
      const { bob, pipe } = yield* chat()
      assert.deepStrictEqual(yield* pipe("one\ntwo", "--login", "alice", "--wait", "none", "bob"), quiet)
      yield* bob.says("output", /^from alice: one\nfrom alice: two$/mu)
      assert.deepStrictEqual(yield* pipe("one\n", "--wait", "none", "bob,carol"), {
        status: 1,
        output: "",
        errors: "a-chat: undelivered carol reason=offline: nobody of that name is here\n"
      })
    })
  )

  it.scopedLive("tells every reason, in little memory, however late they are read", () =>
    Effect.gen(function* () {
      const count = 200_000
      const { port } = yield* Program.startServer()
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => spawn(process.execPath, [Program.main, "send", "--port", port, "nobody"])),
        (child) => Effect.sync(() => child.kill("SIGKILL"))
      )
      child.stdin.on("error", () => {})
      child.stdin.end(Array.from({ length: count }, (_, index) => `${index}\n`).join(""))
      // Nobody reads: it stands still, with most of its input unread.
      let [last, same] = [-1, 0]
      yield* eventually(() => {
        const read = Number(/rchar: (\d+)/u.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1])
        same = read === last && child.stderr.readableLength > 0 ? same + 1 : 0
        last = read
        return same > 100
      }, "it goes on reading")
      const peak = Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1])
      assert.isBelow(peak, 160_000)
      let text = ""
      child.stderr.setEncoding("utf8").on("data", (part: string) => (text += part))
      const status = yield* Effect.promise(() => new Promise((resolve) => child.on("close", resolve)))
      assert.strictEqual(status, 1)
      assert.strictEqual(text.split("\n").length - 1, count)
    })
  )

  it.scopedLive("does not go on with a server that shuts down", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* chat("--grace", "1s")
      const sending = yield* Program.start(["send", "--port", server.port, "--login", "alice", "bob"])
      const pour = () => {
        while (sending.input.writable && sending.input.write("x\n".repeat(1000)));
      }
      sending.input.on("drain", pour)
      pour()
      yield* bob.says("output", /^from alice: x$/mu)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* sending.ended
      assert.strictEqual(status, 3)
      const refused = errors.split("\n").filter((line) => line.includes(": closing: "))
      // No more than were under way.
      assert.isAtMost(refused.length, 4096)
      assert.match(errors, /the connection ended before everything was sent\n$/u)
    })
  )

  it.scopedLive("takes one line for a message, and nothing that is no input", () =>
    Effect.gen(function* () {
      const { port } = yield* Program.startServer()
      const send = (args: ReadonlyArray<string>, before?: string) =>
        Program.run(["send", "--port", port, ...args], before === undefined ? {} : { before })
      const cases = [
        yield* send(["bob", "one\ntwo"]),
        yield* send(["bob"], "exec < /"),
        yield* send(["bob", "hi", "--wait", "none", "--json"]),
        yield* send(["bob", "hi", "--wait", "none", "--retry", "2"])
      ]
      assert.deepStrictEqual(
        cases.map(({ errors, status }) => [status, errors]),
        [
          [2, "a-chat: a message is one line; give several lines as the input\n"],
          [2, "a-chat: the input is a directory\n"],
          [2, "a-chat: --json and --retry need outcomes; leave out --wait none\n"],
          [2, "a-chat: --json and --retry need outcomes; leave out --wait none\n"]
        ]
      )
    })
  )

  it.scopedLive("takes another name for the one that it guesses with --wait none, too", () =>
    Effect.gen(function* () {
      const { bob, send, server } = yield* chat()
      const first = yield* Program.start(["send", "--port", server.port, "bob"])
      first.input.write("one\n")
      yield* bob.says("output", /: one$/mu)
      assert.deepStrictEqual(yield* send("bob", "two", "--wait", "none"), { status: 0, output: "", errors: "" })
      yield* bob.says("output", /-[\da-z]+: two$/mu)
    })
  )
})
