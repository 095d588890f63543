import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import { Budget } from "../../src/chat/Budget.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults } from "../../src/chat/Options.js"
import type { Peer } from "../../src/chat/Peer.js"
import { Watch } from "../../src/chat/Watch.js"
import type { Socket } from "../../src/ports/Transport.js"
import { FakeKernel } from "../support/FakeKernel.js"
import {
  pass,
  startMemoryBroker,
  startMemoryServer,
  type MemoryClient,
  type MemoryServerOptions
} from "../support/MemoryServer.js"
import { flood } from "../support/NumberedLines.js"

const stallMillis = 8_000
const stallTimeout = Duration.millis(stallMillis)
const tickMillis = 250

/** A peer that is written to all the time is found a sixteenth of the stall timeout too late; and two ticks. */
const late = stallMillis / 16 + 2 * tickMillis

/** Enough time for everything that was acknowledged to be found so. */
const quiet = stallMillis

/** Lets time pass tick by tick, so that each tick is handled at its time. */
const wait = (millis: number) => Effect.repeatN(pass(tickMillis), millis / tickMillis - 1)

/** Says something to bob at intervals. */
const talk = (alice: MemoryClient, interval: number, millis: number) =>
  Effect.repeatN(
    Effect.suspend(() => {
      alice.say("bob: hello")
      return wait(interval)
    }),
    millis / interval - 1
  )

/** Starts a chat in which bob, the first peer, and alice are present, and everything is quiet. */
const quietly = <Started extends { readonly join: (name: string) => Effect.Effect<MemoryClient> }>(
  start: (options: MemoryServerOptions) => Effect.Effect<Started, never, Scope.Scope>,
  options: MemoryServerOptions = {}
) =>
  Effect.gen(function* () {
    const kernel = new FakeKernel()
    const started = yield* start({ stallTimeout, reachability: kernel, wrap: kernel.wrap, ...options })
    const bob = yield* started.join("bob")
    const alice = yield* started.join("alice")
    yield* wait(quiet)
    return { ...started, alice, bob, kernel }
  })

const chat = Effect.map(quietly(startMemoryServer), (started) => ({
  ...started,
  isBobHere: Effect.map(started.server.names, (names) => names.includes("bob"))
}))

/** Clients whose sockets soon take nothing. */
const smallBuffers = { memory: { bufferBytes: 1_024 } }

describe("a peer whose kernel acknowledges nothing", () => {
  it.scoped("is closed at the stall timeout, and its name is free", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, join, kernel } = yield* chat
      kernel.vanish(1)
      alice.say("bob: are you there?")
      yield* wait(stallMillis - tickMillis)
      assert.isTrue(yield* isBobHere)
      yield* wait(2 * tickMillis)
      assert.isFalse(yield* isBobHere)
      const heir = yield* join("bob")
      alice.say("bob: hi")
      yield* alice.barrier
      yield* heir.barrier
      assert.include(heir.received, "from alice: hi")
    })
  )

  it.scoped("is closed as unreachable, and what was written to it stays written", () =>
    Effect.gen(function* () {
      const kernel = new FakeKernel()
      const { broker, join, reasons } = yield* startMemoryBroker({
        stallTimeout,
        reachability: kernel,
        wrap: kernel.wrap
      })
      yield* join("bob")
      const alice = yield* join("alice")
      kernel.vanish(1)
      alice.say("/hello", "@1 bob: one", "bob: two")
      yield* wait(stallMillis + late)
      assert.deepStrictEqual(reasons, ["unreachable"])
      yield* alice.barrier
      assert.include(alice.received.join("\n"), "* written @1 bob: ")
      assert.notInclude(alice.received.join("\n"), "! undelivered")
      assert.deepInclude(broker.ledger.snapshot(), { accepted: 2, written: 2, returned: 0, dead: 0, inFlight: 0 })
    })
  )

  for (const interval of [250, 1_500]) {
    it.scoped(`is found in time although a line for it comes every ${interval} ms, also before it vanished`, () =>
      Effect.gen(function* () {
        const { alice, isBobHere, kernel } = yield* chat
        yield* talk(alice, interval, 3_000)
        kernel.vanish(1)
        yield* talk(alice, interval, 6_000)
        yield* wait(stallMillis - 6_000 - tickMillis)
        assert.isTrue(yield* isBobHere)
        yield* wait(late + tickMillis)
        assert.isFalse(yield* isBobHere)
      })
    )
  }

  for (const fails of ["unknown", "defect"] as const) {
    it.scoped(`is found once its kernel can be asked again, and nobody is taken for vanished before: ${fails}`, () =>
      Effect.gen(function* () {
        const { alice, isBobHere, join, kernel } = yield* chat
        const carol = yield* join("carol")
        kernel.vanish(1)
        alice.say("bob: are you there?", "carol: and you?")
        yield* wait(stallMillis / 2 + tickMillis)
        kernel.fails = fails
        yield* wait(2 * stallMillis).pipe(fails === "defect" ? Logger.withMinimumLogLevel(LogLevel.None) : identity)
        assert.isTrue(yield* isBobHere)
        kernel.fails = "not"
        yield* wait(1_000 + 2 * tickMillis)
        assert.isFalse(yield* isBobHere)
        yield* carol.barrier
      })
    )
  }

  it.scoped("is found although the first checks after the write fail, and many writes follow", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.vanish(1)
      kernel.fails = "unknown"
      yield* talk(alice, tickMillis, 10 * stallMillis)
      assert.isTrue(yield* isBobHere)
      kernel.fails = "not"
      yield* wait(stallMillis + 1_000)
      assert.isFalse(yield* isBobHere)
    })
  )

  it.scoped("is not closed if it answers again in time; a second silence counts from its start", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.vanish(1)
      alice.say("bob: one")
      yield* wait(stallMillis - tickMillis)
      kernel.comeBack(1)
      yield* wait(stallMillis)
      assert.isTrue(yield* isBobHere)
      kernel.vanish(1)
      alice.say("bob: two")
      yield* wait(stallMillis - tickMillis)
      assert.isTrue(yield* isBobHere)
      yield* wait(2 * tickMillis)
      assert.isFalse(yield* isBobHere)
    })
  )

  it.scoped("is not closed as long as it acknowledges something now and then", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.vanish(1)
      alice.say(`bob: ${"x".repeat(100)}`)
      for (let times = 0; times < 6; times++) {
        yield* wait(stallMillis - 2_500)
        kernel.acknowledge(1, 10)
      }
      assert.isTrue(yield* isBobHere)
      yield* wait(stallMillis + 2_500)
      assert.isFalse(yield* isBobHere)
    })
  )

  // Before the first check, and after it.
  for (const millis of [3_000, 5_000]) {
    it.scoped(
      `is silent at most since its socket took bytes again, after ${millis} ms: its kernel got the rest then`,
      () =>
        Effect.gen(function* () {
          const { alice, bob, kernel, server } = yield* quietly(startMemoryServer, smallBuffers)
          kernel.vanish(1)
          bob.socket.pause()
          alice.say(...flood(20))
          yield* wait(millis)
          bob.socket.resume()
          yield* wait(stallMillis - tickMillis)
          assert.include(yield* server.names, "bob")
          yield* wait(late + tickMillis)
          assert.notInclude(yield* server.names, "bob")
        })
    )
  }

  it.scoped("is closed at the next check if probes of its window were not answered for that long", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.fill(1)
      yield* talk(alice, 3_000, 6_000 * 2)
      kernel.leaveProbes(1, stallMillis)
      yield* wait(stallMillis / 2 + tickMillis)
      assert.isFalse(yield* isBobHere)
    })
  )

  it.scoped("is closed when probes of its window were not answered for a part of that, and the rest has passed", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.fill(1)
      alice.say("bob: are you there?")
      yield* wait(stallMillis)
      const { checks } = kernel
      kernel.leaveProbes(1, stallMillis - 3_000)
      while (kernel.checks === checks) yield* wait(tickMillis)
      kernel.leaveProbes(1, 0)
      yield* wait(3_000 - 2 * tickMillis)
      assert.isTrue(yield* isBobHere)
      yield* wait(3 * tickMillis)
      assert.isFalse(yield* isBobHere)
    })
  )

  it.scoped("is a slow consumer if its socket takes nothing any more", () =>
    Effect.gen(function* () {
      const { alice, bob, kernel, reasons } = yield* quietly(startMemoryBroker, smallBuffers)
      bob.socket.pause()
      kernel.vanish(1)
      alice.say("bob: the first")
      yield* wait(500)
      alice.say(...flood(20))
      yield* wait(stallMillis + tickMillis)
      assert.deepStrictEqual(reasons, ["slow-consumer"])
    })
  )
})

describe("a peer that is not silent", () => {
  it.scoped("is never closed if its window is zero: it is alive and does not read", () =>
    Effect.gen(function* () {
      const { alice, isBobHere, kernel } = yield* chat
      kernel.fill(1)
      yield* talk(alice, 3_000, 6_000 * 6)
      assert.isTrue(yield* isBobHere)
      assert.isAbove(kernel.checks, 0)
    })
  )

  it.scoped("is not asked about while nothing is written, nor once everything is acknowledged", () =>
    Effect.gen(function* () {
      const { alice, kernel } = yield* chat
      const before = kernel.checks
      yield* wait(3 * stallMillis)
      assert.strictEqual(kernel.checks, before)
      alice.say("bob: hi")
      yield* wait(3 * stallMillis)
      assert.strictEqual(kernel.checks, before + 1)
    })
  )

  it.scoped("is not asked about as long as it sends something after the last write to it, and then once", () =>
    Effect.gen(function* () {
      const { alice, bob, kernel } = yield* chat
      const before = kernel.checks
      alice.say("bob: hi")
      for (let times = 0; times < 10; times++) {
        yield* wait(1_000)
        bob.socket.write("no whole line, so that nothing is written")
      }
      assert.strictEqual(kernel.checks, before)
      yield* wait(3 * stallMillis)
      assert.strictEqual(kernel.checks, before + 1)
    })
  )

  it.scoped("is asked about at most twice in the stall timeout", () =>
    Effect.gen(function* () {
      const { alice, kernel } = yield* chat
      const before = kernel.checks
      yield* talk(alice, 250, 4 * stallMillis)
      assert.isAtMost(kernel.checks - before, 8)
    })
  )
})

describe("the time in which the process is stopped", () => {
  it.effect("does not count", () =>
    Effect.gen(function* () {
      let now = 5_000
      const kernel = new FakeKernel()
      const watch = new Watch({
        budget: new Budget(1_000_000),
        now: () => now,
        options: new LiveSource({ ...defaults, stallTimeout }),
        outboxes: new Set(),
        reachability: kernel
      })
      const socket = kernel.wrap({ write: () => true } as unknown as Socket)
      const peer = { socket, writtenIn: 0, heardIn: 0, hasDeparted: false } as Peer
      kernel.vanish(1)
      watch.vanished.writing(peer)
      socket.write("hi")
      let vanished = 0
      yield* Effect.fork(
        Effect.forever(
          Effect.map(watch.vanished.check, (found) => {
            vanished += watch.vanished.conclude(found).length
          })
        )
      )
      const tick = (millis: number) =>
        Effect.gen(function* () {
          const due = yield* Effect.fork(watch.due)
          yield* Effect.yieldNow()
          now += millis
          yield* TestClock.adjust(tickMillis)
          yield* due
          watch.tick()
          yield* Effect.yieldNow()
        })
      const inTime = (millis: number) => Effect.repeatN(tick(tickMillis), millis / tickMillis - 1)
      yield* inTime(stallMillis / 2)
      yield* tick(10 * stallMillis)
      assert.strictEqual(vanished, 0)
      yield* inTime(stallMillis / 2 - tickMillis)
      assert.strictEqual(vanished, 0)
      yield* inTime(2 * tickMillis)
      assert.strictEqual(vanished, 1)
    })
  )
})

describe("a check that takes long", () => {
  it.scoped("does not miss what is written meanwhile", () =>
    Effect.gen(function* () {
      const kernel = new FakeKernel()
      const delayMillis = 1_000
      let delay = Duration.zero
      const { join, server } = yield* startMemoryServer({
        stallTimeout,
        wrap: kernel.wrap,
        reachability: {
          handed: kernel.handed,
          check: (sockets) => Effect.zipLeft(kernel.check(sockets), Effect.sleep(delay))
        }
      })
      yield* join("bob")
      const alice = yield* join("alice")
      yield* wait(quiet)
      delay = Duration.millis(delayMillis)
      alice.say("bob: acknowledged")
      yield* wait(2_500) // the check has begun, and everything was acknowledged then
      kernel.vanish(1)
      alice.say("bob: lost")
      yield* wait(stallMillis + 2 * delayMillis + late)
      assert.notInclude(yield* server.names, "bob")
    })
  )
})
