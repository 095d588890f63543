import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Fiber from "effect/Fiber"
import * as Ref from "effect/Ref"
import { assert } from "vitest"
import type { Socket } from "../../src/ports/Transport.js"
import { pass, startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { numbered, numbersFrom, range, returnedCount } from "../support/NumberedLines.js"
import { noTimeouts } from "../support/SmallSettings.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

describe("a connection that breaks", () => {
  it.scoped("received exactly the lines its socket took whole; the rest is returned", () =>
    Effect.gen(function* () {
      for (const bufferBytes of [1, 9, 10, 11, 500, 929, 930, 931, 1_024]) {
        const { broker, join, reasons } = yield* startMemoryBroker({ ...noTimeouts, memory: { bufferBytes } })
        const [bob, alice] = [yield* join("bob"), yield* join("alice")]
        bob.socket.pause()
        alice.say(...numbered(20).map((text) => `bob: ${text}`)) // 93 bytes each for bob
        yield* alice.barrier
        bob.socket.reset()
        yield* settle
        assert.deepStrictEqual(reasons, ["connection-lost"])
        yield* alice.barrier
        const whole = Math.floor(bufferBytes / 93)
        const expected = {
          accepted: 20,
          written: whole,
          received: 0,
          stored: 0,
          returned: 20 - whole,
          dead: 0,
          inFlight: 0
        }
        assert.deepStrictEqual(broker.ledger.snapshot(), expected, `${bufferBytes} bytes`)
        assert.strictEqual(returnedCount("disconnected", alice.received), 20 - whole)
      }
    })
  )

  it.scoped("makes a line dead when its sender has left as well", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker(noTimeouts)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(20).map((text) => `bob: ${text}`))
      yield* alice.barrier
      alice.socket.reset()
      yield* settle
      bob.socket.reset()
      yield* settle
      assert.deepStrictEqual(broker.ledger.snapshot(), {
        accepted: 20,
        written: 11,
        received: 0,
        stored: 0,
        returned: 0,
        dead: 9,
        inFlight: 0
      })
    })
  )

  it.scoped("loses the bytes after its last LF", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(noTimeouts)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      alice.socket.write("bob: whole\nbob: torn")
      yield* settle
      alice.socket.reset()
      yield* bob.barrier
      assert.deepStrictEqual(bob.received.slice(1, -1), ["from alice: whole"])
    })
  )

  it.scoped("delivers the bytes after its last LF when it ends in order instead", () =>
    Effect.gen(function* () {
      const { join } = yield* startMemoryServer(noTimeouts)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      alice.socket.write("bob: whole\nbob: last")
      alice.socket.end()
      yield* alice.ended
      yield* bob.barrier
      assert.deepStrictEqual(bob.received.slice(1, -1), ["from alice: whole", "from alice: last"])
    })
  )

  it.scoped("frees its name once, and never takes it from the next client of that name", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer(noTimeouts)
      const alice = yield* join("alice")
      for (let round = 0; round < 20; round++) {
        const old = yield* connect
        old.say("bob", "bob: x")
        old.socket.pause()
        if (round % 2 === 0) yield* settle
        old.socket.reset()
        yield* turns(round % 7)
        // Until the old connection is gone the new one is refused, and tries again.
        let bob = yield* connect
        bob.say("bob", "/ping in")
        yield* turnsUntil(
          () => bob.received.length > 0,
          () => "an answer"
        )
        while (bob.received[0]?.startsWith("! login-in-use bob fatal: ")) {
          bob = yield* connect
          bob.say("bob", "/ping in")
          yield* settle
        }
        yield* settle
        alice.say("bob: hi")
        yield* alice.barrier
        yield* bob.barrier
        assert.deepStrictEqual(yield* server.names, ["alice", "bob"])
        assert.include(bob.received, "from alice: hi")
        bob.socket.reset()
        yield* settle
      }
    })
  )
})

/** A chat in which one method of a connection's socket throws once `armed.now` is set. */
const defective = (method: "pause" | "resume" | "write" | "untaken" | "taken") =>
  Effect.gen(function* () {
    let accepted = 0
    const armed = { now: false, connection: 1 }
    const wrap = (socket: Socket): Socket => {
      const number = accepted++
      return new Proxy(socket, {
        get: (target, key) => {
          const value: unknown = Reflect.get(target, key, target)
          const isArmed = armed.now && number === armed.connection && key === method
          if (isArmed && key === "taken") return Effect.dieMessage("a defect in taken")
          if (typeof value !== "function") return value
          return (...args: ReadonlyArray<unknown>) => {
            if (armed.now && number === armed.connection && key === method) throw new Error(`a defect in ${method}`)
            return Reflect.apply(value, target, args)
          }
        }
      })
    }
    const chat = yield* startMemoryBroker({ ...noTimeouts, wrap, memory: { bufferBytes: 512 } })
    const bob = yield* chat.join("bob")
    const alice = yield* chat.join("alice")
    return { ...chat, alice, armed, bob }
  })

const failing = {
  name: "fail",
  usage: "/fail",
  about: "throws",
  run: () => {
    throw new Error("a defect in a command")
  }
}

describe("the end of a connection", () => {
  it.scoped("closes the socket when its fiber is interrupted, and settles what its outbox held", () =>
    Effect.gen(function* () {
      const { broker, interruptAll, join } = yield* startMemoryBroker(noTimeouts)
      const [bob, alice] = [yield* join("bob"), yield* join("alice")]
      bob.socket.pause()
      alice.say(...numbered(20).map((text) => `bob: ${text}`))
      yield* alice.barrier
      const stopping = yield* Effect.fork(interruptAll)
      yield* pass(10_000)
      yield* Fiber.join(stopping)
      bob.socket.resume()
      yield* Effect.zipRight(alice.ended, bob.ended)
      yield* broker.idle
      assert.strictEqual(HashMap.size(yield* Ref.get(broker.members)), 0)
      const { accepted, inFlight, written } = broker.ledger.snapshot()
      assert.deepStrictEqual({ accepted, inFlight, written }, { accepted: 20, inFlight: 0, written: 11 })
    })
  )

  it.scoped("releases the other held senders when resuming one of them throws", () =>
    Effect.gen(function* () {
      const { alice, armed, bob, join } = yield* defective("resume")
      const [carol, dave] = [yield* join("carol"), yield* join("dave")]
      bob.socket.pause()
      for (const sender of [alice, carol, dave]) {
        sender.say(...numbered(60).map((text) => `bob: ${text}`))
        yield* settle
      }
      armed.now = true
      bob.socket.resume()
      yield* carol.barrier
      yield* dave.barrier
      yield* bob.barrier
      assert.deepStrictEqual(numbersFrom("carol", bob.received), range(0, 60))
      assert.deepStrictEqual(numbersFrom("dave", bob.received), range(0, 60))
    })
  )

  it.scoped("is reported as internal-error when waiting for its socket dies, and its senders are notified", () =>
    Effect.gen(function* () {
      const { alice, armed, bob, broker, reasons } = yield* defective("taken")
      Object.assign(armed, { now: true, connection: 0 })
      bob.socket.pause()
      alice.say(...numbered(100).map((text) => `bob: ${text}`))
      yield* pass(6_000)
      assert.deepStrictEqual(reasons, ["internal-error"])
      yield* alice.barrier
      assert.isTrue(alice.received.some((line) => line.startsWith("! undelivered bob reason=disconnected")))
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  it.scoped("by a defect leaves no input behind that a drain would wait for", () =>
    Effect.gen(function* () {
      const { alice, armed, bob, broker } = yield* defective("pause")
      bob.socket.pause()
      armed.now = true
      alice.say(...numbered(100).map((text) => `bob: ${text}`))
      yield* settle
      yield* alice.ended
      bob.socket.resume()
      yield* bob.barrier
      yield* broker.drain
      yield* pass(1_000)
      yield* bob.ended
      assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
    })
  )

  it.scoped("by a defect counts the returned lines that were not reported yet", () =>
    Effect.gen(function* () {
      const { broker, join } = yield* startMemoryBroker(noTimeouts, { features: [() => ({ commands: [failing] })] })
      const alice = yield* join("alice")
      alice.say("nobody: hi", "/fail", "nobody: not accepted")
      yield* alice.ended
      const { accepted, dead, inFlight } = broker.ledger.snapshot()
      assert.deepStrictEqual({ accepted, dead, inFlight }, { accepted: 1, dead: 1, inFlight: 0 })
    })
  )

  for (const method of ["pause", "resume", "write"] as const) {
    it.scoped(`is reported as internal-error when its socket throws in ${method}, and other clients continue`, () =>
      Effect.gen(function* () {
        const { alice, armed, bob, broker, join, reasons } = yield* defective(method)
        const carol = yield* join("carol")
        bob.socket.pause()
        if (method !== "resume") armed.now = true
        if (method === "write") bob.say("alice: hi")
        alice.say(...numbered(100).map((text) => `bob: ${text}`))
        yield* settle
        armed.now = true
        bob.socket.resume()
        yield* pass(6_000)
        yield* alice.ended
        if (method !== "write") assert.deepStrictEqual(reasons, ["internal-error"])
        const count = carol.received.length
        carol.say("bob: are you there", "alice: and you")
        yield* carol.barrier
        yield* bob.barrier
        assert.include(bob.received, "from carol: are you there")
        assert.match(carol.received[count] ?? "", /^! undelivered alice reason=offline: /)
        assert.strictEqual(broker.ledger.snapshot().inFlight, 0)
        const again = yield* join("alice")
        again.say("bob: back")
        yield* again.barrier
      })
    )
  }
})
