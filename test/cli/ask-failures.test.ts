import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { readFileSync } from "node:fs"
import type * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"
import * as Program from "../support/Program.js"

const at = ({ port }: Tcp.TcpAddress) => ["ask", "--port", `${port}`]

/** A server that greets, and gives each labelled line to `answer`, as its label. */
const answering = (answer: (label: string) => ReadonlyArray<string> | "end" | "reset") =>
  FakeServer.answering(
    FakeServer.greeting((line) => {
      const label = /^(@\S+) /u.exec(line)?.[1]
      return label === undefined ? [] : answer(label)
    })
  )

/** Interrupts the command after the server's answer to the question. */
const interrupted = (answer: (label: string) => ReadonlyArray<string>, signal: NodeJS.Signals = "SIGINT") =>
  Effect.gen(function* () {
    const came = yield* Deferred.make<void>()
    const server = yield* answering((label) => {
      Deferred.unsafeDone(came, Exit.void)
      return answer(label)
    })
    const asking = yield* Program.start([...at(server), "bob", "hi"])
    yield* Deferred.await(came)
    yield* Effect.sleep("300 millis") // so that what the server has sent is read
    yield* asking.kill(signal)
    return yield* asking.ended
  })

describe.concurrent("a-chat ask, when something goes wrong", () => {
  it.scopedLive("takes an answer for the proof that the question arrived, whatever its outcome", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<(label: string) => ReadonlyArray<string>> = [
        () => ["from bob: here"],
        (label) => ["from bob: here", `* written ${label} bob: x`],
        (label) => ["from bob: here", `! undelivered ${label} bob reason=disconnected: x`],
        (label) => [`* received ${label} bob: x`, "from bob: here"],
        (label) => [`* stored ${label} bob: x`, "from bob: here"]
      ]
      for (const answer of cases) {
        const server = yield* answering(answer)
        assert.deepStrictEqual(yield* Program.run([...at(server), "bob", "hi"]), {
          status: 0,
          output: "here\n",
          errors: ""
        })
      }
    })
  )

  it.scopedLive("does not take for the answer what came before the question, or from another user", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.answering((line) => {
        if (line.startsWith("/hello")) {
          const early = line === "/hello" ? ["from bob: early"] : []
          return ["* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: x", ...early]
        }
        const label = /^(@\d+) /u.exec(line)?.[1]
        return label === undefined
          ? []
          : ["from bob2: x", "from Bob: x", `* written ${label} bob: x`, "from bob auto=yes: here"]
      })
      const { errors, output, status } = yield* Program.run([...at(server), "bob", "hi"])
      assert.deepStrictEqual([status, output], [0, "here\n"])
      assert.strictEqual(errors, "a-chat: from bob: early\na-chat: from bob2: x\na-chat: from Bob: x\n")
    })
  )

  it.scopedLive("exits with 3 when the connection ends before the answer", () =>
    Effect.gen(function* () {
      const mayHave = "a-chat: the connection ended; the question may have arrived or not\n"
      const before = "a-chat: the connection ended before bob answered\n"
      const cases: ReadonlyArray<readonly [(label: string) => ReadonlyArray<string> | "end" | "reset", string]> = [
        [() => "end", mayHave],
        [() => "reset", mayHave],
        [(label) => [`* written ${label} mallory: x`], "no outcome"],
        [(label) => [`! undelivered ${label} bob reason=offline`], "no outcome"]
      ]
      for (const [answer, errors] of cases.slice(0, 2)) {
        const ended = yield* Program.run([...at(yield* answering(answer)), "bob", "hi"])
        assert.deepStrictEqual(ended, { status: 3, output: "", errors })
      }
      const withoutOutcome = ([answer]: (typeof cases)[number]) =>
        Effect.gen(function* () {
          // Long enough for the login on a busy machine.
          const ended = yield* Program.run([...at(yield* answering(answer)), "bob", "hi", "--timeout", "3s"])
          assert.deepStrictEqual(ended, {
            status: 3,
            output: "",
            errors: "a-chat: no outcome within 3 s; the question may have arrived or not\n"
          })
        })
      yield* Effect.forEach(cases.slice(2), withoutOutcome, { concurrency: "unbounded", discard: true })
      for (const end of ["end", "reset"] as const) {
        const server = yield* FakeServer.answering((line) => {
          if (line.startsWith("/hello")) return ["* hello achat=1 name=alice max-line=1000 max-recipients=3 on=ack: x"]
          if (line.startsWith("/ack")) return end
          const label = /^(@\d+) /u.exec(line)?.[1]
          return label === undefined ? [] : [`* written ${label} bob: x`, "from mallory: x"]
        })
        const { errors, status } = yield* Program.run([...at(server), "bob", "hi"])
        assert.deepStrictEqual([status, errors], [3, `a-chat: from mallory: x\n${before}`])
      }
    })
  )

  it.scopedLive("says why the server ended the connection", () =>
    Effect.gen(function* () {
      const server = yield* FakeServer.make((socket) => {
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n").slice(0, -1)) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            const label = /^(@\d+) /u.exec(line)?.[1]
            if (label !== undefined) socket.end(`* written ${label} bob: x\n! kicked fatal: the operator\x1b says so\n`)
          }
        })
      })
      assert.deepStrictEqual(yield* Program.run([...at(server), "bob", "hi"]), {
        status: 3,
        output: "",
        errors: "a-chat: the connection ended (kicked: the operator\\x1b says so) before bob answered\n"
      })
    })
  )

  it.scopedLive("asks again with --retry after a shutdown that did not accept the question", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = yield* FakeServer.make((socket) => {
        connections += 1
        const isFirst = connections === 1
        socket.on("end", () => socket.end())
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n").slice(0, -1)) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            const label = /^(@\d+) /u.exec(line)?.[1]
            if (label === undefined) continue
            if (isFirst) socket.end(`! closing ${label}: the server shuts down\n* bye reason=shutdown: x\n`)
            else socket.write(`* written ${label} bob: x\nfrom bob: here\n`)
          }
        })
      })
      const again = yield* Program.run([...at(server), "bob", "hi", "--retry", "3"])
      assert.deepStrictEqual(again, { status: 0, output: "here\n", errors: "" })
      assert.strictEqual(connections, 2)
      connections = 0
      const once = yield* Program.run([...at(server), "bob", "hi"])
      assert.deepStrictEqual(once, { status: 1, output: "", errors: "a-chat: closing: the server shuts down\n" })
    })
  )

  it.scopedLive("exits with 2 when it cannot start", () =>
    Effect.gen(function* () {
      const nowhere = yield* Effect.scoped(FakeServer.echo)
      const original = yield* FakeServer.original
      const silent = yield* FakeServer.make((socket) => socket.resume())
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string, RegExp]> = [
        [[...at(nowhere), "bob", "hi"], "", /^a-chat: cannot connect/u],
        [[...at(original), "bob", "hi"], "", /does not report outcomes, which ask needs/u],
        [[...at(silent), "bob", "hi", "--timeout", "300ms"], "", /^a-chat: no reply for 300 ms/u],
        [[...at(nowhere), "a:b", "hi"], "", /not a recipient: "a:b"/u],
        [[...at(nowhere), ",", "hi"], "", /without a recipient/u],
        [[...at(nowhere), "bob", "one\ntwo"], "", /^a-chat: a question is one line\n$/u],
        [[...at(nowhere), "bob"], "one\ntwo\n", /^a-chat: a question is one line\n$/u],
        [[...at(nowhere), "bob"], "\n", /^a-chat: there is no question/u],
        [[...at(nowhere), "bob"], "", /^a-chat: there is no question/u],
        [[...at(nowhere), "--lines", "0", "bob", "hi"], "", /--lines/u],
        [[...at(nowhere), "--quite", "1s", "bob", "hi"], "", /unknown flag --quite; did you mean --quiet\?/u],
        [["ask"], "", /recipients/u],
        [["aks", "bob", "hi"], "", /unknown command aks; did you mean ask\?/u]
      ]
      for (const [args, input, message] of cases) {
        const { errors, output, status } = yield* Program.run(args, { input })
        assert.match(errors, message)
        assert.deepStrictEqual([status, output], [2, ""])
      }
      const folder = yield* Program.runProcess([...at(nowhere), "bob"], { before: "exec < /" })
      assert.deepStrictEqual([folder.status, folder.errors], [2, "a-chat: the input is a directory\n"])
    })
  )

  it.scopedLive("says what is known when it is interrupted", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const unknown = yield* interrupted(() => [], signal)
        assert.deepStrictEqual(unknown, {
          status: 3,
          output: "",
          errors: "a-chat: interrupted; the question may have arrived or not\n"
        })
      }
      const delivered = yield* interrupted((label) => [`* written ${label} bob: x`])
      assert.deepStrictEqual(delivered, {
        status: 130,
        output: "",
        errors: "a-chat: interrupted before bob answered\n"
      })
    })
  )

  it.scopedLive("ends in time, and in little memory, whatever a server sends", () =>
    Effect.gen(function* () {
      const flood = "from mallory: x\n".repeat(4000)
      const server = yield* FakeServer.make((socket) => {
        const go = () => {
          while (!socket.destroyed && socket.write(flood));
        }
        socket.setEncoding("utf8").on("data", (text: string) => {
          for (const line of text.split("\n")) {
            if (line.startsWith("/hello"))
              socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n")
            if (line.startsWith("@")) {
              socket.on("drain", go)
              go()
            }
          }
        })
      })
      const asking = yield* Program.start([...at(server), "bob", "hi", "--timeout", "1s"])
      asking.errors.pause()
      yield* Effect.sleep("900 millis")
      const peak = Number(/VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${asking.pid}/status`, "utf8"))?.[1])
      assert.isBelow(peak, 200_000)
      assert.strictEqual(yield* asking.exited, 3)
    })
  )
})
