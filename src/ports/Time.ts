import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"

/**
 * The two clocks of a program, in milliseconds. They must not be mixed: an administrator or NTP may set the wall clock
 * at any moment, and a deadline that followed it would then expire immediately, or an hour late.
 *
 * Not a port itself: both are read from Effect's `Clock`, for which tests have a layer. This form is for code that is
 * not an effect, such as the broker's turn.
 */
export interface Time {
  /** The monotonic clock, for every deadline and measurement. */
  readonly now: () => number
  /** The wall clock, since 1970. Only for display. */
  readonly wall: () => number
}

/** The clock is Effect's, so that a `TestClock` moves both. */
export const of = (clock: Clock.Clock): Time => ({
  // A number is precise to a quarter of a microsecond here. Arithmetic on bigints would cost more than reading the
  // clock.
  now: () => Number(clock.unsafeCurrentTimeNanos()) / 1_000_000,
  wall: () => clock.unsafeCurrentTimeMillis()
})

/** The monotonic clock, as an effect. Effect's `currentTimeNanos` fails under a `TestClock`. */
export const now: Effect.Effect<number> = Effect.clockWith((clock) => Effect.sync(of(clock).now))

/** How long a clock must stand still, in milliseconds of real time. */
const standstillMillis = 1000

/**
 * Calls `callback` once the clock has not moved for a second of real time. Returns a function that cancels this. Only a
 * `TestClock` stands still, once its test is over. A finalizer with deadlines on that clock would then wait forever.
 */
export const onStandstill = (clock: Clock.Clock, callback: () => void): (() => void) => {
  let last = clock.unsafeCurrentTimeNanos()
  const timer = setInterval(() => {
    const now = clock.unsafeCurrentTimeNanos()
    if (now !== last) {
      last = now
      return
    }
    clearInterval(timer)
    callback()
  }, standstillMillis)
  return () => clearInterval(timer)
}
