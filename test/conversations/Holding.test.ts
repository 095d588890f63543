import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Holding, type Held } from "../../src/conversations/Holding.js"
import type { ServerMessage, OtherServer, OtherServersEvents } from "../../src/ports/OtherServers.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import { pass } from "../support/MemoryServer.js"
import { settle } from "../support/Turns.js"

const heldOf = (...pairs: ReadonlyArray<readonly [conversation: number, after: number]>): Held =>
  pairs.map(([conversation, after]) => ({ conversation: conversation as ConversationId, after }))

/** A server that has these lines in its outboxes, and what it says to the one other server. */
const start = (held: Held) =>
  Effect.gen(function* () {
    let events: OtherServersEvents = {}
    const said: Array<ServerMessage> = []
    const other: OtherServer = { id: "other", name: "b" }
    const holding = new Holding({
      others: {
        self: "self",
        all: [other],
        part: (_name, its) => {
          events = its
          return { mustWait: () => false, send: (message) => void said.push(message) }
        },
        beforeResuming: () => {},
        during: (run) => run([other])
      },
      inTurn: (run) => Effect.sync(run),
      alone: (step) => step,
      held: () => held,
      sharing: { goOn: Effect.sync(() => void said.push("went on")), latest: Effect.succeed(7) },
      failed: () => Effect.void
    })
    yield* Effect.forkScoped(holding.run)
    yield* settle
    return { holding, said, hear: (message: ServerMessage) => events.received?.(other, message) }
  })

const manyHeld = heldOf(...Array.from({ length: 2_500 }, (_, index) => [index + 1, index] as const))

describe("Holding", () => {
  it.scoped("reports what is held in messages of a bounded size, and says which is the last", () =>
    Effect.gen(function* () {
      const { hear, said } = yield* start(manyHeld)
      hear(["hold", 1])
      yield* settle
      const answers = said as unknown as ReadonlyArray<readonly [string, number, ReadonlyArray<unknown>, boolean]>
      assert.deepStrictEqual(
        answers.map(([what, number, held, isLast]) => [what, number, held.length, isLast]),
        [
          ["held", 1, 1_000, false],
          ["held", 1, 1_000, false],
          ["held", 1, 500, true]
        ]
      )
    })
  )

  it.scoped("waits for the last message of what another server holds, and counts the slowest device", () =>
    Effect.gen(function* () {
      const { hear, holding, said } = yield* start(heldOf([1, 5], [2, 5]))
      const steps: Array<Held> = []
      yield* Effect.fork(holding.during((held) => Effect.sync(() => void steps.push(held))))
      yield* settle
      assert.deepStrictEqual(said, [["hold", 1]])
      hear(["held", 1, [[1, 7]], false])
      hear(["held", 7, [[4, 4]], true]) // of another time
      yield* settle
      assert.deepStrictEqual(steps, [])
      const rest = [
        [2, 3],
        [3, 9]
      ]
      hear(["held", 1, rest, true])
      yield* settle
      assert.deepStrictEqual(steps, [heldOf([1, 5], [2, 3], [3, 9])])
      assert.deepStrictEqual(said.slice(1), [["done", 1]])
    })
  )

  it.scoped("does not answer once the other server goes on without it", () =>
    Effect.gen(function* () {
      const { hear, holding, said } = yield* start([])
      hear(["hold", 1])
      hear(["done", 1])
      hear(["hold", 2])
      yield* settle
      assert.deepStrictEqual(said, [["held", 2, [], true]])
      // This one may have something to remove as well.
      hear(["done", 2])
      yield* Effect.fork(holding.during(() => Effect.void))
      yield* pass(3_100)
      assert.deepStrictEqual(said.slice(1), [
        ["hold", 1],
        ["done", 1]
      ])
    })
  )
})
