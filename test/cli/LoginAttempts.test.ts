import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as LoginAttempts from "../../src/cli/commands/LoginAttempts.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as FakeServer from "../support/FakeServer.js"

/**
 * A server that ends connections with these lines, one after the other, and accepts the logins of those after the last.
 */
const refusing = (...refusals: ReadonlyArray<string>) => {
  let connections = 0
  return FakeServer.make((socket) => {
    const refusal = refusals[connections++]
    socket.on("end", () => socket.end())
    socket.once("data", () => {
      if (refusal === "reset") socket.resetAndDestroy()
      else if (refusal !== undefined) socket.end(`${refusal}\n`)
      else socket.write("* hello achat=1 name=alice max-line=1000 max-recipients=3: x\n".repeat(3))
    })
  })
}

describe("LoginAttempts.logIn", () => {
  it.scopedLive("releases each attempt that fails before the next one", () =>
    Effect.gen(function* () {
      const address = yield* refusing("reset", "! full retry=1 fatal: x", "! login-in-use alice fatal: x", "reset")
      const open = { now: 0, most: 0 }
      const socket = Effect.map(Tcp.connect(address), (socket) => {
        open.now += 1
        open.most = Math.max(open.most, open.now)
        const close = socket.close.bind(socket)
        return Object.assign(socket, {
          close: (linger: Duration.Duration) =>
            Effect.ensuring(
              close(linger),
              Effect.sync(() => (open.now -= 1))
            )
        })
      })
      const options = { socket, login: "alice", alternative: () => "alice2", use: "send-only", retries: 10 } as const
      yield* LoginAttempts.logIn({ ...options, timeout: Duration.seconds(20) }, "first")
      assert.deepStrictEqual(open, { now: 1, most: 1 })
    })
  )

  it.scopedLive("pauses before it connects again after connections that were of no use", () =>
    Effect.gen(function* () {
      const address = yield* refusing()
      const options = { login: "alice", alternative: undefined, use: "send-only", retries: 10 } as const
      const attempt = (inVain: number) =>
        Effect.scoped(
          LoginAttempts.logIn({ ...options, socket: Tcp.connect(address), timeout: Duration.seconds(20) }, { inVain })
        )
      const [soon] = yield* Effect.timed(attempt(0))
      const [later] = yield* Effect.timed(attempt(5))
      assert.isAtLeast(Duration.toMillis(later), 800)
      assert.isBelow(Duration.toMillis(soon), 800)
    })
  )
})
