import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Tls from "../../src/transport/Tls.js"
import * as Certificates from "../support/Certificates.js"
import { eventually } from "../support/Eventually.js"
import { client, listening, over, watch, type Seen } from "../support/TlsConnections.js"

describe("the end of a TLS connection", () => {
  it.scopedLive("is orderly with close_notify, and everything before it arrives", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const { tls } = yield* client(port)
      const server = yield* first
      tls.end("last words")
      yield* eventually(() => server.events.includes("end"), "no end")
      assert.strictEqual(server.text, "last words")
    })
  )

  it.scopedLive("is orderly for the client as well that has ended first, although the server closes at once", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const options = { ca: Certificates.path("ca"), serverName: "localhost" }
      const peer = yield* Effect.map(Tls.connect(Tls.address("127.0.0.1", port), options), (socket) => watch(socket))
      const server = yield* first
      server.socket.write("hi")
      yield* eventually(() => peer.text === "hi", "no greeting")
      peer.socket.end()
      yield* eventually(() => server.events.includes("end"), "no end")
      Effect.runSync(server.socket.close(Duration.seconds(5))) // would throw if it waited
      yield* eventually(() => peer.events.includes("end") || peer.events.includes("closed"), "no answer to the end")
      assert.deepStrictEqual([peer.events[1], peer.error], ["end", undefined])
      peer.socket.destroy()
    })
  )

  it.scopedLive("without close_notify is a break: anyone on the path could have cut the connection", () =>
    Effect.gen(function* () {
      const { first, port } = yield* listening()
      const made = yield* client(port)
      const { tls } = made
      const server = yield* first
      // Once the client has read this, it has also read the session tickets. With unread input it would send a reset.
      server.socket.write("hi")
      yield* eventually(() => made.text === "hi", "no greeting")
      tls.write("half a li")
      yield* eventually(() => server.text === "half a li", "no data")
      tls.destroy() // ends TCP without close_notify
      yield* over(server)
      assert.deepStrictEqual(server.events, ["data", "closed"])
      assert.strictEqual(server.error?.code, "ECUTSHORT")
    })
  )

  it.scopedLive("is reported as it arrived, even if a pause delays the report", () =>
    Effect.gen(function* () {
      // The server pauses at the first of several records. The others follow, then the end of TLS, then that of TCP.
      const { first, port } = yield* listening({ onData: ({ socket }) => socket.pause() })
      const { tls } = yield* client(port)
      const server = yield* first
      tls.end("last words".repeat(10_000))
      yield* eventually(() => server.text !== "", "no data")
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual(server.events, ["data"])
      for (; server.events.length === 1; yield* Effect.sleep("5 millis")) server.socket.resume()
      assert.deepStrictEqual(server.events, ["data", "end"])
      assert.strictEqual(server.text.length, 100_000)
    })
  )

  it.scopedLive("never counts bytes as taken that the other side cannot read", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listening()
      for (const [round, size] of [100, 20_000, 300_000, 16_000_000].entries()) {
        const made = yield* client(port)
        made.tls.pause()
        const server = accepted[round] as Seen // its handshake has finished
        const isTaken = server.socket.write("x".repeat(size))
        yield* Effect.sleep("50 millis")
        const untaken = server.socket.untaken()
        assert.isAtMost(untaken, size)
        if (isTaken) assert.strictEqual(untaken, 0)
        server.socket.destroy()
        const left = server.socket.untaken()
        made.tls.resume()
        yield* eventually(() => made.ended !== "", "no end")
        assert.isAtLeast(made.text.length, size - left, `${size} bytes, ${left} untaken`)
        assert.strictEqual(left > 0, size > 10_000_000)
        yield* over(server)
      }
    })
  )

  it.scopedLive("counts what the other side can read of a write that waits behind another", () =>
    Effect.gen(function* () {
      const { accepted, port } = yield* listening()
      const made = yield* client(port)
      const server = accepted[0] as Seen // its handshake has finished
      server.socket.write("x")
      yield* server.socket.taken
      yield* eventually(() => made.text === "x", "nothing came")
      made.tls.pause()
      // Node reports it a turn later, and encrypts the next write only then.
      assert.isTrue(server.socket.write("y".repeat(1_000)))
      const size = 16_000_000
      assert.isFalse(server.socket.write("z".repeat(size)))
      assert.strictEqual(server.socket.untaken(), size)
      yield* Effect.sleep("50 millis")
      server.socket.destroy()
      const left = server.socket.untaken()
      made.tls.resume()
      yield* eventually(() => made.ended !== "", "no end")
      assert.strictEqual(made.text.length, 1_001 + size - left)
      assert.isAbove(left, 0)
    })
  )
})
