import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import * as LineConnection from "../../src/client/LineConnection.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

const answerLine = `* who 1: ${"x".repeat(100)}\n`

describe("LineConnection.ask", () => {
  it.scopedLive("reads an answer of any length, even if it leaves no line to take", () =>
    Effect.gen(function* () {
      const lines = 5000
      const address = yield* FakeServer.make((socket) => {
        let sent = 0
        const go = () => {
          // In small writes, so that the client reads often and takes every read whole.
          if (sent++ < lines) socket.write(answerLine, () => setImmediate(go))
        }
        socket.once("data", go)
      })
      const connection = yield* LineConnection.make({
        socket: Tcp.connect(address),
        maxLineBytes: 1000,
        linger: Duration.seconds(1)
      })
      yield* Effect.forkScoped(Stream.runDrain(connection.lines))
      let came = 0
      yield* connection.ask("/who\n", () => (++came < lines ? "part" : Exit.void))
      assert.strictEqual(came, lines)
    })
  )
})
