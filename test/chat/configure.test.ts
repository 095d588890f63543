import { describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { assert } from "vitest"
import { pass, startMemoryServer } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

describe("options that change while the server runs", () => {
  it.scoped("give no client a new allowance of lines", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ rate: 4 })
      const alice = yield* join("alice")
      alice.say("/ping 2", "/ping 3") // after the login and a first ping
      for (const text of ["1", "2", "3"]) assert.strictEqual(yield* alice.next, `* pong: ${text}`)
      yield* server.configure({ maxRecipients: 1 })
      alice.say("/ping")
      assert.match(yield* alice.next, /^! slow-down retry=250: /u)
      yield* server.configure({ rate: 10 })
      alice.say("/ping")
      assert.match(yield* alice.next, /^! slow-down retry=100: /u)
    })
  )

  it.scoped("apply to present clients and to new ones", () =>
    Effect.gen(function* () {
      const { connect, join, server } = yield* startMemoryServer({ maxConnections: 3 })
      const alice = yield* join("alice")
      yield* server.configure({ rate: 2, maxRecipients: 1, maxConnections: 2 })
      alice.say("a, b: no", "/ping", "/ping")
      assert.match(yield* alice.next, /^\* pong: 1/u)
      assert.match(yield* alice.next, /^! too-many-recipients max=1: /u)
      assert.strictEqual(yield* alice.next, "* pong: ")
      assert.match(yield* alice.next, /^! slow-down retry=500: /u)
      const bob = yield* connect
      bob.say("bob", "/hello")
      assert.match(yield* bob.next, /max-recipients=1 .*rate=2: /u)
      assert.match(yield* Effect.flatMap(connect, ({ next }) => next), /^! full /u)
      yield* server.configure({ rate: 0, maxConnections: 3 })
      alice.say(...Array.from({ length: 10 }, () => "/ping x"))
      for (let line = 0; line < 10; line++) assert.strictEqual(yield* alice.next, "* pong: x")
      yield* join("carol")
    })
  )

  it.scoped("apply to timeouts that have already begun", () =>
    Effect.gen(function* () {
      const { connect, server } = yield* startMemoryServer({ loginTimeout: Duration.hours(1) })
      const silent = yield* connect
      yield* settle
      yield* server.configure({ loginTimeout: Duration.seconds(1) })
      yield* pass(500_000) // the tick that was scheduled before the change
      yield* pass(1_000)
      assert.match(yield* silent.next, /^! login-timeout fatal: /u)
    })
  )

  it.scoped("allow longer lines on new connections, and announce the limit to them", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({ maxLineBytes: 100 })
      const alice = yield* join("alice")
      yield* server.configure({ maxLineBytes: 200 })
      const bob = yield* join("bob")
      for (const client of [alice, bob]) client.say(`bob: ${"x".repeat(150)}`)
      assert.strictEqual(yield* alice.next, "* pong: 1")
      assert.match(yield* alice.next, /^! too-long max=100: /u)
      assert.strictEqual(yield* bob.next, "* pong: 1")
      assert.match(yield* bob.next, /^from bob: x/u)
    })
  )

  it.scoped("hold senders at the new limit of a queue", () =>
    Effect.gen(function* () {
      const { join, server } = yield* startMemoryServer({
        memory: { bufferBytes: 100 },
        stallTimeout: Duration.hours(1)
      })
      const [alice, bob] = [yield* join("alice"), yield* join("bob")]
      bob.socket.pause()
      yield* server.configure({ outboxBytes: 1_000 })
      alice.say(...Array.from({ length: 100 }, () => `bob: ${"x".repeat(80)}`))
      yield* settle
      const { connections } = yield* server.inspect
      assert.deepStrictEqual(
        connections.map(({ name, state }) => [name, state]),
        [
          ["alice", "held"],
          ["bob", "open"]
        ]
      )
      assert.isBelow(connections[1]?.queueBytes ?? Infinity, 1_200)
      const { heldSenders, inboxBytes, outboxBytes } = yield* server.measure
      assert.deepStrictEqual([heldSenders, outboxBytes], [1, connections[1]?.queueBytes])
      assert.isAbove(inboxBytes, 0) // alice's line, which could not be delivered yet
      bob.socket.resume()
    })
  )
})
