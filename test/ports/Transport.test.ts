import { describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { assert } from "vitest"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import {
  ignoreEvents,
  type Listen,
  type Listener,
  type Socket,
  type TransportError
} from "../../src/ports/Transport.js"
import * as Unix from "../../src/transport/Unix.js"
import * as Certificates from "../support/Certificates.js"
import { listenAgain } from "../support/ListenAgain.js"
import { temporaryFolder } from "../support/TemporaryFolder.js"

/** One adapter of the port. Each must pass all tests below. */
interface Adapter {
  readonly listen: Listen
  readonly connect: (listener: Listener) => Effect.Effect<Socket, TransportError>
}

const adapters: Record<string, Effect.Effect<Adapter, TransportError, Scope.Scope>> = {
  Memory: Effect.map(Memory.make(), ({ connect, listen }) => ({ listen, connect: () => connect })),
  Tcp: Effect.succeed({ listen: Tcp.listen("127.0.0.1", 0), connect: ({ address }) => Tcp.connect(address) }),
  Tls: Certificates.overTls,
  Unix: Effect.map(temporaryFolder, (folder) => {
    const path = join(folder, "s")
    return { listen: Unix.listen(path), connect: () => Unix.connect(path) }
  })
}

interface End {
  readonly socket: Socket
  /** The events so far, in order; consecutive reads are one `data`. */
  readonly events: ReadonlyArray<string>
  readonly text: () => string
  readonly error: () => TransportError | undefined
  /** Waits until the condition holds; checks it after every event. */
  readonly when: (condition: () => boolean) => Effect.Effect<void>
}

const watch = (socket: Socket): End => {
  const events = new Array<string>()
  let text = ""
  let error: TransportError | undefined
  let waiting: ReadonlyArray<() => void> = []
  const record = (event: string) => {
    if (event !== "data" || events.at(-1) !== "data") events.push(event)
    for (const check of waiting) check()
  }
  socket.attach({
    data: (bytes) => {
      text += Buffer.from(bytes).toString("latin1")
      record("data")
    },
    end: () => record("end"),
    closed: (why) => {
      error = why
      record("closed")
    }
  })
  return {
    socket,
    events,
    text: () => text,
    error: () => error,
    when: (condition) =>
      Effect.async((resume) => {
        const check = () => {
          if (!condition()) return
          waiting = waiting.filter((other) => other !== check)
          resume(Effect.void)
        }
        waiting = [...waiting, check]
        check()
      })
  }
}

const has = (end: End, event: string) => end.when(() => end.events.includes(event))

/** Two connected ends, which the scope destroys. */
const connected = (adapter: Effect.Effect<Adapter, TransportError, Scope.Scope>) =>
  Effect.gen(function* () {
    const { connect, listen } = yield* adapter
    const accepted = yield* Deferred.make<End>()
    const listener = yield* listen({
      hardLimit: 10,
      events: {
        accepted: (socket) => Deferred.unsafeDone(accepted, Effect.succeed(watch(socket))),
        dropped: () => {},
        failed: () => {}
      }
    })
    const destroyed = (end: End) => Effect.sync(() => end.socket.destroy())
    const client = yield* Effect.acquireRelease(Effect.map(connect(listener), watch), destroyed)
    const server = yield* Effect.acquireRelease(Deferred.await(accepted), destroyed)
    return { client, connect, listener, server }
  })

const megabytes = "0123456789abcdef".repeat(1_048_576)

for (const [name, adapter] of Object.entries(adapters)) {
  describe(`a ${name} socket`, () => {
    it.scopedLive("carries every byte both ways, in order", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("")
        client.socket.write(bytes)
        client.socket.write("more")
        server.socket.write(bytes)
        yield* server.when(() => server.text() === `${bytes}more`)
        yield* client.when(() => client.text() === bytes)
      })
    )

    it.scopedLive("delivers nothing while it is paused, and everything after", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        server.socket.pause()
        server.socket.pause()
        assert.isFalse(client.socket.write(megabytes), "more than any kernel takes")
        assert.isAbove(client.socket.untaken(), 0)
        const taken = yield* Effect.fork(client.socket.taken)
        yield* Effect.sleep(Duration.millis(20)) // there is no event to wait for
        assert.isNull(taken.unsafePoll())
        assert.strictEqual(server.text(), "")
        server.socket.resume()
        yield* Fiber.join(taken)
        assert.strictEqual(client.socket.untaken(), 0)
        client.socket.end()
        yield* has(server, "end")
        assert.isTrue(server.text() === megabytes)
      })
    )

    it.scopedLive("reports at once that everything was taken", () =>
      Effect.gen(function* () {
        const { client } = yield* connected(adapter)
        assert.isTrue(client.socket.write("hi"))
        assert.strictEqual(client.socket.untaken(), 0)
        yield* client.socket.taken
      })
    )

    it.scopedLive("ends one direction while the other stays open, until both have ended", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        client.socket.write("last words")
        client.socket.end()
        client.socket.end()
        yield* has(server, "end")
        assert.strictEqual(server.text(), "last words")
        server.socket.write("answer")
        yield* client.when(() => client.text() === "answer")
        server.socket.end()
        yield* has(client, "closed")
        yield* has(server, "closed")
        assert.deepStrictEqual(client.events, ["data", "end", "closed"])
        assert.deepStrictEqual(server.events, ["data", "end", "closed"])
        assert.isUndefined(client.error())
        assert.isUndefined(server.error())
      })
    )

    it.scopedLive("fails `taken` when the other side breaks the connection", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        server.socket.pause()
        client.socket.write(megabytes)
        const taken = yield* Effect.fork(Effect.either(client.socket.taken))
        yield* Effect.sleep(Duration.millis(20)) // so that there is unread input
        server.socket.destroy()
        server.socket.destroy()
        assert.isTrue(Either.isLeft(yield* Fiber.join(taken)))
        yield* has(client, "closed")
        assert.isDefined(client.error())
        assert.isAbove(client.socket.untaken(), 0)
        assert.isFalse(client.socket.write("more"))
        assert.isTrue(Either.isLeft(yield* Effect.either(client.socket.taken)))
      })
    )

    it.scopedLive("closes in an orderly way despite unread input: its last words arrive", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        server.socket.pause()
        client.socket.write("never read ".repeat(10_000))
        server.socket.write("last words")
        const closing = yield* Effect.fork(server.socket.close(Duration.seconds(20)))
        yield* has(client, "end")
        assert.strictEqual(client.text(), "last words")
        client.socket.end()
        yield* Fiber.join(closing)
        yield* has(client, "closed")
        assert.isUndefined(client.error())
        assert.strictEqual(server.text(), "", "input that arrives during the close is discarded")
      })
    )

    it.scopedLive("closes at once when the other side has ended, and what the kernel took still arrives", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        const answer = megabytes.slice(0, 32_768)
        client.socket.end()
        yield* has(server, "end")
        client.socket.pause()
        // Over TLS, the handshake may have finished in this very turn.
        if (!server.socket.write(answer)) yield* server.socket.taken
        yield* server.socket.close(Duration.hours(1))
        client.socket.resume()
        yield* has(client, "closed")
        assert.strictEqual(client.text(), answer)
        assert.deepStrictEqual(client.events, ["data", "end", "closed"])
        assert.isUndefined(client.error())
      })
    )

    it.scopedLive("waits for the other side's end no longer than it may, even in a finaliser", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        yield* Effect.scoped(Effect.addFinalizer(() => server.socket.close(Duration.millis(20))))
        yield* has(client, "end")
        yield* server.socket.close(Duration.hours(1))
      })
    )

    it.scopedLive("waits without limit if asked to", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        const closing = yield* Effect.fork(server.socket.close(Duration.infinity))
        yield* has(client, "end")
        yield* Effect.sleep(Duration.millis(20))
        assert.isNull(closing.unsafePoll())
        client.socket.end()
        yield* Fiber.join(closing)
      })
    )

    it.scopedLive("is destroyed when its close is interrupted", () =>
      Effect.gen(function* () {
        const { client, server } = yield* connected(adapter)
        const closing = yield* Effect.fork(server.socket.close(Duration.hours(1)))
        yield* has(client, "end")
        yield* Fiber.interrupt(closing)
        yield* server.socket.close(Duration.hours(1))
      })
    )
  })

  describe(`a ${name} listener`, () => {
    it.scopedLive("suspends and resumes at the same address; connections stay", () =>
      Effect.gen(function* () {
        const { client, connect, listener, server } = yield* connected(adapter)
        yield* listener.suspend
        yield* listener.suspend
        assert.isTrue(Either.isLeft(yield* Effect.either(connect(listener))))
        client.socket.write("still here")
        yield* server.when(() => server.text() === "still here")
        yield* listenAgain(listener)
        yield* listenAgain(listener)
        const another = yield* connect(listener)
        another.attach(ignoreEvents)
        another.destroy()
      })
    )

    it.scopedLive("is gone with its scope", () =>
      Effect.gen(function* () {
        const { connect, listener } = yield* Effect.scoped(connected(adapter))
        const { code } = yield* Effect.flip(connect(listener))
        assert.include(["ECONNREFUSED", "ENOENT"], code)
      })
    )
  })
}
