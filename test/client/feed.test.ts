import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import type { Envelope } from "../../src/client/AcknowledgedFeed.js"
import * as Client from "../../src/client/Client.js"
import * as ReconnectingClient from "../../src/client/ReconnectingClient.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as CountingServer from "../support/CountingServer.js"
import { eventually } from "../support/Eventually.js"
import { make as keeping, password, type KeepingServerOptions } from "../support/KeepingServer.js"
import * as Program from "../support/Program.js"
import { log } from "../support/RoomLog.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"
import * as WireClient from "../support/WireClient.js"

const from = (seq: number) => `from bob seq=${seq} at=${seq}: ${seq}`

const textOf = ({ received }: Envelope) => ("text" in received ? received.text : "")

const isMessage = ({ received }: Envelope) => received._tag === "Message"

/** The next messages of a feed, not acknowledged. */
const next = (client: Client.ClientHandle, count: number): Effect.Effect<ReadonlyArray<Envelope>> =>
  Effect.orDie(
    Effect.map(Stream.runCollect(Stream.take(Stream.filter(client.feed, isMessage), count)), Chunk.toReadonlyArray)
  )

const ackAll = (envelopes: ReadonlyArray<Envelope>) => Effect.forEach(envelopes, ({ ack }) => ack, { discard: true })

/** A client of alice that reconnects, on a server that does what the test says. */
const connect = (options: KeepingServerOptions) =>
  Effect.gen(function* () {
    const address = yield* keeping({ exchanges: false, ...options })
    return yield* ReconnectingClient.connect({
      socket: Tcp.connect(address),
      login: "alice",
      secret: Effect.succeed(password),
      backoff: Schedule.spaced("20 millis"),
      heartbeat: Infinity
    })
  })

/** A client that has logged in: its server has had an acknowledgement of the answer to its greeting. */
const greet = Effect.gen(function* () {
  const server = yield* CountingServer.make()
  const alice = yield* Client.greet({ socket: server.socket, login: "alice", ack: true })
  return { alice, server }
})

describe("a feed", () => {
  it.scopedLive("acknowledges a line to the server once the program has acknowledged it and all before it", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* greet
      const reading = yield* Effect.fork(next(alice, 3))
      yield* server.says("from bob: 1", "* joined carol: is here", "from bob: 2", "from bob: 3")
      const [one, two, three] = yield* Fiber.join(reading)
      assert.isDefined(one)
      assert.isDefined(two)
      assert.isDefined(three)
      yield* ackAll([three, two])
      yield* Effect.sleep("50 millis")
      assert.isAtMost(server.acknowledged(), 1)
      yield* ackAll([one, one])
      yield* server.acknowledges(4)
    })
  )

  it.scopedLive("begins each run with what the runs before it have not acknowledged", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* greet
      const processed: Array<string> = []
      const attempts = new Map<string, number>()
      // The first attempt to process an odd number fails.
      const processing = Stream.runForEach(Stream.filter(alice.feed, isMessage), (envelope) => {
        const text = textOf(envelope)
        attempts.set(text, (attempts.get(text) ?? 0) + 1)
        if (Number(text) % 2 === 1 && attempts.get(text) === 1) return Effect.fail("the database is away")
        processed.push(text)
        return envelope.ack
      })
      yield* Effect.fork(Effect.retry(processing, Schedule.forever))
      yield* server.says(...Array.from({ length: 10 }, (_, index) => `from bob: ${index + 1}`))
      yield* server.acknowledges(11)
      yield* server.says("from bob: 11")
      yield* server.acknowledges(12)
      assert.deepStrictEqual(
        processed,
        Array.from({ length: 11 }, (_, index) => `${index + 1}`)
      )
      assert.strictEqual(attempts.get("1"), 2)
      assert.strictEqual(attempts.get("2"), 1)
    })
  )

  it.scopedLive("loses nothing where its runs are interrupted", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* greet
      const processed: Array<number> = []
      const run = Stream.runForEach(Stream.filter(alice.feed, isMessage), (envelope) =>
        Effect.zipRight(
          Effect.sync(() => processed.push(Number(textOf(envelope)))),
          envelope.ack
        )
      )
      const runs = yield* Effect.fork(
        Effect.forever(Effect.raceFirst(Effect.ignore(run), Effect.zipRight(Effect.yieldNow(), Effect.sleep(0))))
      )
      for (let line = 0; line < 300; line++) {
        yield* server.says(`from bob: ${line}`)
        yield* Effect.sleep(0)
      }
      yield* server.acknowledges(301)
      yield* Fiber.interrupt(runs)
      assert.deepStrictEqual(
        processed,
        Array.from({ length: 300 }, (_, line) => line)
      )
    })
  )

  it.scopedLive("acknowledges by itself what the server does not count, and nothing else", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* greet
      const reading = yield* Effect.fork(Stream.runCollect(Stream.take(alice.feed, 4)))
      yield* server.says(
        "* joined carol: is here",
        "! undelivered dave reason=expired first=1 last=2 count=2: x",
        "! undelivered dave reason=offline: x",
        "from bob: 1"
      )
      const [joined, returned, offline, message] = yield* Fiber.join(reading)
      assert.isDefined(joined)
      assert.isDefined(offline)
      yield* ackAll([joined, offline])
      yield* Effect.sleep("20 millis")
      assert.isAtMost(server.acknowledged(), 1)
      const again = Array.from(yield* Stream.runCollect(Stream.take(alice.feed, 2)), textOf)
      assert.deepStrictEqual(again, ["x", "1"])
      yield* returned?.ack ?? Effect.void
      yield* message?.ack ?? Effect.void
      yield* server.acknowledges(3)
    })
  )

  it.scopedLive("shows that the client is there while the program is busy, and ends with the connection", () =>
    Effect.gen(function* () {
      const { alice, server } = yield* greet
      const busy = yield* Deferred.make<void>()
      const run = yield* Effect.fork(
        Stream.runForEach(alice.feed, ({ ack }) => Effect.zipRight(Deferred.await(busy), ack))
      )
      yield* server.says("from bob: 1")
      yield* eventually(() => server.heard.filter((line) => line === "/ack 1").length >= 3, "the client says no more")
      yield* Deferred.succeed(busy, undefined)
      yield* server.acknowledges(2)
      yield* server.end
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(run)))
    })
  )
})

describe("a feed over several connections", () => {
  it.scopedLive("gives again what is not acknowledged, and nothing else", () =>
    Effect.gen(function* () {
      const alice = yield* connect({
        inbox: (connection) => (connection === 1 ? [from(1), from(2), from(3)] : [from(2), from(3), from(4)]),
        acknowledged: (connection) => (connection === 1 ? "reset" : [])
      })
      const [one, two, three] = yield* next(alice, 3)
      assert.isDefined(one)
      assert.isDefined(two)
      assert.isDefined(three)
      yield* ackAll([one, two])
      // The connection breaks. The program still has line 3, which is delivered again, and acknowledges it only now.
      const later = yield* next(alice, 3)
      assert.deepStrictEqual(later.map(textOf), ["3", "3", "4"])
      yield* three.ack
      assert.deepStrictEqual((yield* next(alice, 1)).map(textOf), ["4"])
    })
  )

  it.scopedLive("does not take a line for processed because a later one is", () =>
    Effect.gen(function* () {
      let acknowledged = 0
      const alice = yield* connect({
        inbox: () => [from(1), from(2)],
        acknowledged: (connection, messages) => {
          if (connection === 2) acknowledged = messages
          return []
        },
        answer: () => "reset"
      })
      const [, two] = yield* next(alice, 2)
      assert.isDefined(two)
      yield* two.ack
      yield* alice.sendLine("@x bob: break")
      // What is left of the first connection, and then what comes on the second.
      const again = yield* next(alice, 3)
      assert.deepStrictEqual(again.map(textOf), ["1", "1", "2"])
      yield* ackAll(again)
      yield* eventually(() => acknowledged === 2, `acknowledged: ${acknowledged}`)
    })
  )

  it.scopedLive("gives a guest what was written in its rooms meanwhile, again until it is acknowledged", () =>
    Effect.gen(function* () {
      const isInRoom = log(5)
      const alice = yield* keeping({
        exchanges: false,
        isGuest: true,
        words: () => "ack+seq",
        command: (line, label, connection) => {
          if (line === "/break") return "reset"
          if (line.startsWith("/hello")) return [`* hello @${label} achat=1 on=seq: x`]
          if (line.startsWith("/join")) return [`* room @${label} #ops members=1 last=${connection === 1 ? 1 : 5}: `]
          return isInRoom(line, label, connection)
        }
      }).pipe(
        Effect.flatMap((address) =>
          ReconnectingClient.connect({
            socket: Tcp.connect(address),
            login: "alice",
            seq: true,
            backoff: Schedule.spaced("20 millis"),
            heartbeat: Infinity
          })
        )
      )
      const reading = yield* Effect.fork(next(alice, 4))
      yield* alice.room("#ops").join
      yield* alice.sendLine("@break /break")
      const [two, ...others] = yield* Fiber.join(reading)
      assert.deepStrictEqual(
        [two, ...others].map((one) => one && textOf(one)),
        ["2", "3", "4", "5"]
      )
      yield* two?.ack ?? Effect.void
      assert.deepStrictEqual((yield* next(alice, 3)).map(textOf), ["3", "4", "5"])
    })
  )
})

describe("a program that writes a feed to a database", () => {
  it.scopedLive(
    "has every line, although the server and the program are killed and the database fails",
    () =>
      Effect.gen(function* () {
        const folder = yield* temporaryFolder
        const store = ["--store", join(folder, "chat.db")]
        let server = yield* Program.startServer(store)
        const { port } = server
        const address = Tcp.address("127.0.0.1", Number(port))
        const restart = Effect.gen(function* () {
          yield* server.kill("SIGKILL")
          yield* server.exited
          server = yield* Program.startServer([...store, "--port", port])
        })
        const registering = yield* WireClient.join(address, "alice")
        yield* registering.send(`/hello\n/register ${password}\n`)
        yield* registering.until("an account", () => registering.lines.find((line) => line.startsWith("* registered")))
        yield* registering.send("/join #ops\n")
        yield* registering.until("a room", () => registering.lines.find((line) => line.startsWith("* room #ops")))

        const rows = new Map<string, string>()
        let attempts = 0
        /** Every third attempt fails. */
        const write = ({ received }: Envelope) =>
          Effect.suspend(() => {
            if (received._tag !== "Message" || received.room === undefined) return Effect.void
            attempts += 1
            if (attempts % 3 === 0) return Effect.fail("the database is away")
            const key = `${received.room} ${received.seq}`
            assert.strictEqual(rows.get(key) ?? received.text, received.text, "repeats have the number of the line")
            rows.set(key, received.text)
            return Effect.void
          })
        const program = Effect.gen(function* () {
          const alice = yield* Effect.retry(
            ReconnectingClient.connect({
              socket: Tcp.connect(address),
              login: "alice/database",
              secret: Effect.succeed(password),
              backoff: Schedule.spaced("50 millis")
            }),
            Schedule.spaced("50 millis")
          )
          const run = Stream.runForEach(alice.feed, (envelope) => Effect.zipRight(write(envelope), envelope.ack))
          yield* Effect.forkScoped(Effect.retry(run, Schedule.spaced("1 millis")))
        })
        const run = Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* Scope.extend(program, scope)
          return Scope.close(scope, Exit.void)
        })
        const bob = yield* ReconnectingClient.connect({
          socket: Tcp.connect(address),
          login: "bob",
          backoff: Schedule.spaced("50 millis")
        })
        yield* Effect.forkScoped(Stream.runDrain(bob.lines))
        yield* bob.room("#ops").join
        let sent = 0
        const send = Effect.forEach(Array.from({ length: 40 }), () => bob.room("#ops").deliver(`${++sent}`), {
          discard: true
        })
        for (let round = 0; round < 3; round++) {
          const end = yield* run
          yield* send
          if (round === 1) yield* restart
          yield* send.pipe(Effect.retry(Schedule.spaced("50 millis")))
          yield* end
          yield* send
        }
        yield* run
        const stored = yield* Effect.map(Stream.runCollect(bob.room("#ops").history()), Chunk.toReadonlyArray)
        yield* eventually(() => rows.size >= stored.length, `${rows.size} of ${stored.length} lines`)
        assert.isAtLeast(stored.length, 300)
        for (const { seq, text } of stored) assert.strictEqual(rows.get(`#ops ${seq}`), text)
      }),
    120_000
  )
})
