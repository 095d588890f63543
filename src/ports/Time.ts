import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * The time of a program, in milliseconds. The two clocks must not be mixed: an administrator or NTP may set the wall clock
 * at any moment, and a deadline or a rate that followed it would then pass at once, or not for an hour.
 */
export interface Time {
  /** On the monotonic clock: for everything that waits or is measured. */
  readonly now: () => number
  /** Since 1970, on the wall clock: only for what is displayed. */
  readonly wall: () => number
}

/** The clock is Effect's, so that a `TestClock` moves both. */
export const of = (clock: Clock.Clock): Time => ({
  // A number has room for a quarter of a microsecond here; arithmetic on bigints would cost more than the clock.
  now: () => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000,
  wall: () => clock.unsafeCurrentTimeMillis()
})

/** The monotonic clock, where the clock itself is not at hand. Effect's `currentTimeNanos` fails under a `TestClock`. */
export const now: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(of(clock).now))
