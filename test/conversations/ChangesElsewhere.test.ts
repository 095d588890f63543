import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as fc from "effect/FastCheck"
import { FifoSemaphore } from "../../src/concurrency/FifoSemaphore.js"
import { ChangesElsewhere } from "../../src/conversations/ChangesElsewhere.js"
import { alone } from "../../src/ports/OtherServers.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import { StoreError } from "../../src/ports/StoreError.js"
import type { ConversationId } from "../../src/ports/StoreLines.js"
import type { LoggedChange, StoreChange } from "../../src/ports/StoreSharing.js"

const room = 1 as ConversationId
const topic = (text: string): StoreChange => ({
  _tag: "RoomChanged",
  room,
  changes: { topic: { text, by: "alice" } }
})
const taken: StoreChange = { _tag: "DeviceTaken", account: 1 as AccountId, device: "phone" }

/** The log of a store, of which pages have two changes. */
class Log {
  readonly all: Array<LoggedChange> = []
  /** Changes up to this one are dropped. */
  dropped = 0
  isUnavailable = false

  add(by: string, change: StoreChange) {
    this.all.push({ id: this.last + 1, by, change })
  }

  get last(): number {
    return this.all.length
  }

  sharing(server: string) {
    const answer = <A>(read: () => A) =>
      Effect.zipRight(
        Effect.yieldNow(),
        Effect.suspend(() =>
          this.isUnavailable
            ? Effect.fail(new StoreError({ reason: "unavailable", description: "down" }))
            : Effect.succeed(read())
        )
      )
    return {
      server,
      changes: (after: number) =>
        answer(() => {
          const isComplete = after >= this.dropped
          return { changes: isComplete ? this.all.slice(after, after + 2) : [], last: this.last, isComplete }
        }),
      latest: answer(() => this.last),
      keepsOrder: Effect.succeed(true),
      given: () => Effect.succeed([]),
      goOn: Effect.void
    }
  }
}

/** What a server has in memory: the topic of a room. */
class Memory {
  topic = ""
  readonly taken: Array<StoreChange> = []
  reloads = 0
  private readonly oneByOne = new FifoSemaphore(1)
  readonly changes: ChangesElsewhere

  constructor(
    private readonly server: string,
    private readonly log: Log
  ) {
    this.changes = new ChangesElsewhere(
      {
        sharing: log.sharing(server),
        others: alone,
        inTurn: (run) => Effect.zipRight(Effect.yieldNow(), Effect.sync(run)),
        take: (change) => {
          this.taken.push(change)
          if (change._tag === "RoomChanged") this.topic = change.changes.topic?.text ?? ""
        },
        reload: Effect.sync(() => {
          this.reloads += 1
          this.topic = this.inStore
        }),
        alone: (step) => this.oneByOne.withPermit(step),
        failed: () => Effect.yieldNow()
      },
      log.last
    )
  }

  get inStore(): string {
    const last = this.log.all.findLast(({ change }) => change._tag === "RoomChanged")?.change
    return last?._tag === "RoomChanged" ? (last.changes.topic?.text ?? "") : ""
  }

  /** As a client changes it: in the store, then in memory. */
  set(text: string, pauses: number) {
    return this.oneByOne.withPermit(
      Effect.yieldNow().pipe(
        Effect.repeatN(pauses),
        Effect.zipRight(Effect.sync(() => this.log.add(this.server, topic(text)))),
        Effect.zipRight(Effect.repeatN(Effect.yieldNow(), pauses)),
        Effect.zipRight(this.changes.beforeOwn),
        Effect.zipRight(Effect.sync(() => (this.topic = text)))
      )
    )
  }
}

const whileReading = <A>(memories: ReadonlyArray<Memory>, run: Effect.Effect<A>) =>
  Effect.gen(function* () {
    const readers = yield* Effect.forEach(memories, ({ changes }) => Effect.fork(Effect.ignore(changes.settle)))
    yield* run
    yield* Fiber.joinAll(readers)
    yield* Effect.forEach(memories, ({ changes }) => changes.settle)
  })

describe("changes of other servers", () => {
  it.effect("leave the same in the memory of all servers, whatever happens at the same time", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ server: fc.nat(2), pauses: fc.nat(4) }), { minLength: 2, maxLength: 12 }),
          async (sets) => {
            const log = new Log()
            const memories = ["a", "b", "c"].map((server) => new Memory(server, log))
            const all = Effect.forEach(
              sets,
              ({ pauses, server }, index) => memories[server]?.set(`topic ${index}`, pauses) ?? Effect.void,
              { concurrency: "unbounded" }
            )
            await Effect.runPromise(whileReading(memories, all))
            for (const memory of memories) assert.strictEqual(memory.topic, memory.inStore)
          }
        )
      )
    )
  )

  it.effect("are not one's own, and no device that this server has taken back", () =>
    Effect.gen(function* () {
      const log = new Log()
      const memory = new Memory("a", log)
      log.add("a", topic("mine"))
      log.add("b", taken)
      log.add("b", topic("theirs"))
      log.add("a", taken)
      log.add("b", { ...taken, device: "desk" })
      yield* memory.changes.settle
      assert.deepStrictEqual(memory.taken, [topic("theirs"), { ...taken, device: "desk" }])
    })
  )

  it.effect("leave a device alone that this server takes back after a change of its own", () =>
    Effect.gen(function* () {
      const log = new Log()
      const memory = new Memory("a", log)
      log.add("b", taken)
      log.add("a", topic("mine"))
      log.add("a", taken)
      yield* memory.changes.beforeOwn
      yield* memory.changes.settle
      assert.deepStrictEqual(memory.taken, [])
    })
  )

  it.effect("that were dropped from the log have everything read again", () =>
    Effect.gen(function* () {
      const log = new Log()
      const memory = new Memory("a", log)
      for (const text of ["one", "two", "three"]) log.add("b", topic(text))
      log.dropped = 2
      yield* memory.changes.settle
      assert.deepStrictEqual([memory.topic, memory.reloads, memory.taken.length], ["three", 1, 0])
      log.add("b", topic("four"))
      yield* memory.changes.settle
      assert.deepStrictEqual([memory.topic, memory.reloads], ["four", 1])
    })
  )

  it.effect("that could not be read before a change of this server have everything read again", () =>
    Effect.gen(function* () {
      const log = new Log()
      const memory = new Memory("a", log)
      log.add("b", topic("theirs"))
      log.isUnavailable = true
      yield* memory.set("mine", 0)
      log.isUnavailable = false
      yield* memory.changes.settle
      assert.deepStrictEqual([memory.topic, memory.reloads], ["mine", 1])
    })
  )
})
