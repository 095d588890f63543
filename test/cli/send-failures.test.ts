import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FakeServer from "../support/FakeServer.js"
import { chatWithBobStuck, noPerl } from "../support/OtherProcesses.js"
import * as LocalServer from "../support/LocalServer.js"
import * as Program from "../support/Program.js"

import { at, objects, programWithBob } from "../support/SendCommand.js"

describe.concurrent("a-chat send, when something goes wrong", () => {
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
        /the server did not report every outcome; 2 lines may have arrived or not, the first of them line 2\n$/u
      )
      const single = yield* FakeServer.answering(FakeServer.greeting((line) => (line.startsWith("@") ? "reset" : [])))
      const one = yield* Program.run([...at(single), "bob", "hi"])
      assert.strictEqual(one.status, 3)
      assert.match(one.errors, /; the message may have arrived or not\n$/u)
      const json = yield* Program.run([...at(single), "--json", "bob", "hi"])
      assert.deepStrictEqual(objects(json.output), [{ line: 1, to: "bob", outcome: "unknown" }])
    })
  )

  it.scopedLive("exits with 2 as soon as the time for the login is over", () =>
    Effect.gen(function* () {
      let connectedAt = Infinity
      const silent = yield* FakeServer.make((socket) => {
        connectedAt = performance.now()
        socket.resume()
      })
      const { errors, status } = yield* Program.run([...at(silent), "--timeout", "200ms", "bob", "hi"])
      assert.deepStrictEqual([status, errors.startsWith("a-chat: no reply for 200 ms; is the name in use")], [2, true])
      // Waiting for the server to close would take 5 s longer.
      assert.isBelow(performance.now() - connectedAt, 4000)
    })
  )

  it.scopedLive("exits with 3 when no outcome arrives in time", () =>
    Effect.gen(function* () {
      const silent = yield* FakeServer.answering(FakeServer.greeting(() => []))
      const { errors, status } = yield* Program.run([...at(silent), "--timeout", "2s", "bob", "hi"])
      assert.deepStrictEqual([status, errors], [3, "a-chat: no outcome for 2s; the message may have arrived or not\n"])
    })
  )

  it.scopedLive("exits with 3 when the server is killed during the input", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* programWithBob()
      const sending = yield* Program.start(["send", "--port", server.port, "bob"])
      sending.input.write("one\n")
      yield* bob.receives(/: one$/mu)
      yield* server.kill("SIGKILL")
      const { errors, status } = yield* sending.ended
      assert.strictEqual(status, 3)
      // Bob has the line, but its outcome may not have arrived.
      assert.match(
        errors,
        /^a-chat: the connection ended before everything was sent(?:; line 1 may have arrived or not)?\n$/u
      )
    })
  )

  // The kernel closes the connections of a killed server in an orderly way, since nothing is unread.
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

  it.scopedLive("exits with 3 when the server closes in an orderly way while an outcome is missing", () =>
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
        "a-chat: the server did not report every outcome; 2 lines may have arrived or not, the first of them line 2\n"
      )
    })
  )

  const signals = [["SIGINT", 130] as const, ["SIGTERM", 143] as const]
  for (const [signal, signalled] of signals) {
    it.scopedLive(
      `exits with 3 when ${signal} interrupts it and an outcome is unknown, and with ${signalled} otherwise`,
      () =>
        Effect.gen(function* () {
          for (const isAnswered of [false, true]) {
            const came = yield* Deferred.make<void>()
            const server = yield* FakeServer.answering(
              FakeServer.greeting((line) => {
                const label = /^(@\S+) bob: hi$/u.exec(line)?.[1]
                if (label === undefined) return []
                Deferred.unsafeDone(came, Exit.void)
                return isAnswered ? [`* written ${label} bob: x`] : []
              })
            )
            const sending = yield* Program.start([...at(server), "--json", "bob"])
            sending.input.write("hi\n")
            yield* isAnswered ? sending.says("output", /written/u) : Deferred.await(came)
            yield* sending.kill(signal)
            const { errors, status } = yield* sending.ended
            assert.strictEqual(status, isAnswered ? signalled : 3)
            const unknown = isAnswered ? "" : "; line 1 may have arrived or not"
            assert.strictEqual(errors, `a-chat: interrupted${unknown}\n`)
          }
        })
    )
  }

  it.scopedLive("exits with 2 when it cannot start", () =>
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
        [[...at(original), "--wait", "read", "bob", "hi"], /is not one of written, received, none/u],
        [["send"], /recipients/u]
      ]
      for (const [args, message] of cases) {
        const { errors, output, status } = yield* Program.run(args)
        assert.match(errors, message)
        assert.deepStrictEqual([status, output], [2, ""])
      }
    })
  )

  it.scopedLive("stops sending to a server that shuts down", () =>
    Effect.gen(function* () {
      const { bob, server } = yield* programWithBob("--grace", "10s")
      const sending = yield* Program.start(["send", "--port", server.port, "--login", "alice", "bob"])
      const pour = () => {
        while (sending.input.writable && sending.input.write("x\n".repeat(1000)));
      }
      sending.input.on("drain", pour)
      pour()
      yield* bob.receives(/^from alice: x$/mu)
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* sending.ended
      assert.strictEqual(status, 3)
      const refused = errors.split("\n").filter((line) => line.includes(": closing: "))
      // Only lines that were under way.
      assert.isAtMost(refused.length, 4096)
      assert.match(errors, /the connection ended before everything was sent\n$/u)
    })
  )

  it.scopedLive("refuses a message of two lines, an input that is a directory, and flags that need outcomes", () =>
    Effect.gen(function* () {
      const { port } = yield* LocalServer.start()
      const send = (args: ReadonlyArray<string>, before?: string) =>
        Program.runProcess(["send", "--port", port, ...args], before === undefined ? {} : { before })
      const cases = [
        yield* send(["bob", "one\ntwo"]),
        yield* send(["bob"], "exec < /"),
        yield* send(["bob", "hi", "--wait", "none", "--json"]),
        yield* send(["bob", "hi", "--wait", "none", "--retry", "2"]),
        yield* send(["bob", "hi", "--wait", "none", "--wait-for", "2s"])
      ]
      assert.deepStrictEqual(
        cases.map(({ errors, status }) => [status, errors]),
        [
          [2, "a-chat: a message is one line; give several lines as the input\n"],
          [2, "a-chat: the input is a directory\n"],
          [2, "a-chat: --json, --retry and --wait-for need outcomes; leave out --wait none\n"],
          [2, "a-chat: --json, --retry and --wait-for need outcomes; leave out --wait none\n"],
          [2, "a-chat: --json, --retry and --wait-for need outcomes; leave out --wait none\n"]
        ]
      )
    })
  )
})
