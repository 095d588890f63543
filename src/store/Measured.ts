import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { StoreService, StoreState } from "../ports/Store.js"
import * as Time from "../ports/Time.js"
import * as StoreMetrics from "../telemetry/StoreMetrics.js"

/** How often the totals are read from the store. */
const interval = Duration.seconds(10)

/**
 * A store that has not answered for this long is shown as unavailable. By default, senders are held no longer than
 * this.
 */
const maxAnswerMillis = 2_000

const states: ReadonlyArray<StoreState> = ["ok", "full", "damaged", "unavailable"]

/** The same store, with metrics, until the scope closes. */
export const make = (store: StoreService): Effect.Effect<StoreService, never, Scope.Scope> =>
  Effect.clockWith((clock) => measured(store, Time.of(clock)))

const measured = (store: StoreService, time: Time.Time): Effect.Effect<StoreService, never, Scope.Scope> => {
  const publish = Effect.matchEffect(store.statistics, {
    onFailure: () => Effect.void, // the state says so
    onSuccess: (statistics) => Effect.sync(() => StoreMetrics.publish(statistics))
  })
  /** When each unanswered `append` was handed to the store. */
  const unanswered = new Set<{ readonly since: number }>()
  const state = (): StoreState => {
    const [oldest] = unanswered
    const isLate = oldest !== undefined && time.now() - oldest.since >= maxAnswerMillis
    return isLate && store.state() === "ok" ? "unavailable" : store.state()
  }
  const publishState = () => StoreMetrics.publishState(state(), states)
  const append: StoreService["append"] = (lines, cursors) =>
    Effect.suspend(() => {
      const request = { since: time.now() }
      unanswered.add(request)
      return Effect.ensuring(
        Effect.map(store.append(lines, cursors), (answer) => {
          if (lines.length === 0) return answer
          StoreMetrics.commits.record((time.now() - request.since) / 1000, 1)
          StoreMetrics.batches.record(lines.length, 1)
          return answer
        }),
        Effect.sync(() => unanswered.delete(request))
      )
    })
  const page: StoreService["page"] = (request) =>
    Effect.tapBoth(store.page(request), {
      onFailure: ({ reason }) => Effect.sync(() => reason === "damaged" && StoreMetrics.damagedPage()),
      onSuccess: ({ damaged }) => Effect.sync(() => damaged !== undefined && StoreMetrics.damagedPage())
    })
  return publish.pipe(
    Effect.repeat(Schedule.spaced(interval)),
    Effect.forkScoped,
    Effect.zipRight(StoreMetrics.observed(publishState)),
    Effect.as({ ...store, append, page, state })
  )
}
