import { assert, describe } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { eventually } from "../support/Eventually.js"
import { faultTest, received } from "../support/FaultTest.js"

const pad = "x".repeat(30_000)
const quick = ["--hold-timeout", "2s", "--stall-timeout", "2s", "--login-timeout", "2s"]

describe("a server that was stopped for longer than every deadline", () => {
  faultTest("gives slow clients and new ones the rest of their time", { args: quick }, (server) =>
    Effect.gen(function* () {
      const slow = yield* server.join("slow")
      const sender = yield* server.join("sender")
      yield* slow.pause
      const late = yield* server.connect
      yield* sender.send(`slow: ${pad}\n`.repeat(500))
      yield* eventually(() => sender.untaken > 0, "the sender is held")
      yield* server.kill("SIGSTOP")
      yield* late.send("late\n")
      // The bystander may have to wait for five seconds at most.
      yield* Effect.sleep(Duration.millis(3_500))
      yield* server.kill("SIGCONT")
      late.name = "late"
      yield* late.barrier
      // Not at once: the server's first ticks find nothing taken.
      yield* Effect.sleep(Duration.millis(300))
      yield* slow.resume
      yield* slow.takeLines(500)
      assert.deepStrictEqual(yield* received(sender), [])
      assert.strictEqual(server.closings("slow-consumer") + server.closings("login-timeout"), 0)
    })
  )
})
