import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { LoginRefused } from "../../src/client/Client.js"
import * as Reconnect from "../../src/client/Reconnect.js"
import type { Elsewhere } from "../../src/client/Servers.js"
import { TransportError } from "../../src/ports/Transport.js"

const lost = new TransportError({ during: "Read", reason: "lost" })

const refused = (code: string, retryMillis?: number) => new LoginRefused({ code, retryMillis, text: "no" })

type Session = Reconnect.ReconnectOptions<string, never, never>["session"]

/** Runs sessions one after another; returns the result and what was reported. */
const keep = (
  sessions: ReadonlyArray<Session>,
  options: { reconnect?: boolean; millis?: number; elsewhere?: Elsewhere } = {}
) =>
  Effect.gen(function* () {
    const reported: Array<string> = []
    const delays: Array<number> = []
    let next = 0
    const fiber = yield* Effect.fork(
      Effect.either(
        Reconnect.keep({
          session: (...given) => Effect.suspend(() => sessions[next++]?.(...given) ?? Effect.succeed("the last one")),
          reconnect: options.reconnect ?? true,
          elsewhere: options.elsewhere,
          report: (event) =>
            Effect.sync(() => {
              reported.push(event._tag === "Lost" ? event.why : "back")
              if (event._tag === "Lost") delays.push(Duration.toMillis(event.delay))
            })
        })
      )
    )
    yield* TestClock.adjust(options.millis ?? 3_600_000)
    const result = yield* Fiber.join(fiber)
    return { reported, delays, result: result._tag === "Right" ? result.right : result.left }
  })

const breaks: Session = (up) => Effect.zipRight(up, Effect.fail(lost))
const shutsDown =
  (returnMillis: number): Session =>
  (up, closing) =>
    Effect.zipRight(
      up,
      Effect.suspend(() => {
        closing(returnMillis)
        return Effect.fail(lost)
      })
    )
const holdsAndShutsDown: Session = (up, closing) =>
  Effect.zipRight(Effect.zipRight(up, Effect.sleep("10 seconds")), shutsDown(0)(up, closing))
const unreachable: Session = () => Effect.fail(lost)

describe("Reconnect.keep", () => {
  it.effect("ends with the session that succeeds", () =>
    Effect.gen(function* () {
      const { result, reported } = yield* keep([() => Effect.succeed("done")])
      assert.strictEqual(result, "done")
      assert.deepStrictEqual(reported, [])
    })
  )

  it.effect("fails with an error that comes before the first connection is up", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* keep([unreachable])).result, lost)
      const inUse = refused("login-in-use")
      assert.strictEqual((yield* keep([() => Effect.fail(inUse)])).result, inUse)
    })
  )

  it.effect("reconnects and reports it", () =>
    Effect.gen(function* () {
      const { result, reported } = yield* keep([breaks, unreachable, (up) => Effect.as(up, "done")])
      assert.strictEqual(result, "done")
      assert.deepStrictEqual(reported, ["lost", "lost", "back"])
    })
  )

  it.effect("doubles the delay up to 30 s, each shortened by up to a half", () =>
    Effect.gen(function* () {
      const { delays } = yield* keep([breaks, ...Array.from({ length: 9 }, () => unreachable)])
      for (const [index, expected] of [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].entries()) {
        const delay = delays[index] ?? 0
        assert.isTrue(delay >= expected * 500 && delay <= expected * 1000, `${delay} ms instead of ${expected} s`)
      }
    })
  )

  it.effect("starts from the shortest delay after a stable connection, but not after a short one", () =>
    Effect.gen(function* () {
      // A millisecond more than it takes: times are sums of random delays, and are rounded.
      const time = Duration.millis(10_001)
      const holds: Session = (up, closing) =>
        up.pipe(Effect.zipRight(Effect.sleep(time)), Effect.zipRight(breaks(up, closing)))
      const held = yield* keep([breaks, unreachable, unreachable, holds])
      assert.isAtMost(held.delays[3] ?? Infinity, 1000)
      const short = yield* keep([breaks, unreachable, unreachable, breaks])
      assert.isAtLeast(short.delays[3] ?? 0, 4000)
    })
  )

  it.effect("retries a login that is in use, since the old connection may not have ended", () =>
    Effect.gen(function* () {
      const { result, reported } = yield* keep([breaks, () => Effect.fail(refused("login-in-use"))])
      assert.strictEqual(result, "the last one")
      assert.deepStrictEqual(reported, ["lost", "login-in-use: no"])
    })
  )

  it.effect("waits as long as the server asks", () =>
    Effect.gen(function* () {
      const { delays } = yield* keep([breaks, () => Effect.fail(refused("full", 90_000))])
      assert.strictEqual(delays[1], 90_000)
    })
  )

  it.effect("reconnects at the time that the server asks for when it shuts down", () =>
    Effect.gen(function* () {
      for (const millis of [0, 7_000]) assert.strictEqual((yield* keep([shutsDown(millis)])).delays[0], millis)
    })
  )

  it.effect("reconnects to a server that shuts down again and again no sooner than to any other", () =>
    Effect.gen(function* () {
      const { delays } = yield* keep(Array.from({ length: 4 }, () => shutsDown(0)))
      assert.strictEqual(delays[0], 0)
      for (const [index, expected] of [1, 2, 4].entries()) {
        const delay = delays[index + 1] ?? 0
        assert.isTrue(delay >= expected * 500 && delay <= expected * 1000, `${delay} ms instead of ${expected} s`)
      }
      // A server that asks for more still gets it, once for each connection.
      const patient = yield* keep([shutsDown(0), shutsDown(60_000), breaks])
      assert.strictEqual(patient.delays[1], 60_000)
      assert.isAtMost(patient.delays[2] ?? Infinity, 2_000)
    })
  )

  it.effect("takes the time that the server asks for after each connection that was stable", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* keep(Array.from({ length: 3 }, () => holdsAndShutsDown))).delays, [0, 0, 0])
    })
  )

  it.effect("gives up at a permanent refusal", () =>
    Effect.gen(function* () {
      const bad = refused("bad-login")
      assert.strictEqual((yield* keep([breaks, () => Effect.fail(bad)])).result, bad)
    })
  )

  it.effect("ends with the first connection if reconnecting is off", () =>
    Effect.gen(function* () {
      const { result, reported } = yield* keep([breaks], { reconnect: false })
      assert.deepStrictEqual(result, new Reconnect.ConnectionGone({ cause: lost }))
      assert.deepStrictEqual(reported, [])
    })
  )

  it.effect("closes the scope of a session before the next one starts", () =>
    Effect.gen(function* () {
      const events: Array<string> = []
      const fiber = yield* Effect.fork(
        Reconnect.keep({
          session: (up) =>
            Effect.gen(function* () {
              const isFirst = events.length === 0
              yield* Effect.acquireRelease(
                Effect.sync(() => events.push("open")),
                () => Effect.sync(() => events.push("close"))
              )
              yield* up
              if (isFirst) yield* lost
            }),
          reconnect: true,
          report: () => Effect.void
        })
      )
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(events, ["open", "close", "open", "close"])
    })
  )
})

/** Two other servers. */
const elsewhere = (hasTriedAll = false) => {
  const state = { left: 0 }
  const leave = Effect.sync(() => void (state.left += 1))
  return Object.assign(state, { others: 2, hasTriedAll: () => hasTriedAll, leave })
}

describe("Reconnect.keep, with other servers", () => {
  it.effect("tries each of them soon, and then waits as without them", () =>
    Effect.gen(function* () {
      const others = elsewhere()
      const { delays, result } = yield* keep([breaks, breaks, breaks, breaks], { elsewhere: others })
      assert.strictEqual(result, "the last one")
      assert.strictEqual(others.left, 4)
      const [first = 0, second = 0, third = 0, fourth = 0] = delays
      assert.isBelow(Math.max(first, second), 500)
      assert.isAtLeast(third, 500)
      assert.isAtLeast(fourth, 1000)
    })
  )

  it.effect("waits for no server that goes, however often", () =>
    Effect.gen(function* () {
      const goes: Session = (up, closing) =>
        Effect.zipRight(Effect.zipRight(up, Effect.sleep("10 seconds")), shutsDown(60_000)(up, closing))
      const { delays } = yield* keep([goes, goes, goes, shutsDown(60_000), shutsDown(60_000)], {
        elsewhere: elsewhere()
      })
      assert.isBelow(Math.max(...delays.slice(0, 4)), 500)
      // The last ones were not up for long, and each other server was tried.
      assert.isBelow(delays[4] ?? Infinity, 1001)
    })
  )

  it.effect("does not hurry if none was there", () =>
    Effect.gen(function* () {
      const { delays } = yield* keep([breaks], { elsewhere: elsewhere(true) })
      assert.isAtLeast(delays[0] ?? 0, 500)
    })
  )

  it.effect("tries them before the first connection is up, if the first one is there and may not pass", () =>
    Effect.gen(function* () {
      const full: Session = () => Effect.fail(refused("full", 60_000))
      const silent: Session = () => Effect.fail(lost)
      const { result } = yield* keep([full, silent, () => Effect.succeed("done")], { elsewhere: elsewhere() })
      assert.strictEqual(result, "done")
      const failed = yield* keep([full, full, full], { elsewhere: elsewhere() })
      assert.strictEqual(failed.result instanceof LoginRefused && failed.result.code, "full")
      assert.strictEqual((yield* keep([silent], { elsewhere: elsewhere(true) })).result, lost)
      const wrong = refused("bad-login")
      assert.strictEqual((yield* keep([() => Effect.fail(wrong)], { elsewhere: elsewhere() })).result, wrong)
      assert.strictEqual(
        (yield* keep([full, () => Effect.succeed("done")], { reconnect: false, elsewhere: elsewhere() })).result,
        "done"
      )
    })
  )
})
