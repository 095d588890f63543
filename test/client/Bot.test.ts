import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Stream from "effect/Stream"
import { PassThrough } from "node:stream"
import * as Server from "../../src/chat/Server.js"
import * as Bot from "../../src/client/Bot.js"
import * as Client from "../../src/client/Client.js"
import { LoopGuard } from "../../src/client/LoopGuard.js"
import * as Memory from "../../src/ports/Memory.js"
import { eventually } from "../support/Eventually.js"

/** A bot with a program that the test plays. */
const makeBot = (start: Bot.BotOptions["start"], options: Partial<Bot.BotOptions> = {}) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    const limits = { grace: Duration.millis(100) }
    const server = yield* Logger.withMinimumLogLevel(
      Server.start({ listen: [network.listen], ...limits }),
      LogLevel.None
    )
    const logged: Array<string> = []
    const run = (client: Client.ClientHandle) =>
      Bot.run(client, {
        start,
        patience: Duration.minutes(1),
        concurrency: 1,
        timeout: Duration.minutes(1),
        guard: new LoopGuard({ perSecond: 5, log: (line) => logged.push(line) }),
        closing: () => {},
        log: (line) => logged.push(line),
        ...options
      })
    const up = yield* Deferred.make<void>()
    const running = yield* Client.greet({ socket: network.connect, login: "bot", ack: true }).pipe(
      Effect.tap(() => Deferred.succeed(up, undefined)),
      Effect.flatMap(run),
      Effect.scoped,
      Effect.forkScoped
    )
    yield* Deferred.await(up)
    const alice = yield* Client.connect({ socket: network.connect, login: "alice" })
    return { server, alice, running, logged }
  })

const saying = (text: string) => new PassThrough().end(text)

const collect = (client: Client.ClientHandle, count: number) =>
  Effect.map(Stream.runCollect(Stream.take(client.lines, count)), (lines) => [...lines])

describe("Bot.run", () => {
  it.scopedLive("sends the lines of a program, and reports its failure, to one sender at most once a minute", () =>
    Effect.gen(function* () {
      const { alice, logged } = yield* makeBot(({ from, text }) =>
        Effect.succeed({
          output: saying(`hello ${from}\n${text}`),
          fault: Effect.succeed(text === "good" ? undefined : text === "bad" ? "exit status 1" : "exit status 2")
        })
      )
      for (const text of ["good", "bad", "worse", "good"]) yield* alice.send(["bot"], text)
      assert.deepStrictEqual(yield* collect(alice, 9), [
        "from bot: hello alice",
        "from bot: good",
        "from bot: hello alice",
        "from bot: bad",
        "from bot: the program failed (exit status 1)",
        "from bot: hello alice",
        "from bot: worse",
        "from bot: hello alice",
        "from bot: good"
      ])
      assert.deepStrictEqual(logged, [
        "alice: the program failed (exit status 1)",
        "alice: the program failed (exit status 2)"
      ])
    })
  )

  it.scopedLive("acknowledges a message once its program has started, in several attempts if necessary", () =>
    Effect.gen(function* () {
      const canStart = yield* Effect.makeLatch(false)
      let attempts = 0
      const { alice, logged, server } = yield* makeBot(({ text }) =>
        Effect.suspend(() => {
          attempts += 1
          if (attempts <= 2) return Effect.fail("cannot be started: EAGAIN")
          return Effect.as(canStart.await, { output: saying(text), fault: Effect.succeed(undefined) })
        })
      )
      for (const text of ["one", "two"]) yield* alice.send(["bot"], text)
      yield* eventually(() => attempts === 3, "three attempts")
      assert.deepInclude(yield* server.ledger, { inFlight: 2 })
      yield* canStart.open
      assert.deepStrictEqual(yield* collect(alice, 2), ["from bot: one", "from bot: two"])
      assert.deepStrictEqual(logged, ["alice: the program cannot be started: EAGAIN; trying again"])
    })
  )

  it.scopedLive(
    "ends when a program cannot be started, after those that run; its message and the next ones return",
    () =>
      Effect.gen(function* () {
        const finish = yield* Effect.makeLatch(false)
        const { alice, logged, running, server } = yield* makeBot(
          ({ text }) =>
            text === "none"
              ? Effect.fail("cannot be started: ENOENT")
              : Effect.succeed({ output: saying(text), fault: Effect.as(finish.await, undefined) }),
          { concurrency: 2, patience: Duration.millis(300) }
        )
        const received = yield* Effect.forkScoped(collect(alice, 1))
        const good = yield* alice.deliver(["bot"], "good")
        const [none, next] = yield* Effect.all(
          [alice.deliver(["bot"], "none"), alice.deliver(["bot"], "next"), Effect.delay(finish.open, 500)],
          { concurrency: "unbounded" }
        )
        assert.deepInclude(good[0], { _tag: "Written", names: ["bot"] })
        for (const fates of [none, next]) assert.deepInclude(fates[0], { _tag: "Returned", reason: "disconnected" })
        assert.deepStrictEqual(yield* Fiber.join(received), ["from bot: good"])
        const exit = yield* Fiber.await(running)
        assert.deepStrictEqual(
          exit,
          Exit.fail(new Bot.BotCannotStart({ reason: "the program cannot be started: ENOENT" }))
        )
        assert.deepInclude(yield* server.ledger, { returned: 2, inFlight: 0 })
        assert.deepStrictEqual(logged, ["alice: the program cannot be started: ENOENT; trying again"])
      })
  )

  it.scopedLive("soon stops answering a bot that does not say what it is, even if both answer with several lines", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      yield* Logger.withMinimumLogLevel(Server.start({ listen: [network.listen] }), LogLevel.None)
      const logged: Array<string> = []
      const log = (line: string) => logged.push(line)
      const runs = { one: 0, two: 0 }
      const startBot = (login: "one" | "two") =>
        Effect.gen(function* () {
          const client = yield* Client.greet({ socket: network.connect, login })
          const start = () =>
            Effect.sync(() => {
              runs[login] += 1
              return { output: saying("hello\nand you?"), fault: Effect.succeed(undefined) }
            })
          const guard = new LoopGuard({ perSecond: 5, log })
          const limits = { patience: Duration.zero, concurrency: 1, timeout: Duration.minutes(1), guard }
          yield* Effect.forkScoped(Bot.run(client, { start, ...limits, closing: () => {}, log }))
          return client
        })
      const startedAt = performance.now()
      yield* startBot("two")
      const one = yield* startBot("one")
      const alice = yield* Client.connect({ socket: network.connect, login: "alice" })
      yield* one.send(["two"], "hi")
      yield* eventually(() => logged.length === 2, "both bots are over their rates")
      // Their messages to alice come after everything that they have answered each other.
      yield* alice.send(["one", "two"], "hi")
      yield* collect(alice, 4)
      const most = 20 + 5 * ((performance.now() - startedAt) / 1000)
      assert.deepStrictEqual(
        logged.toSorted(),
        ["one", "two"].map((name) => `${name}: more than 5 messages per second; not answered for 4 s`)
      )
      // One run each is for alice.
      for (const count of [runs.one - 1, runs.two - 1]) assert.isTrue(count >= 20 && count <= most, `${count} answers`)
    })
  )

  it.scopedLive("reports the delay that the server asks for before it shuts down", () =>
    Effect.gen(function* () {
      const asked: Array<number | undefined> = []
      const { running, server } = yield* makeBot(() => Effect.never, { closing: (millis) => asked.push(millis) })
      yield* server.drain
      yield* Fiber.await(running)
      const [millis = 0] = asked
      assert.strictEqual(asked.length, 1)
      // The default of the server, and up to twice that.
      assert.isTrue(millis >= 1_000 && millis <= 2_000, `${millis} ms`)
    })
  )

  it.scopedLive("ends the running program when the connection ends, and counts unanswered messages", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      let ended = 0
      const { alice, logged, running, server } = yield* makeBot(() =>
        Effect.acquireRelease(
          Effect.as(Deferred.succeed(began, undefined), { output: new PassThrough(), fault: Effect.never }),
          () => Effect.sync(() => (ended += 1))
        )
      )
      yield* alice.send(["bot"], "hi")
      yield* Deferred.await(began)
      yield* Effect.forkScoped(Logger.withMinimumLogLevel(server.drain, LogLevel.None))
      const error = yield* Effect.flip(Fiber.join(running))
      assert.strictEqual(error._tag, "TransportError")
      assert.strictEqual(ended, 1)
      assert.deepStrictEqual(logged, ["the connection ended; unanswered messages: 1"])
    })
  )

  it.scopedLive("ends all running programs at once when the connection ends", () =>
    Effect.gen(function* () {
      const began = yield* Deferred.make<void>()
      const ending = yield* Deferred.make<void>()
      let runs = 0
      const stubborn = Effect.acquireRelease(
        Effect.suspend(() => {
          runs += 1
          const program = { output: new PassThrough(), fault: Effect.never }
          return Effect.as(runs === 3 ? Deferred.succeed(began, undefined) : Effect.void, program)
        }),
        // None of them ends before all of them have been asked to.
        () =>
          Effect.suspend(() => {
            runs -= 1
            return Effect.zipRight(
              runs === 0 ? Deferred.succeed(ending, undefined) : Effect.void,
              Deferred.await(ending)
            )
          })
      )
      const { alice, logged, running, server } = yield* makeBot(() => stubborn, { concurrency: 3 })
      for (const text of ["1", "2", "3"]) yield* alice.send(["bot"], text)
      yield* Deferred.await(began)
      yield* Effect.forkScoped(Logger.withMinimumLogLevel(server.drain, LogLevel.None))
      yield* Effect.flip(Fiber.join(running))
      assert.deepStrictEqual(logged, ["the connection ended; unanswered messages: 3"])
    })
  )

  it.scopedLive("dies of a defect instead of silently answering no one", () =>
    Effect.gen(function* () {
      const { alice, running } = yield* makeBot(() => Effect.die(new Error("a defect")))
      yield* alice.send(["bot"], "hi")
      const exit = yield* Fiber.await(running)
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "a defect")
    })
  )
})
