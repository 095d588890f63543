import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as TestClock from "effect/TestClock"
import { assert } from "vitest"
import * as DoorServer from "../support/DoorServer.js"

const { open } = DoorServer

/** The clock of the tests follows the real one, by which streams wait. */
const timePasses = Effect.gen(function* () {
  let last = performance.now()
  const tick = Effect.async<void>((resume) => void setTimeout(() => resume(Effect.void), 10))
  const follow = Effect.suspend(() => {
    const passed = performance.now() - last
    last += passed
    return TestClock.adjust(Duration.millis(passed))
  })
  yield* Effect.forkScoped(Effect.forever(Effect.zipRight(tick, follow)))
})

const startDoor = (options: DoorServer.DoorServerOptions) => Effect.zipLeft(DoorServer.startDoor(options), timePasses)

/** Requests at a server whose rate is below the lines that a request takes: three for the login, one for each room. */
describe.concurrent("A rate below the lines of a request", () => {
  it.scoped.each([1, 2, 3, 4])("delays a line, and refuses none: %d a second", (rate) =>
    Effect.gen(function* () {
      const { ask, connect } = yield* startDoor({ server: { rate } })
      const dana = yield* connect
      dana.say("dana")
      const { status, text } = yield* ask("POST", "/send/dana?from=ci", { body: "the build is done" })
      assert.strictEqual(status, 200, text)
      assert.strictEqual(yield* dana.next, "from ci: the build is done")
    })
  )

  it.scoped("delays a line of an account, which logs in once", () =>
    Effect.gen(function* () {
      const { ask } = yield* startDoor({ server: { rate: 2 } })
      const { json, status } = yield* ask("POST", "/send/bob", {
        body: "hi",
        headers: DoorServer.authorization("alice")
      })
      assert.deepStrictEqual([status, json.outcomes[0].outcome], [200, "stored"])
    })
  )

  it.scoped("delays a line into rooms, each of which is entered", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ server: { rate: 5 } })
      const dana = yield* join("dana")
      dana.say("/join #a", "/join #b")
      yield* dana.barrier
      const { status, text } = yield* ask("POST", "/send/%23a,%23b?from=ci", { body: "hi" })
      assert.strictEqual(status, 200, text)
    })
  )

  it.scoped("refuses the lines that are above it, after the first", () =>
    Effect.gen(function* () {
      const { ask, join } = yield* startDoor({ server: { rate: 3 } })
      yield* join("dana")
      const { headers, json, status } = yield* ask("POST", "/send/dana?from=ci", { body: "one\ntwo\nthree" })
      assert.deepStrictEqual([status, headers["retry-after"]], [429, "1"])
      const found = json.outcomes.map(({ outcome }: { outcome: string }) => outcome)
      assert.deepStrictEqual(found.toSorted(), ["refused", "refused", "written"])
    })
  )

  it.scoped("delays a stream, and the rooms that it enters", () =>
    Effect.gen(function* () {
      const { ask, port } = yield* startDoor({ server: { rate: 2 } })
      const bob = yield* open(port, "/listen?from=bob2&room=%23a&room=%23b&room=%23c&format=lines")
      assert.strictEqual(bob.status, 200)
      assert.strictEqual((yield* ask("POST", "/send/%23c?from=ci", { body: "hi" })).status, 200)
      yield* bob.until("from ci #c: hi")
    })
  )

  it.scoped("delays the list of names", () =>
    Effect.gen(function* () {
      const { ask, connect } = yield* startDoor({ server: { ratePerAddress: 1, burstPerAddress: 3 } })
      const dana = yield* connect
      dana.say("dana")
      yield* ask("GET", "/history/%23ops?from=a")
      const { json, status } = yield* ask("GET", "/who")
      assert.strictEqual(status, 200)
      assert.include(json.names, "dana")
    })
  )

  it.scoped("refuses what other clients of the address leave no room for", () =>
    Effect.gen(function* () {
      const server = { ratePerAddress: 1, burstPerAddress: 3 }
      const { ask } = yield* startDoor({ server })
      yield* ask("GET", "/history/%23ops?from=a")
      const sent = yield* ask("POST", "/send/dana?from=ci", { body: "hi" })
      assert.deepStrictEqual([sent.status, sent.headers["retry-after"]], [429, "1"])
      const listening = yield* ask("GET", "/listen?from=ci&room=%23a")
      assert.deepStrictEqual([listening.status, listening.headers["retry-after"]], [429, "1"])
    })
  )
})
