import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import * as Memory from "../../src/ports/Memory.js"
import type { ListenerEvents, Socket, TransportError } from "../../src/ports/Transport.js"
import { listenAgain } from "../support/ListenAgain.js"
import { settle, turns, turnsUntil } from "../support/Turns.js"

/** The events of a socket, in order. */
const watch = (socket: Socket, onData: (text: string) => void = () => {}) => {
  const seen = { text: "", chunks: 0, events: new Array<string>(), error: undefined as TransportError | undefined }
  socket.attach({
    data: (bytes) => {
      seen.text += Buffer.from(bytes).toString("latin1")
      seen.chunks += 1
      if (seen.events.at(-1) !== "data") seen.events.push("data")
      onData(seen.text)
    },
    end: () => seen.events.push("end"),
    closed: (error) => {
      seen.events.push("closed")
      seen.error = error
    }
  })
  return seen
}

const listenWith = (network: Memory.Network, events: Partial<ListenerEvents>, hardLimit = 100) =>
  network.listen({ hardLimit, events: { accepted: () => {}, dropped: () => {}, failed: () => {}, ...events } })

/** Both ends of a connection, each with what it saw. */
const connected = (options?: Memory.NetworkOptions) =>
  Effect.gen(function* () {
    const network = yield* Memory.make(options)
    const accepted = new Array<Socket>()
    const events = new Array<ReturnType<typeof watch>>()
    yield* listenWith(network, {
      accepted: (socket) => {
        accepted.push(socket)
        events.push(watch(socket))
      }
    })
    const client = yield* network.connect
    const clientSaw = watch(client)
    const [server, serverSaw] = [accepted[0], events[0]]
    if (server === undefined || serverSaw === undefined) return yield* Effect.dieMessage("no connection was accepted")
    return { client, clientSaw, server, serverSaw }
  })

describe("Memory.connect", () => {
  it.scoped("is refused while no server listens", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      const before = yield* Effect.either(network.connect)
      assert.strictEqual(Either.getOrThrow(Either.flip(before)).code, "ECONNREFUSED")
      yield* Effect.scoped(listenWith(network, {}))
      const after = yield* Effect.either(network.connect)
      assert.strictEqual(Either.getOrThrow(Either.flip(after)).during, "Connect")
    })
  )

  it.scoped("is refused while the listener is suspended, and connections stay", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      let serverSaw: ReturnType<typeof watch> | undefined
      const listener = yield* listenWith(network, { accepted: (socket) => (serverSaw ??= watch(socket)) })
      assert.deepStrictEqual(listener.address, Memory.address)
      const client = yield* network.connect
      yield* listener.suspend
      assert.isTrue(Either.isLeft(yield* Effect.either(network.connect)))
      client.write("still here")
      yield* turnsUntil(
        () => serverSaw?.text === "still here",
        () => String(serverSaw?.text)
      )
      yield* listenAgain(listener)
      yield* listenAgain(listener)
      yield* network.connect
    })
  )

  it.scoped("serves one listener at a time", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      const first = yield* listenWith(network, {})
      const second = yield* Effect.either(listenWith(network, {}))
      assert.strictEqual(Either.getOrThrow(Either.flip(second)).code, "EADDRINUSE")
      yield* first.suspend
      yield* listenWith(network, {})
      assert.strictEqual((yield* Effect.flip(listenAgain(first))).code, "EADDRINUSE")
    })
  )

  it.scoped("is dropped above the hard limit, until a client leaves", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      let [accepted, dropped] = [0, 0]
      const events = {
        accepted: (socket: Socket) => {
          accepted += 1
          watch(socket)
        },
        dropped: () => (dropped += 1)
      }
      yield* listenWith(network, events, 2)
      const first = yield* network.connect
      watch(first)
      watch(yield* network.connect)
      const saw = watch(yield* network.connect)
      yield* settle
      assert.deepStrictEqual([accepted, dropped], [2, 1])
      assert.deepStrictEqual(saw.events, ["closed"])
      first.reset()
      yield* settle
      watch(yield* network.connect)
      assert.deepStrictEqual([accepted, dropped], [3, 1])
    })
  )

  it.scoped("can be interrupted", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make()
      let accepted = 0
      yield* listenWith(network, { accepted: () => (accepted += 1) })
      const fiber = yield* Effect.fork(network.connect)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      yield* settle
      assert.strictEqual(accepted, 0)
    })
  )
})

describe("a Memory socket", () => {
  it.scoped("carries bytes both ways, in order", () =>
    Effect.gen(function* () {
      const { client, clientSaw, server, serverSaw } = yield* connected()
      assert.isTrue(client.write("a"))
      assert.isTrue(client.write("b\xff\0"))
      assert.isTrue(server.write("c"))
      assert.strictEqual(serverSaw.text, "", "nothing is delivered from inside a write")
      yield* settle
      assert.strictEqual(serverSaw.text, "ab\xff\0")
      assert.strictEqual(clientSaw.text, "c")
    })
  )

  it.scoped("delivers what fits into one read", () =>
    Effect.gen(function* () {
      const { client, serverSaw } = yield* connected({ readBytes: 3 })
      client.write("abcdefgh")
      yield* settle
      assert.strictEqual(serverSaw.text, "abcdefgh")
      assert.strictEqual(serverSaw.chunks, 3)
    })
  )

  it.scoped("takes what its buffer has room for, and the rest as the other side reads", () =>
    Effect.gen(function* () {
      const { client, server, serverSaw } = yield* connected({ bufferBytes: 10, readBytes: 4 })
      server.pause()
      assert.isTrue(client.write("0123456789"))
      yield* client.taken
      assert.isFalse(client.write("abcde"))
      assert.strictEqual(client.untaken(), 5)
      const taken = yield* Effect.fork(client.taken)
      yield* settle
      assert.strictEqual(serverSaw.text, "")
      assert.isNull(taken.unsafePoll())
      server.resume()
      yield* Fiber.join(taken)
      assert.strictEqual(client.untaken(), 0)
      yield* settle
      assert.strictEqual(serverSaw.text, "0123456789abcde")
    })
  )

  it.scoped("shows progress within one write", () =>
    Effect.gen(function* () {
      const { client, server } = yield* connected({ bufferBytes: 10, readBytes: 1 })
      assert.isFalse(client.write("0123456789abcde"))
      assert.strictEqual(client.untaken(), 5)
      yield* turns(3)
      server.pause()
      assert.isBelow(client.untaken(), 5)
      assert.isAbove(client.untaken(), 0)
    })
  )

  it.scoped("can be paused from inside an event", () =>
    Effect.gen(function* () {
      const network = yield* Memory.make({ readBytes: 1 })
      let saw: ReturnType<typeof watch> | undefined
      let server: Socket | undefined
      yield* listenWith(network, {
        accepted: (socket) => {
          server = socket
          saw = watch(socket, () => socket.pause())
        }
      })
      const client = yield* network.connect
      client.write("abc")
      client.end()
      for (const text of ["a", "ab", "abc"]) {
        yield* settle
        assert.strictEqual(saw?.text, text)
        assert.deepStrictEqual(saw?.events, ["data"])
        server?.resume()
      }
      yield* settle
      assert.deepStrictEqual(saw?.events, ["data", "end"])
    })
  )

  it.scoped("ends one direction after what was written, and leaves the other open", () =>
    Effect.gen(function* () {
      const { client, clientSaw, server, serverSaw } = yield* connected({ bufferBytes: 4, readBytes: 3 })
      client.write("0123456789")
      client.end()
      client.end()
      assert.isFalse(client.write("too late"))
      yield* settle
      assert.strictEqual(serverSaw.text, "0123456789")
      assert.deepStrictEqual(serverSaw.events, ["data", "end"])
      server.write("answer")
      yield* settle
      assert.strictEqual(clientSaw.text, "answer")
      server.end()
      yield* settle
      assert.deepStrictEqual(clientSaw.events, ["data", "end", "closed"])
      assert.deepStrictEqual(serverSaw.events, ["data", "end", "closed"])
      assert.isUndefined(clientSaw.error)
      assert.isUndefined(serverSaw.error)
    })
  )

  it.scoped("loses what is on its way at a reset, and reports it to the other side", () =>
    Effect.gen(function* () {
      const { client, clientSaw, server, serverSaw } = yield* connected({ bufferBytes: 10 })
      server.pause()
      assert.isFalse(client.write("0123456789abcde"))
      const taken = yield* Effect.fork(Effect.either(client.taken))
      yield* settle
      server.destroy() // with unread input
      yield* settle
      assert.strictEqual(client.untaken(), 5, "what was taken stays known")
      assert.isTrue(Either.isLeft(yield* Fiber.join(taken)))
      assert.deepStrictEqual(clientSaw.events, ["closed"])
      assert.strictEqual(clientSaw.error?.code, "ECONNRESET")
      assert.deepStrictEqual(serverSaw.events, ["closed"])
      assert.isUndefined(serverSaw.error)
      assert.isFalse(client.write("more"))
      assert.strictEqual(client.untaken(), 9)
      assert.isTrue(Either.isLeft(yield* Effect.either(client.taken)))
    })
  )

  it.scoped("delivers what was taken before a destroy without unread input", () =>
    Effect.gen(function* () {
      const { client, server, serverSaw } = yield* connected({ bufferBytes: 4 })
      server.pause()
      client.write("0123456789")
      client.destroy()
      client.destroy()
      server.resume()
      yield* settle
      assert.strictEqual(serverSaw.text, "0123")
      assert.deepStrictEqual(serverSaw.events, ["data", "end"])
      server.write("never read") // the kernel takes it, and learns of the reset
      yield* settle
      assert.deepStrictEqual(serverSaw.events, ["data", "end", "closed"])
      assert.strictEqual(serverSaw.error?.code, "ECONNRESET")
    })
  )

  it.scoped("reports nothing after closed, and a reset even while paused", () =>
    Effect.gen(function* () {
      const { client, server, serverSaw } = yield* connected()
      server.pause()
      client.write("lost")
      client.reset()
      yield* settle
      assert.deepStrictEqual(serverSaw.events, ["closed"])
      server.resume()
      yield* settle
      assert.deepStrictEqual(serverSaw.events, ["closed"])
    })
  )

  describe("close", () => {
    it.scoped("waits for the other side's end, reads and discards", () =>
      Effect.gen(function* () {
        const { client, clientSaw, server, serverSaw } = yield* connected({ bufferBytes: 4 })
        server.pause()
        client.write("unread by the server")
        server.write("last")
        const closing = yield* Effect.fork(server.close(Duration.seconds(5)))
        yield* settle
        assert.deepStrictEqual(clientSaw.events, ["data", "end"])
        assert.strictEqual(clientSaw.text, "last")
        assert.strictEqual(client.untaken(), 0, "all of it was read")
        assert.isNull(closing.unsafePoll())
        client.end()
        yield* Fiber.join(closing)
        assert.strictEqual(serverSaw.text, "")
        yield* settle
        assert.deepStrictEqual(clientSaw.events, ["data", "end", "closed"])
      })
    )

    it.scoped("destroys at the deadline, exactly", () =>
      Effect.gen(function* () {
        const { client, clientSaw, server } = yield* connected()
        const closing = yield* Effect.fork(server.close(Duration.seconds(5)))
        yield* TestClock.adjust(Duration.millis(4_999))
        yield* settle
        assert.isNull(closing.unsafePoll())
        yield* TestClock.adjust(Duration.millis(1))
        yield* Fiber.join(closing)
        client.write("never read")
        yield* settle
        assert.deepStrictEqual(clientSaw.events, ["end", "closed"])
      })
    )

    it.scoped("keeps its deadline in a finaliser of an interrupted fiber", () =>
      Effect.gen(function* () {
        const { server } = yield* connected()
        const fiber = yield* Effect.fork(Effect.ensuring(Effect.never, server.close(Duration.seconds(5))))
        yield* Effect.yieldNow()
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* TestClock.adjust(Duration.millis(4_999))
        assert.isNull(interrupting.unsafePoll())
        yield* TestClock.adjust(Duration.millis(1))
        yield* Fiber.join(interrupting)
      })
    )

    it.scoped("destroys when it is interrupted", () =>
      Effect.gen(function* () {
        const { client, clientSaw, server } = yield* connected()
        const closing = yield* Effect.fork(server.close(Duration.seconds(5)))
        yield* settle
        yield* Fiber.interrupt(closing)
        client.write("never read")
        yield* settle
        assert.deepStrictEqual(clientSaw.events, ["end", "closed"])
      })
    )

    it.scoped("returns at once when the connection is gone", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected()
        client.reset()
        yield* settle
        yield* server.close(Duration.infinity)
      })
    )
  })
})
