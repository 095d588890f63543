import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Client from "../../src/client/Client.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

const connect = (address: Address, options: Partial<Client.ClientOptions<never, never>> = {}) =>
  Client.open({ login: "alice", ...options, socket: Tcp.connect(address) })

/** A server that sends one text to everybody, in the pieces given, and closes. */
const saying = (...pieces: ReadonlyArray<Uint8Array | string>) =>
  FakeServer.make((socket) => {
    const [piece, ...rest] = pieces
    if (piece === undefined) return socket.end()
    const send = (
      next: Uint8Array | string | undefined,
      [after, ...others]: ReadonlyArray<Uint8Array | string>
    ): void => {
      if (next === undefined) socket.end()
      // Each in a turn of its own, so that they arrive as reads of their own.
      else socket.write(next, () => setImmediate(() => send(after, others)))
    }
    socket.resume()
    return send(piece, rest)
  })

/** Waits until a figure is above 0, and then stays as it is for many turns of the event loop. */
const settled = (figure: () => number) =>
  Effect.async<void>((resume) => {
    let last = figure()
    let same = 0
    const look = () => {
      same = last > 0 && figure() === last ? same + 1 : 0
      last = figure()
      if (same > 200) resume(Effect.void)
      else setImmediate(look)
    }
    look()
  })

const collect = (client: Client.ClientHandle) => Effect.map(Stream.runCollect(client.lines), Chunk.toReadonlyArray)

/** Why nothing was sent. */
const reason = (sending: Effect.Effect<void, { readonly _tag: string; readonly reason: string }>) =>
  Effect.map(Effect.flip(sending), (error) => error.reason)

describe("Client", () => {
  it.scopedLive("logs in, sends and receives", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* FakeServer.original)
      yield* client.send(["alice"], "hi")
      yield* client.send(["alice", "nobody"], "grüße: 👋")
      yield* client.end
      assert.deepStrictEqual(yield* Stream.runCollect(client.received).pipe(Effect.map(Chunk.toReadonlyArray)), [
        { _tag: "Message", from: "alice", text: "hi" },
        { _tag: "Message", from: "alice", text: "grüße: 👋" }
      ])
    })
  )

  it.scopedLive("decodes characters that are split across two reads", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("from bob: 👋ü\n")
      const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
      const client = yield* connect(yield* saying(...pieces))
      assert.deepStrictEqual(yield* collect(client), ["from bob: 👋ü"])
    })
  )

  it.scopedLive("accepts CRLF, and drops a last line that was cut off", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* saying("a\r\n\r\nb\n", "c"))
      assert.deepStrictEqual(yield* collect(client), ["a", "", "b"])
    })
  )

  it.scopedLive("fails when the connection breaks, after the lines that came before", () =>
    Effect.gen(function* () {
      const address = yield* FakeServer.make((socket) =>
        socket.once("data", () =>
          socket.write("from bob: hi\n", () => socket.once("data", () => socket.resetAndDestroy()))
        )
      )
      const client = yield* connect(address)
      const seen: Array<string> = []
      const exit = yield* client.lines.pipe(
        Stream.runForEach((line) => {
          seen.push(line)
          return client.sendLine("/bye")
        }),
        Effect.flip
      )
      assert.deepStrictEqual(seen, ["from bob: hi"])
      assert.strictEqual(exit._tag, "TransportError")
    })
  )

  it.scopedLive("fails on a line over the limit, and accepts one at the limit", () =>
    Effect.gen(function* () {
      const atLimit = yield* connect(yield* saying("12345678\n"), { maxLineBytes: 8 })
      assert.deepStrictEqual(yield* collect(atLimit), ["12345678"])
      const above = yield* connect(yield* saying("123456789\n"), { maxLineBytes: 8 })
      assert.match((yield* Effect.flip(collect(above))).message, /more than 8 bytes/u)
    })
  )

  it.scopedLive("stops reading while no lines are taken, and loses none", () =>
    Effect.gen(function* () {
      const count = 2_000_000
      let sent = 0
      const address = yield* FakeServer.make((socket) => {
        const go = () => {
          let room = true
          while (room && sent < count) {
            room = socket.write(Array.from({ length: 1000 }, (_, i) => `${sent + i}\n`).join(""))
            sent += 1000
          }
          if (room) socket.end()
          else socket.once("drain", go)
        }
        socket.resume()
        go()
      })
      const client = yield* connect(address)
      yield* settled(() => sent)
      // Only what the two kernels hold was taken.
      assert.isBelow(sent, count)
      let next = 0
      yield* client.lines.pipe(
        Stream.runForEachChunk((lines) =>
          Effect.sync(() => {
            for (const line of lines) {
              if (line !== `${next}`) assert.fail(`${line} in the place of ${next}`)
              next += 1
            }
          })
        )
      )
      assert.strictEqual(next, count)
    })
  )

  it.scopedLive("makes every sender wait while the server does not read", () =>
    Effect.gen(function* () {
      const resumed = yield* Deferred.make<void>()
      let received = 0
      let sent = 0
      const address = yield* FakeServer.make((socket) => {
        socket.on("data", (bytes) => (received += bytes.length))
        socket.on("end", () => socket.end())
        socket.pause()
        Effect.runFork(Effect.map(Deferred.await(resumed), () => socket.resume()))
      })
      const client = yield* connect(address)
      const text = "x".repeat(60_000)
      const send = Effect.repeatN(
        Effect.map(client.send(["bob"], text), () => (sent += 1)),
        999
      )
      const senders = yield* Effect.forkAll([send, send])
      yield* settled(() => sent)
      assert.isBelow(sent, 1000)
      yield* Deferred.succeed(resumed, undefined)
      yield* Fiber.join(senders)
      yield* client.end
      yield* collect(client)
      assert.strictEqual(received, "alice\n".length + 2000 * `bob: ${text}\n`.length)
    })
  )

  it.scopedLive("refuses to send what would not be one line with the intended meaning", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* FakeServer.original)
      for (const text of ["a\nb", "a\rb", "\0", "\x1b[2J", "\x7f", "\u0085x"]) {
        assert.strictEqual(yield* reason(client.send(["alice"], text)), "ControlCharacter")
        assert.strictEqual(yield* reason(client.sendLine(text)), "ControlCharacter")
      }
      for (const name of ["", " ", "a,b", "a:b", "/who", "@k1", "#", "# ", "!", "*", "a\nb"]) {
        assert.strictEqual(yield* reason(client.send([name], "hi")), "BadRecipient")
      }
      assert.strictEqual(yield* reason(client.send([], "hi")), "NoRecipient")
      yield* client.send(["alice"], "\tonly this\t")
      yield* client.end
      assert.deepStrictEqual(yield* collect(client), ["from alice: only this"])
    })
  )

  it.scopedLive("refuses a login that is not a line of its own before connecting", () =>
    Effect.gen(function* () {
      for (const login of ["", " ", "a\nb: hi", "/who", "@k1 bob"]) {
        const error = yield* Effect.flip(Client.open({ login, socket: Effect.dieMessage("connected") }))
        assert.strictEqual(error.reason, "BadLogin")
      }
    })
  )

  it.scopedLive("refuses a login that contains a secret before connecting, and does not repeat the secret", () =>
    Effect.gen(function* () {
      for (const login of ["alice: correct horse", "alice/phone:correct horse"]) {
        const error = yield* Effect.flip(Client.open({ login, socket: Effect.dieMessage("connected") }))
        assert.strictEqual(error.reason, "LoginWithSecret")
        assert.match(error.message, /: "alice(?:\/phone)?"$/u)
      }
    })
  )

  it.scopedLive("does not send after its end", () =>
    Effect.gen(function* () {
      const client = yield* connect(yield* FakeServer.original)
      yield* client.end
      yield* client.end
      const error = yield* Effect.flip(client.sendLine("x"))
      assert.strictEqual(error._tag, "TransportError")
      assert.deepStrictEqual(yield* collect(client), [])
    })
  )

  it.live("delivers what was sent when its scope ends", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const received = yield* Deferred.make<string>()
        const address = yield* FakeServer.make((socket) => {
          let text = ""
          socket.write("from bob: nobody reads this\n")
          socket.on("data", (bytes) => (text += bytes.toString()))
          socket.on("end", () => {
            Deferred.unsafeDone(received, Exit.succeed(text))
            socket.end()
          })
        })
        yield* Effect.scoped(Effect.flatMap(connect(address), (client) => client.send(["bob"], "hi")))
        assert.strictEqual(yield* Deferred.await(received), "alice\nbob: hi\n")
      })
    )
  )

  it.scopedLive("settles whatever waits when its scope closes", () =>
    Effect.gen(function* () {
      const sent = yield* Deferred.make<void>()
      const address = yield* FakeServer.answering(
        FakeServer.greeting((line) => {
          if (line.startsWith("@")) Deferred.unsafeDone(sent, Exit.void)
          return []
        })
      )
      const scope = yield* Scope.make()
      const alice = yield* Scope.extend(Client.greet({ socket: Tcp.connect(address), login: "alice" }), scope)
      const waiting = yield* Effect.fork(alice.deliver(["bob"], "hi"))
      const lines = yield* Effect.fork(Stream.runDrain(alice.lines))
      yield* Deferred.await(sent)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* Fiber.join(waiting), [{ _tag: "Unknown", names: ["bob"] }])
      yield* Fiber.join(lines)
      yield* alice.closed
      assert.strictEqual((yield* Effect.flip(alice.deliver(["bob"], "hi")))._tag, "TransportError")
    })
  )

  it.scopedLive("reports why it could not connect", () =>
    Effect.gen(function* () {
      const address = yield* Effect.scoped(FakeServer.original)
      const error = yield* Effect.flip(connect(address))
      assert.strictEqual(error._tag === "TransportError" && error.code, "ECONNREFUSED")
    })
  )
})
