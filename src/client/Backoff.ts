import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"

/**
 * When to try again to connect: after 1 s, and twice as long each time up to 30 s, each time shortened by up to a half
 * by chance, so that those whom one server left do not come back all at once. Gives the time until the next try.
 */
export const schedule: Schedule.Schedule<Duration.Duration> = Schedule.exponential("1 second").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jitteredWith({ min: 0.5, max: 1 }),
  Schedule.delays
)
