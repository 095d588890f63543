import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { StoreService, StoreState } from "../ports/Store.js"
import * as Time from "../ports/Time.js"
import * as StoreMetrics from "../telemetry/StoreMetrics.js"

/** How often the totals are read from the store. */
const interval = Duration.seconds(10)

const states: ReadonlyArray<StoreState> = ["ok", "full", "damaged", "unavailable"]

/** The same store, with metrics, until the scope closes. */
export const make = (store: StoreService): Effect.Effect<StoreService, never, Scope.Scope> =>
  Effect.clockWith((clock) => measured(store, Time.of(clock)))

const measured = (store: StoreService, time: Time.Time): Effect.Effect<StoreService, never, Scope.Scope> => {
  const publish = Effect.matchEffect(store.statistics, {
    onFailure: () => Effect.void, // the state says so
    onSuccess: (statistics) => Effect.sync(() => StoreMetrics.publish(statistics))
  })
  const publishState = Effect.sync(() => StoreMetrics.publishState(store.state(), states))
  const append: StoreService["append"] = (lines, cursors) =>
    Effect.suspend(() => {
      const start = time.now()
      return Effect.map(store.append(lines, cursors), (answer) => {
        if (lines.length === 0) return answer
        StoreMetrics.commits.record((time.now() - start) / 1000, 1)
        StoreMetrics.batches.record(lines.length, 1)
        return answer
      })
    })
  return Effect.zipRight(publish, publishState).pipe(
    Effect.repeat(Schedule.spaced(interval)),
    Effect.forkScoped,
    Effect.as({ ...store, append })
  )
}
