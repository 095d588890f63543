import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Net from "node:net"
import * as LineConnection from "../../src/client/LineConnection.js"
import { ignoreEvents, type Socket } from "../../src/ports/Transport.js"
import * as Inherited from "../../src/transport/Inherited.js"
import * as Memory from "../../src/ports/Memory.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Unix from "../../src/transport/Unix.js"
import { eventually } from "../support/Eventually.js"
import * as FakeServer from "../support/FakeServer.js"
import { noPerl, unansweredPort } from "../support/OtherProcesses.js"

describe("Tcp.connect", () => {
  for (const [address, expected] of [
    [Inherited.address({ descriptor: 3, name: "chat" }), "cannot connect to fd://chat: it has no TCP port"],
    [Unix.address("/s"), "cannot connect to unix:/s: it has no TCP port"],
    [Memory.address, "cannot connect to memory: it has no TCP port"],
    [Tls.address("::1", 1), "cannot connect to tls://[::1]:1: it is encrypted, so TCP alone cannot connect to it"]
  ] as const) {
    it.live(`rejects ${address.text}`, () =>
      Effect.map(Effect.flip(Tcp.connect(address)), ({ message }) => assert.strictEqual(message, expected))
    )
  }

  it.scopedLive.skipIf(noPerl !== undefined)("gives up after its timeout where no host replies", () =>
    Effect.gen(function* () {
      const port = yield* unansweredPort
      const error = yield* Effect.flip(Tcp.connect(Tcp.address("127.0.0.1", port), "200 millis"))
      assert.strictEqual(error.code, "ETIMEDOUT")
      assert.strictEqual(error.hint, "unreachable")
      assert.match(error.message, /^cannot connect to 127\.0\.0\.1:\d+: the host does not reply$/u)
    })
  )

  it.scopedLive("leaves a connection alone that was made in time", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.make((socket) => setTimeout(() => socket.end("late"), 300))
      const socket = yield* Tcp.connect(Tcp.address("127.0.0.1", port), "100 millis")
      const received = yield* Effect.async<string>((resume) => {
        let text = ""
        socket.attach({
          data: (bytes) => (text += Buffer.from(bytes).toString()),
          end: () => resume(Effect.succeed(text)),
          closed: (error) => resume(Effect.dieMessage(`closed: ${error?.message}`))
        })
      })
      socket.destroy()
      assert.strictEqual(received, "late")
    })
  )

  it.scopedLive("is broken by a reset that arrives together with the last bytes", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.make((socket) => {
        // Written and reset in one turn, so that the other end finds both at once.
        socket.on("data", () => {
          socket.write("last bytes")
          socket.resetAndDestroy()
        })
      })
      const socket = yield* Tcp.connect(Tcp.address("127.0.0.1", port))
      const events = yield* Effect.async<ReadonlyArray<string>>((resume) => {
        const seen: Array<string> = []
        socket.attach({
          data: (bytes) => void seen.push(Buffer.from(bytes).toString()),
          end: () => resume(Effect.succeed([...seen, "end"])),
          closed: (error) => resume(Effect.succeed([...seen, error?.code ?? "closed"]))
        })
        socket.write("now")
      })
      socket.destroy()
      assert.deepStrictEqual(events, ["last bytes", "ECONNRESET"])
    })
  )
})

describe("the close of an accepted connection", () => {
  it.scopedLive(
    "does not count time in which the process was stopped: the peer reads the last line, and no reset",
    () =>
      Effect.gen(function* () {
        const accepted = yield* Deferred.make<Socket>()
        const { address } = yield* Tcp.listen(
          "127.0.0.1",
          0
        )({
          hardLimit: 10,
          events: {
            accepted: (socket) => {
              socket.attach(ignoreEvents)
              Deferred.unsafeDone(accepted, Exit.succeed(socket))
            },
            dropped: () => {},
            failed: () => {}
          }
        })
        const seen: Array<string> = []
        const client = yield* Effect.acquireRelease(
          Effect.sync(() => Net.connect({ port: address.port ?? 0, host: "127.0.0.1", allowHalfOpen: true })),
          (socket) => Effect.sync(() => socket.destroy())
        )
        client.on("data", (bytes: Buffer) => seen.push(bytes.toString()))
        client.on("end", () => {
          seen.push("end")
          // Still on its way when the server would have given up.
          client.write("what it was about to send\n")
          setTimeout(() => client.end("and more\n"), 20)
        })
        client.on("error", ({ code }: NodeJS.ErrnoException) => seen.push(code ?? "error"))
        client.on("close", () => seen.push("close"))
        const socket = yield* Deferred.await(accepted)
        socket.write("! login-in-use\n")
        const closing = yield* Effect.fork(socket.close(Duration.millis(500)))
        yield* Effect.yieldNow()
        const until = performance.now() + 700
        while (performance.now() < until); // the process gets no CPU
        yield* Fiber.join(closing)
        yield* eventually(() => seen.includes("close"), "the client did not close")
        assert.deepStrictEqual(seen, ["! login-in-use\n", "end", "close"])
      })
  )
})

describe("a connection on which several fibers wait for the kernel", () => {
  it.scopedLive("wakes each of them, though more is written while they wait", () =>
    Effect.gen(function* () {
      const { port } = yield* FakeServer.make((socket) => socket.resume())
      const socket = yield* Effect.acquireRelease(Tcp.connect(Tcp.address("127.0.0.1", port)), (made) =>
        Effect.sync(() => made.destroy())
      )
      socket.attach(ignoreEvents)
      const { send } = yield* LineConnection.makeSender(socket)
      const line = `${"x".repeat(1024 * 1024)}\n`
      // One after another, so that some are written while Node already writes those before them.
      const sends = Array.from({ length: 64 }, (_, at) => Effect.delay(send(line), at))
      const over = yield* Effect.timeoutOption(Effect.all(sends, { concurrency: "unbounded" }), "10 seconds")
      assert.isTrue(Option.isSome(over), "a fiber was never woken")
    })
  )
})
