import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { type ConnectionEnd, stableMillis } from "./ConnectionEnd.js"
import * as Servers from "./Servers.js"

/**
 * Delays between attempts to reconnect: 1 s, doubled each time up to 30 s. Each is shortened at random by up to a half,
 * so that the clients of a restarted server do not all reconnect at the same time. Outputs the delay before the next
 * attempt.
 */
export const schedule: Schedule.Schedule<Duration.Duration> = Schedule.exponential("1 second").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jitteredWith({ min: 0.5, max: 1 }),
  Schedule.delays
)

/** The delays of one client. */
export interface Backoff {
  /**
   * Waits until the next attempt. `return=` replaces one delay, since it differs from client to client. Until the next
   * stable connection it can only lengthen later delays, so that no server makes a client reconnect without a pause.
   * Fails once the schedule is done.
   *
   * With other servers, the delays are those of `Servers.pause` until each server has been tried since the latest
   * stable connection, and `return=` is ignored: it announces the return of a server that the client is leaving.
   *
   * @param announce called with the delay before the wait
   */
  readonly wait: (
    end: ConnectionEnd,
    announce: (delay: Duration.Duration) => Effect.Effect<void>
  ) => Effect.Effect<void, Option.Option<never>>
}

/** @param others the number of other servers of the same chat */
export const make = (delays: Schedule.Schedule<unknown> = schedule, others = 0): Effect.Effect<Backoff> =>
  Effect.gen(function* () {
    let mayReplace = others === 0
    let untried = others
    let adjust: (delay: Duration.Duration) => Effect.Effect<Duration.Duration> = Effect.succeed
    const driver = yield* Schedule.driver(
      Schedule.modifyDelayEffect(delays, (_, delay) => adjust(Duration.decode(delay)))
    )
    return {
      wait: ({ hasTriedAll = false, retryMillis = 0, returnMillis, upMillis }, announce) =>
        Effect.gen(function* () {
          if (upMillis >= stableMillis) {
            mayReplace = others === 0
            untried = others
            yield* driver.reset
          }
          if (untried > 0 && !hasTriedAll) {
            untried -= 1
            const pause = yield* Servers.pause
            return yield* Effect.zipRight(announce(pause), Effect.sleep(pause))
          }
          const asked = Math.max(others === 0 ? (returnMillis ?? 0) : 0, retryMillis)
          adjust = (delay) => {
            const adjusted = Duration.max(delay, Duration.millis(asked))
            return Effect.as(announce(adjusted), adjusted)
          }
          const isReplaced = mayReplace && returnMillis !== undefined
          if (isReplaced) mayReplace = false
          yield* isReplaced ? Effect.flatMap(adjust(Duration.zero), Effect.sleep) : driver.next(undefined)
        })
    }
  })
