import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import type { Claim } from "../../src/chat/Admission.js"
import * as CloseReason from "../../src/protocol/CloseReason.js"
import * as FatalReply from "../../src/protocol/FatalReply.js"
import * as Tcp from "../../src/transport/Tcp.js"
import type { Listen, Socket, TransportError } from "../../src/ports/Transport.js"
import { eventually } from "../support/Eventually.js"
import { startAccounts } from "../support/Accounts.js"
import { startSocketServer, type SocketServer } from "../support/SocketServer.js"
import type { WireClient } from "../support/WireClient.js"

const secret = "c0nf1dential"

/** A transport with a defect: its log entries must name the connection, and other connections must continue. */
const defective =
  (method: "write" | "resume"): Listen =>
  (options) =>
    Tcp.listen(
      "127.0.0.1",
      0
    )({
      ...options,
      events: {
        ...options.events,
        accepted: (socket) => {
          options.events.accepted(
            new Proxy(socket, {
              get: (target, key) => {
                const value: unknown = Reflect.get(target, key)
                if (typeof value !== "function") return value
                return (...args: ReadonlyArray<unknown>) => {
                  if (key === method && (key !== "write" || String(args[0]).includes("poison")))
                    throw new Error("defect")
                  return Reflect.apply(value, target, args) as unknown
                }
              }
            }) satisfies Socket
          )
        }
      }
    })

/** What a kernel reports of a peer that has acknowledged nothing. */
const unanswered = { unacknowledged: 24, acknowledged: { atLeast: 0, atMost: 0 }, attempts: 3, silentMillis: 0 }

/** Causes each close reason for exactly one connection. */
const causes: Record<CloseReason.CloseReason, Effect.Effect<SocketServer, TransportError | string, Scope.Scope>> = {
  left: Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.join("alice")
    yield* client.end
    yield* client.rest
    return server
  }),
  quit: Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.join("alice")
    yield* client.send("/quit\n")
    yield* client.rest
    return server
  }),
  "connection-lost": Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.join("alice")
    yield* client.reset
    return server
  }),
  "slow-consumer": Effect.gen(function* () {
    const server = yield* startSocketServer({
      outboxBytes: 200_000,
      holdTimeout: Duration.millis(50),
      stallTimeout: Duration.millis(100)
    })
    const client = yield* server.join("alice")
    yield* client.pause
    yield* client.send(`alice: ${secret.repeat(2_000)}\n`.repeat(800))
    return server
  }),
  unreachable: Effect.gen(function* () {
    const server = yield* startSocketServer({
      stallTimeout: Duration.millis(100),
      reachability: {
        handed: () => 0,
        check: (sockets) => Effect.succeed(new Map(sockets.map((socket) => [socket, unanswered])))
      }
    })
    const client = yield* server.join("alice")
    yield* client.barrier
    yield* client.closed
    assert.strictEqual((yield* server.farewell("alice"))["unacknowledgedBytes"], unanswered.unacknowledged)
    return server
  }),
  memory: Effect.gen(function* () {
    const server = yield* startSocketServer({ outboxBytes: 100_000_000 })
    const client = yield* server.join("alice")
    yield* client.pause
    yield* client.send(`alice: ${secret.repeat(2_000)}\n`.repeat(2_000))
    yield* Effect.repeat(Effect.delay(server.memory, 5), { until: ({ used }) => used > 2_000_000 })
    yield* server.configure({ maxMemory: 1_000_000 })
    return server
  }),
  "bad-login": Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.connect
    yield* client.send(`no name ${secret}\n`)
    yield* client.closed
    return server
  }),
  "login-in-use": Effect.gen(function* () {
    const server = yield* startSocketServer()
    yield* server.join("alice")
    const client = yield* server.connect
    yield* client.send("alice\n")
    yield* client.closed
    return server
  }),
  "login-timeout": Effect.gen(function* () {
    const server = yield* startSocketServer({ loginTimeout: Duration.millis(50) })
    const client = yield* server.connect
    yield* client.closed
    return server
  }),
  full: Effect.gen(function* () {
    const server = yield* startSocketServer({ maxConnections: 1 })
    yield* server.join("alice")
    const client = yield* server.connect
    yield* client.closed
    return server
  }),
  unauthorized: Effect.gen(function* () {
    const server = yield* startSocketServer(yield* startAccounts({ alice: "correct horse" }))
    const client = yield* server.connect
    yield* client.send("alice: battery staple\n")
    yield* client.expect("! wrong-password fatal")
    yield* client.closed
    return server
  }),
  "logged-out": Effect.gen(function* () {
    const server = yield* startSocketServer(yield* startAccounts({ alice: "correct horse" }))
    const [first, second] = [yield* server.connect, yield* server.connect]
    yield* first.send("alice: correct horse\n/ping in\n")
    yield* first.expect("* pong: in")
    yield* second.send("alice: correct horse\n")
    yield* first.expect("! logged-out reason=replaced fatal")
    yield* first.closed
    return server
  }),
  kicked: Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.join("alice")
    assert.isTrue(yield* server.kick("alice"))
    yield* client.expect("! kicked fatal")
    yield* client.closed
    return server
  }),
  banned: Effect.gen(function* () {
    const server = yield* startSocketServer()
    const client = yield* server.join("alice")
    assert.strictEqual(yield* server.ban({ _tag: "Name", name: "alice" }), 1)
    yield* client.expect("! banned fatal")
    yield* client.closed
    return server
  }),
  shutdown: Effect.gen(function* () {
    const server = yield* startSocketServer()
    yield* server.join("alice")
    yield* server.drain
    return server
  }),
  "cut-off": Effect.gen(function* () {
    const server = yield* startSocketServer({ outboxBytes: 20_000_000, grace: Duration.millis(100) })
    const bob = yield* server.join("bob")
    const alice = yield* server.join("alice")
    yield* alice.pause
    yield* bob.send(`alice: ${secret.repeat(2_000)}\n`.repeat(400))
    yield* bob.barrier
    yield* server.drain
    return server
  }),
  "internal-error": Effect.gen(function* () {
    const server = yield* startSocketServer({ listen: [defective("write")] })
    const bob = yield* server.join("bob")
    const alice = yield* server.join("alice")
    yield* bob.send("alice: poison\n")
    yield* alice.closed
    yield* bob.takeLines(1) // it was returned
    yield* bob.barrier
    return server
  })
}

describe("the log and the metrics", () => {
  for (const reason of CloseReason.closeReasons) {
    it.scopedLive(`record once that a connection ended as ${reason}`, () =>
      Effect.gen(function* () {
        const server = yield* causes[reason]
        const is = ({ facts }: SocketServer["logs"][number]) => facts["reason"] === reason
        if (reason === "full") {
          // Refused connections may be thousands: they get at most one log entry in a while.
          yield* server.logged(reason, ({ message }) => message.startsWith("full: clients are refused"))
        } else {
          const { facts, message } = yield* server.logged(reason, is)
          assert.strictEqual(message, "connection closed")
          assert.match(String(facts["remote"]), /^127\.0\.0\.1:\d+$/)
          const keys = ["remote", "name", "reason", "durationMillis", "linesIn", "linesOut", "bytesIn", "bytesOut"]
          if (reason === "unreachable") keys.push("unacknowledgedBytes")
          if (reason === "login-in-use" || reason === "unauthorized") keys.push("login")
          assert.hasAllKeys({ ...facts, name: "" }, keys)
          const nameless = ["bad-login", "login-in-use", "login-timeout", "unauthorized"]
          assert.strictEqual(facts["name"], nameless.includes(reason) ? undefined : "alice")
          assert.strictEqual(server.logs.filter(is).length, 1)
        }
        assert.strictEqual(server.closings(reason), 1)
        assert.notInclude(JSON.stringify(server.logs), secret)
      })
    )
  }

  it.scopedLive("name the login that was refused, unless the line was not a name", () =>
    Effect.gen(function* () {
      const admission = { decide: ({ name }: Claim) => (name === "mallory" ? FatalReply.otherIdentity : undefined) }
      const server = yield* startSocketServer({ admission })
      yield* server.join("alice")
      for (const [line, login, reason] of [
        ["ALICE", "ALICE", "login-in-use"],
        ["mallory", "mallory", "bad-login"],
        [`alice: ${secret}`, undefined, "bad-login"]
      ] as const) {
        const client = yield* server.connect
        yield* client.send(`${line}\n`)
        yield* client.closed
        const { facts } = yield* server.logged(
          line,
          ({ facts }) => facts["reason"] === reason && facts["login"] === login
        )
        assert.notProperty(facts, "name")
      }
    })
  )

  it.scopedLive("record who logged in at debug level only", () =>
    Effect.gen(function* () {
      for (const level of [LogLevel.Info, LogLevel.Debug]) {
        const server = yield* Logger.withMinimumLogLevel(startSocketServer(), level)
        const client = yield* server.join("Ärger")
        yield* client.barrier
        const events = server.logs.filter(({ message }) => message === "logged in")
        const { connections } = yield* server.inspect
        const facts = { name: "Ärger", remote: connections[0]?.remote }
        const expected = { level: "DEBUG", message: "logged in", facts }
        assert.deepStrictEqual(events, level === LogLevel.Debug ? [expected] : [])
      }
    })
  )

  it.scopedLive("record a client that came and left without a byte at debug level, and any other at info level", () =>
    Effect.gen(function* () {
      const server = yield* Logger.withMinimumLogLevel(startSocketServer(), LogLevel.Debug)
      const closed = (count: number) =>
        Effect.map(
          eventually(() => farewells().length === count, "a connection was not closed"),
          () => farewells().at(-1)?.level
        )
      const farewells = () => server.logs.filter(({ message }) => message === "connection closed")
      const checks = [(client: WireClient) => client.end, (client: WireClient) => client.reset]
      let count = 0
      for (const leave of checks) {
        yield* leave(yield* server.connect)
        assert.strictEqual(yield* closed(++count), "DEBUG")
        const client = yield* server.connect
        yield* client.send("a") // not even a line
        yield* Effect.repeat(Effect.delay(server.inspect, 2), {
          until: ({ connections }) => connections.some(({ bytesIn }) => bytesIn === 1)
        })
        yield* leave(client)
        assert.strictEqual(yield* closed(++count), "INFO")
      }
    })
  )

  it.scopedLive("a defect in the broker ends the connection that triggered it, and the chat continues", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({ listen: [defective("resume")] })
      const bob = yield* server.join("bob")
      const alice = yield* server.join("alice")
      yield* alice.send(`bob: ${secret.repeat(100)}\n`.repeat(200)) // more than one read, so the reader was paused
      assert.strictEqual((yield* server.farewell("alice"))["reason"], "internal-error")
      yield* server.logged("the defect", ({ level }) => level === "ERROR")
      yield* bob.until("what came before", () => (bob.lines.length > 0 ? true : undefined))
      yield* bob.send("/ping over\n")
      yield* bob.takeUntil("* pong: over")
      yield* bob.barrier
      assert.notInclude(JSON.stringify(server.logs), secret)
    })
  )

  it.scopedLive("count the traffic of a connection without showing any of it", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.connect
      const lines = [
        "alice\n",
        `alice: ${secret}\n`,
        `bob: ${secret}\n`,
        `${secret} without a colon\n`,
        `/${secret}\n`,
        `/ping ${secret}\n`
      ]
      yield* alice.send(lines.join(""))
      yield* alice.send("/quit\n")
      const answers = yield* alice.rest
      const { bytesIn, bytesOut, linesIn, linesOut } = yield* server.farewell("alice")
      assert.strictEqual(bytesIn, `${lines.join("")}/quit\n`.length)
      assert.strictEqual(linesIn, lines.length + 1)
      assert.strictEqual(linesOut, answers.length)
      assert.strictEqual(bytesOut, answers.map((line) => `${line}\n`).join("").length)
      const bad = yield* server.connect
      yield* bad.send(`${secret} ${secret}\n`)
      yield* bad.rest
      yield* server.drain
      assert.notInclude(JSON.stringify(server.logs), secret)
      const messages = new Set(server.logs.map(({ message }) => message))
      assert.deepStrictEqual(messages, new Set(["listening", "connection closed", "draining", "stopped"]))
    })
  )

  it.scopedLive("include the application's annotations", () =>
    Effect.gen(function* () {
      const server = yield* Effect.annotateLogs(startSocketServer(), { service: "chat" })
      const alice = yield* server.join("alice")
      yield* alice.end
      yield* alice.rest
      const { facts } = yield* server.logged("the end", ({ message }) => message === "connection closed")
      assert.strictEqual(facts["service"], "chat")
      assert.strictEqual(facts["name"], "alice")
    })
  )
})
