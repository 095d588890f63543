import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"
import { headOf } from "../support/WireClient.js"

describe("commands", () => {
  it.scopedLive("/who lists the present names, sorted", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const carol = yield* server.join("carol")
      yield* server.join("alice")
      const bob = yield* server.join("bob")
      yield* server.connect // has no name yet
      yield* carol.send("/who\n")
      yield* carol.expect("* who 3: alice, bob, carol")
      yield* bob.send("/quit\n")
      yield* bob.rest
      yield* carol.send("/who\n")
      yield* carol.expect("* who 2: alice, carol")
    })
  )

  it.scopedLive("/who lists many names on several lines, each with the total number", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const names = Array.from({ length: 60 }, (_, i) => "李".repeat(30) + String(i).padStart(2, "0"))
      const clients = yield* Effect.forEach(names, server.join, { concurrency: 20 })
      const asker = clients[0] ?? (yield* Effect.dieMessage("no clients"))
      yield* asker.send("/who\n/ping\n")
      const lines = yield* asker.takeUntil("* pong: ")
      assert.isAbove(lines.length, 1)
      const told = lines.flatMap((line) => {
        assert.match(line, /^\* who 60: /)
        return line.slice("* who 60: ".length).split(", ")
      })
      assert.deepStrictEqual(told, names)
    })
  )

  it.scopedLive("/ping is answered after the answers to all earlier lines", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("bob: 1\nbob: 2\nno colon\n/ping  a : b \n/ping\nbob: 3\n/who\n/ping last\n")
      yield* alice.expect(
        "! undelivered bob reason=offline count=2",
        "! bad-line",
        "* pong: a : b",
        "* pong: ",
        "! undelivered bob reason=offline",
        "* who 1: alice",
        "* pong: last"
      )
    })
  )

  it.scopedLive("/help lists the commands, and an unknown command is refused by name", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("/help\n/ping\n")
      const help = yield* alice.takeUntil("* pong: ")
      assert.isAbove(help.length, 0)
      for (const line of help) assert.strictEqual(headOf(line), "* help")
      for (const word of ["/who", "/ping", "/quit", "/hello"]) assert.include(help.join("\n"), word)
      yield* alice.send("/dance now: please\n/WHO\n")
      yield* alice.expect("! unknown-command dance", "! unknown-command WHO")
      yield* alice.barrier
    })
  )

  it.scopedLive("/quit is answered with bye, the connection closes in order, and later lines are ignored", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* alice.send("alice: to myself\nbob: before\nnobody: hi\n/quit\nbob: after\n/who\n")
      const lines = yield* alice.rest
      assert.deepStrictEqual(
        lines
          .slice(0, -1)
          .map((line) => line.replace(/^(!.*?):.*/, "$1"))
          .toSorted(),
        ["! undelivered nobody reason=offline", "from alice: to myself"]
      )
      assert.match(lines.at(-1) ?? "", /^\* bye[ :]/)
      yield* bob.expect("from alice: before")
      yield* bob.barrier
      assert.strictEqual(server.closings("quit"), 1)
    })
  )

  it.scopedLive("commands work before the login, and do not count as one", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      yield* server.join("alice")
      const bob = yield* server.connect
      bob.name = "bob"
      yield* bob.send("/who\n/ping hi\n/help\n/nonsense\nbob\n")
      yield* bob.expect("* who 1: alice", "* pong: hi")
      yield* bob.takeUntil(
        (yield* bob.until("the refusal", () => bob.lines.find((line) => line.startsWith("!")))) ?? ""
      )
      yield* bob.barrier
      const early = yield* server.connect
      yield* early.send("/quit\ncarol\n")
      assert.match((yield* early.rest).join("\n"), /^\* bye.*$/)
      assert.deepStrictEqual(yield* server.names, ["alice", "bob"])
    })
  )

  it.scopedLive("/hello returns the server's limits before and after the login", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ maxLineBytes: 1_000 })
      const alice = yield* server.connect
      alice.name = "alice"
      yield* alice.send("/hello\n")
      assert.match(yield* alice.line, /^\* hello achat=1 ([a-z-]+=\S+ )*max-line=1000( [a-z-]+=\S+)*: /)
      yield* alice.send("alice\n/hello\n")
      assert.match(yield* alice.line, /^\* hello achat=1 name=alice max-line=1000( [a-z-]+=\S+)*: /)
      yield* alice.barrier
    })
  )

  it.scopedLive("/hello lists the words that are on, which add up, and ignores unknown ones", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.connect
      alice.name = "alice"
      const on = (hello: string) =>
        Effect.gen(function* () {
          yield* alice.send(`${hello}\n`)
          return / on=(\S+): /.exec(yield* alice.line)?.[1]
        })
      assert.isUndefined(yield* on("/hello"))
      assert.isUndefined(yield* on("/hello acks no-such-word"))
      yield* alice.send("alice\n")
      assert.strictEqual(yield* on("/hello  no-such-word\tack x"), "ack")
      assert.strictEqual(yield* on("/hello"), "ack")
      assert.strictEqual(yield* on("/hello ack no-such-word"), "ack")
      assert.strictEqual(yield* on("/hello to auto"), "ack+auto+to")
      const bob = yield* server.connect
      yield* bob.send("/hello\n")
      assert.notInclude(yield* bob.line, " on=")
    })
  )

  it.scopedLive("only clients that sent /hello get notices of joins, leaves and the shutdown", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ grace: Duration.seconds(3) })
      const plain = yield* server.join("plain")
      const greeted = yield* server.greet("greeted")
      const nameless = yield* server.connect
      yield* nameless.send("/hello\n")
      yield* nameless.line

      const quits = yield* server.join("quits")
      const ends = yield* server.join("ends")
      const breaks = yield* server.join("breaks")
      yield* quits.send("/quit\n")
      yield* quits.rest
      yield* greeted.expect("* joined quits", "* joined ends", "* joined breaks", "* left quits")
      yield* ends.end
      yield* greeted.expect("* left ends")
      yield* breaks.reset
      yield* greeted.expect("* left breaks")
      yield* plain.barrier
      yield* greeted.barrier
      assert.strictEqual((yield* nameless.takeLines(6)).length, 6)

      yield* server.drain
      yield* greeted.expect("* closing grace=3000 return=1000")
      yield* nameless.expect("* closing grace=3000 return=1500")
      assert.deepStrictEqual(yield* plain.rest, [])
      assert.match((yield* greeted.rest).at(-1) ?? "", /^\* bye[ :]/)
    })
  )

  it.scopedLive("an unknown command called `fatal` does not make its refusal look fatal", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      yield* alice.send("/fatal\n")
      yield* alice.expect("! unknown-command %66atal")
      yield* alice.barrier
    })
  )
})
