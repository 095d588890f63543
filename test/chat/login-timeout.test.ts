import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { pass, startMemoryBroker, startMemoryServer } from "../support/MemoryServer.js"
import { shortTimeouts } from "../support/SmallSettings.js"
import { settle } from "../support/Turns.js"

describe("the login timeout", () => {
  it.scoped("closes a silent connection exactly on time", () =>
    Effect.gen(function* () {
      const { connect, reasons } = yield* startMemoryBroker(shortTimeouts)
      const client = yield* connect
      yield* pass(3_999)
      assert.deepStrictEqual(client.received, [])
      assert.isFalse(client.end().inOrder)
      yield* pass(1)
      assert.match(yield* client.next, /^! login-timeout fatal: /)
      yield* client.ended
      client.socket.end()
      yield* settle
      assert.deepStrictEqual(reasons, ["login-timeout"])
    })
  )

  it.scoped("is not extended by anything but a login: bytes without LF, commands", () =>
    Effect.gen(function* () {
      const { connect } = yield* startMemoryServer(shortTimeouts)
      const client = yield* connect
      client.say("/hello", "/who")
      yield* pass(3_000)
      client.socket.write("ali")
      yield* pass(1_000)
      assert.match(client.received.at(-1) ?? "", /^! login-timeout fatal: /)
      yield* client.ended
    })
  )

  it.scoped("does not affect a client that logged in just in time", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* startMemoryServer(shortTimeouts)
      const client = yield* connect
      yield* pass(3_999)
      client.say("alice")
      yield* pass(20_000)
      yield* client.barrier
      assert.deepStrictEqual(yield* server.names, ["alice"])
    })
  )

  it.scoped("fires at most an eighth of its length late, whenever the connection came", () =>
    Effect.gen(function* () {
      const { connect } = yield* startMemoryServer(shortTimeouts)
      const first = yield* connect
      yield* pass(7)
      const second = yield* connect
      yield* pass(3_993)
      assert.isTrue(first.end().inOrder)
      assert.isFalse(second.end().inOrder)
      yield* pass(257)
      assert.isTrue(second.end().inOrder)
    })
  )
})
