import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Prometheus from "../../src/admin/Prometheus.js"
import type { StoreState } from "../../src/ports/Store.js"
import { StoreError } from "../../src/ports/StoreError.js"
import * as Keys from "../../src/ports/StoreLines.js"
import type { ConversationId, PageRequest } from "../../src/ports/StoreLines.js"
import * as Measured from "../../src/store/Measured.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import * as StoreMetrics from "../../src/telemetry/StoreMetrics.js"
import { defaults, line, register } from "../ports/StoreFixtures.js"

const values = () =>
  new Map(
    Prometheus.registered("achat_store_").flatMap(({ name, samples }) =>
      samples.map(({ labels, value }) => [`${name}${labels["state"] ?? ""}`, value] as const)
    )
  )

const shownStates = () => ["ok", "full", "damaged", "unavailable"].map((one) => values().get(`achat_store_state${one}`))

it.scoped("a store that does not answer is shown as unavailable until it does", () =>
  Effect.gen(function* () {
    const answer = yield* Effect.makeLatch(false)
    const plain = yield* MemoryStore.make(defaults)
    const store = yield* Measured.make({
      ...plain,
      append: (...lines) => Effect.zipRight(answer.await, plain.append(...lines)),
      statistics: Effect.zipRight(answer.await, plain.statistics)
    })
    const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
    const appending = yield* Effect.fork(store.append([line(Keys.keyBetween(alice, bob), alice, "one")]))
    yield* TestClock.adjust("1999 millis")
    yield* StoreMetrics.refresh
    assert.deepStrictEqual(shownStates(), [1, 0, 0, 0])
    yield* TestClock.adjust("1 millis")
    yield* StoreMetrics.refresh
    assert.deepStrictEqual(shownStates(), [0, 0, 0, 1])
    assert.strictEqual(store.state(), "unavailable")
    yield* answer.open
    yield* Fiber.join(appending)
    yield* StoreMetrics.refresh
    assert.deepStrictEqual(shownStates(), [1, 0, 0, 0])
  })
)

it.scoped("a page that lacks damaged lines is counted, also if nothing of it can be read", () =>
  Effect.gen(function* () {
    const plain = yield* MemoryStore.make(defaults)
    const answers = {
      whole: plain.page,
      partly: (request: PageRequest) =>
        Effect.map(plain.page(request), (page) => ({ ...page, damaged: [{ first: 1, last: 2 }] })),
      unreadable: () => Effect.fail(new StoreError({ reason: "damaged", description: "a line is damaged" })),
      away: () => Effect.fail(new StoreError({ reason: "unavailable", description: "the database is away" }))
    }
    const alice = yield* register(plain, "alice")
    const counts = yield* Effect.forEach([answers.whole, answers.partly, answers.unreadable, answers.away], (page) =>
      Effect.gen(function* () {
        const store = yield* Measured.make({ ...plain, page })
        const before = values().get("achat_store_damaged_pages_total") ?? 0
        yield* Effect.either(store.page({ conversation: 1 as ConversationId, reader: alice, limit: 10 }))
        return (values().get("achat_store_damaged_pages_total") ?? 0) - before
      })
    )
    assert.deepStrictEqual(counts, [0, 1, 1, 0])
  })
)

it.scoped("the metrics of a store have its totals, its state, and the size of its transactions", () =>
  Effect.gen(function* () {
    let state: StoreState = "ok"
    const store = yield* Measured.make({ ...(yield* MemoryStore.make(defaults)), state: () => state })
    const [alice, bob] = [yield* register(store, "alice"), yield* register(store, "bob")]
    const before = [...StoreMetrics.batches.counts]
    yield* store.append([1, 2].map((number) => line(Keys.keyBetween(alice, bob), alice, `line ${number}`)))
    yield* store.saveCursors([])
    yield* store.rooms.create({ name: "#ops", likeness: "OPS", owner: alice })
    assert.deepStrictEqual(
      StoreMetrics.batches.counts.map((count, bucket) => count - (before[bucket] ?? 0)),
      [0, 1, 0, 0, 0, 0, 0, 0]
    )
    yield* TestClock.adjust("10 seconds")
    const shown = values()
    assert.strictEqual(shown.get("achat_store_waiting_lines"), 2)
    assert.strictEqual(shown.get("achat_store_text_bytes"), 2 * (Keys.lineOverhead + "author1line 1".length))
    assert.strictEqual(shown.get("achat_store_oldest_line_seconds"), 10)
    assert.strictEqual(shown.get("achat_store_conversations"), 2)
    assert.strictEqual(shown.get("achat_store_rooms"), 1)
    assert.strictEqual(shown.get("achat_store_stateok"), 1)
    state = "full"
    yield* StoreMetrics.refresh
    assert.deepStrictEqual(shownStates(), [0, 1, 0, 0])
    assert.isTrue(StoreMetrics.hasStore())
  })
)
