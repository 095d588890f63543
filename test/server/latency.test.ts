import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"

describe("latency", () => {
  // Guard: `noDelay` in src/transport/NetSocket.ts. With Nagle's algorithm the second of two small writes waits for the
  // acknowledgement of the first, which the receiver delays by 40 ms because it has nothing to send.
  it.scopedLive("small messages do not wait for acknowledgements: 100 round trips take far less than 40 ms each", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const alice = yield* server.join("alice")
      const bob = yield* server.join("bob")
      const began = performance.now()
      for (let round = 0; round < 100; round++) {
        yield* alice.send(`bob: first ${round}\n`)
        yield* bob.expect(`from alice: first ${round}`)
        yield* alice.send(`bob: second ${round}\n`)
        yield* bob.expect(`from alice: second ${round}`)
        yield* bob.send(`alice: both ${round}\n`)
        yield* alice.expect(`from bob: both ${round}`)
      }
      assert.isBelow(performance.now() - began, 2_000)
    })
  )
})
