import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { startSocketServer } from "../support/SocketServer.js"
import { headOf } from "../support/WireClient.js"

describe("acknowledgement by the program", () => {
  it.scopedLive("a line is received when the recipient has acknowledged it, and not when the kernel took it", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer()
      const bob = yield* server.join("bob")
      yield* bob.send("/hello ack\n")
      assert.include(yield* bob.line, " on=ack: ")
      const alice = yield* server.greet("alice")
      yield* alice.send("@1 bob: one\n@2 bob: two\n")
      yield* bob.expect("* joined alice", "from alice: one", "from alice: two")
      yield* alice.barrier
      yield* bob.send("/ack 1\n")
      yield* alice.expect("* received @1 bob")
      yield* alice.barrier
      yield* bob.send("/ack 2\n/ack 3\n")
      yield* alice.expect("* received @2 bob")
      yield* bob.expect("! bad-line")
      const { inFlight, received } = yield* server.ledger
      assert.deepStrictEqual([inFlight, received], [0, 2])
    })
  )

  it.scopedLive("a recipient that does not acknowledge is closed, and its lines return", () =>
    Effect.gen(function* () {
      const server = yield* startSocketServer({
        holdTimeout: Duration.millis(50),
        stallTimeout: Duration.millis(300)
      })
      const bob = yield* server.join("bob")
      yield* bob.send("/hello ack\n")
      yield* bob.line
      const alice = yield* server.greet("alice")
      yield* alice.send("@1 bob: one\nbob: two\nbob: three\n")
      const returned = (yield* alice.takeLines(3)).map(headOf)
      assert.sameMembers(returned, [
        "! undelivered @1 bob reason=unreachable",
        "! undelivered bob reason=unreachable count=2",
        "* left bob"
      ])
      const { reason, unacknowledgedLines } = yield* server.farewell("bob")
      assert.deepStrictEqual([reason, unacknowledgedLines], ["unreachable", 3])
      assert.strictEqual(server.closings("unreachable"), 1)
    })
  )
})
