import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"

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
