import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as FiberSet from "effect/FiberSet"
import * as HashMap from "effect/HashMap"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import { assert } from "vitest"
import { Bans } from "../../src/chat/Bans.js"
import { Budget } from "../../src/chat/Budget.js"
import * as Unix from "../../src/transport/Unix.js"
import * as AcceptLoop from "../../src/chat/AcceptLoop.js"
import { refusalSlots } from "../../src/chat/Limits.js"
import { HostLimits } from "../../src/chat/HostLimits.js"
import { LiveSource } from "../../src/chat/Live.js"
import { defaults } from "../../src/chat/Options.js"
import * as Descriptors from "../../src/ports/Descriptors.js"
import * as Inherited from "../../src/transport/Inherited.js"
import * as Memory from "../../src/ports/Memory.js"
import { TransportError, type Listener, type ListenerEvents, type Socket } from "../../src/ports/Transport.js"
import { from, pass, startMemoryServer, type MemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

/** An accept loop that runs `serve` for each connection. */
const looping = (serve: (socket: Socket) => Effect.Effect<unknown>, descriptors = Descriptors.unlimited) =>
  Effect.gen(function* () {
    const limits = new LiveSource({ ...defaults, maxConnections: 100 })
    const fork = yield* FiberSet.makeRuntime<never>()
    return yield* AcceptLoop.make({
      limits,
      bans: new Bans(() => 0),
      hostLimits: new HostLimits(limits, () => 0),
      budget: new Budget(1_000_000_000),
      descriptors,
      fork,
      serve
    })
  })

/** An accept loop that ignores its connections. `fail` simulates an accept that fails. */
const loop = (descriptors = Descriptors.unlimited, canResume = true) =>
  Effect.gen(function* () {
    const network = yield* Memory.make()
    const served = new Array<Socket>()
    const serve = (socket: Socket) => {
      served.push(socket)
      return Effect.never
    }
    const acceptLoop = yield* looping(serve, descriptors)
    let events: ListenerEvents | undefined
    yield* acceptLoop.listen((options) => {
      events = options.events
      return Effect.map(network.listen(options), ({ resume, ...listener }) =>
        canResume && resume !== undefined ? { ...listener, resume } : listener
      )
    })
    const fail = (code: string) =>
      Effect.sync(() => events?.failed(new TransportError({ during: "Listen", reason: code, code })))
    const isOpen = Effect.map(Effect.either(network.connect), Either.isRight)
    return { acceptLoop, fail, isOpen, served }
  })

const isOpen = ({ network }: MemoryServer) => Effect.map(Effect.either(network.connect), Either.isRight)

describe("the connection limit", () => {
  it.scoped("answers the next connection with full, and has a place again after a client has left", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startMemoryServer({ maxConnections: 2 })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      const third = yield* connect
      assert.match(yield* third.next, /^! full retry=5000 fatal: /)
      yield* third.ended
      alice.socket.end()
      yield* alice.ended
      yield* settle
      yield* join("carol")
      yield* bob.barrier
    })
  )

  it.scoped("applies to one address if it is a limit per address", () =>
    Effect.gen(function* () {
      const wrap = from("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1")
      const { connect, join } = yield* startMemoryServer({ maxConnectionsPerAddress: 1, wrap })
      const alice = yield* join("alice")
      assert.match(yield* Effect.flatMap(connect, ({ next }) => next), /^! full retry=5000 fatal: /)
      yield* join("bob")
      alice.socket.end()
      yield* alice.ended
      yield* settle
      yield* join("carol")
    })
  )

  it.scoped("leaves connections far above it to the kernel until the refused ones have gone", () =>
    Effect.gen(function* () {
      const { connect, join } = yield* startMemoryServer({ maxConnections: 1 })
      const alice = yield* join("alice")
      for (let refused = 0; refused < refusalSlots(1); refused++) {
        assert.match(yield* Effect.flatMap(connect, ({ next }) => next), /^! full /)
      }
      const dropped = yield* connect
      yield* dropped.ended
      assert.deepStrictEqual(dropped.received, [])
      assert.strictEqual(dropped.end().error?.code, "ECONNRESET")
      yield* pass(1_000) // refused connections linger at most that long
      assert.match(yield* Effect.flatMap(connect, ({ next }) => next), /^! full /)
      yield* alice.barrier
    })
  )
})

describe("a shortage of descriptors", () => {
  it.scoped("pauses accepting while it lasts; connections stay", () =>
    Effect.gen(function* () {
      let isShort = false
      const chat = yield* startMemoryServer({ descriptors: { limit: 50, isShort: () => isShort } })
      const alice = yield* chat.join("alice")
      isShort = true
      assert.isTrue(yield* isOpen(chat))
      yield* pass(500)
      assert.isFalse(yield* isOpen(chat), "it was noticed")
      yield* alice.barrier
      yield* pass(5_000)
      assert.isFalse(yield* isOpen(chat), "it lasts")
      isShort = false
      yield* pass(500)
      assert.isTrue(yield* isOpen(chat))
      yield* alice.barrier
    })
  )

  for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
    it.scoped(`pauses for exactly 500 ms when the system reports ${code}`, () =>
      Effect.gen(function* () {
        const { fail, isOpen } = yield* loop()
        yield* fail(code)
        yield* fail(code)
        yield* pass(499)
        assert.isFalse(yield* isOpen)
        yield* pass(1)
        assert.isTrue(yield* isOpen)
      })
    )
  }

  it.scoped("can happen repeatedly", () =>
    Effect.gen(function* () {
      const { fail, isOpen, served } = yield* loop()
      for (let round = 1; round <= 3; round++) {
        yield* fail("EMFILE")
        yield* settle
        assert.isFalse(yield* isOpen)
        yield* pass(500)
        assert.isTrue(yield* isOpen)
        assert.strictEqual(served.length, round)
      }
    })
  )

  it.scoped("does not close a listener that cannot be reopened", () =>
    Effect.gen(function* () {
      const { acceptLoop, fail, isOpen } = yield* loop(undefined, false)
      yield* fail("EMFILE")
      yield* settle
      assert.isTrue(yield* isOpen)
      yield* acceptLoop.stop
      assert.isFalse(yield* isOpen)
    })
  )

  it.scoped("is logged for each listener, with its effect there", () => {
    const logged = new Array<string>()
    const logger = Logger.make(({ annotations, message }) => {
      logged.push(`${Option.getOrElse(HashMap.get(annotations, "address"), () => "")}: ${String(message)}`)
    })
    const descriptors = { limit: 50, isShort: () => true }
    const test = Effect.gen(function* () {
      const acceptLoop = yield* looping(() => Effect.never, descriptors)
      const own: Listener = { address: Unix.address("/s"), suspend: Effect.void, resume: Effect.void }
      const inherited: Listener = { address: Inherited.address({ descriptor: 3, name: "a" }), suspend: Effect.void }
      for (const listener of [own, inherited]) yield* acceptLoop.listen(() => Effect.succeed(listener))
      yield* pass(2_000)
      assert.deepStrictEqual(logged.toSorted(), [
        "fd://a: out of file descriptors: the operating system drops connections; raise the limit (ulimit -n, " +
          "LimitNOFILE=)",
        "unix:/s: out of file descriptors: accepting pauses; raise the limit (ulimit -n, LimitNOFILE=)"
      ])
    })
    return Effect.provide(test, Logger.add(logger))
  })

  it.scoped("does not reopen a stopped listener", () =>
    Effect.gen(function* () {
      const { acceptLoop, fail, isOpen } = yield* loop()
      yield* fail("EMFILE")
      yield* settle
      yield* acceptLoop.stop
      yield* pass(5_000)
      assert.isFalse(yield* isOpen)
      yield* fail("EMFILE")
      yield* pass(5_000)
      assert.isFalse(yield* isOpen)
    })
  )
})

describe("an error of one connection", () => {
  for (const code of ["ECONNABORTED", "EPERM", "EPROTO"]) {
    it.scoped(`does not stop accepting: ${code}`, () =>
      Effect.gen(function* () {
        const { fail, isOpen } = yield* loop()
        yield* fail(code)
        yield* settle
        assert.isTrue(yield* isOpen)
      })
    )
  }
})
