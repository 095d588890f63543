import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import * as Prometheus from "../../src/admin/Prometheus.js"
import type { StoreState } from "../../src/ports/Store.js"
import * as Keys from "../../src/ports/StoreLines.js"
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
