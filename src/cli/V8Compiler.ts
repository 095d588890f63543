import * as Effect from "effect/Effect"
import * as V8 from "node:v8"

/** Bytes of bytecode that a function runs before V8 considers optimising it. V8's default is four times as many. */
const interruptBudget = 16_384

/**
 * Makes V8 optimise functions sooner. A connection calls some hundred functions of Node, of Effect and of this program,
 * each of them a few times. By default, V8 still interprets many of them after ten thousand connections (benchmark:
 * churn, a quarter). A server does this once it listens: earlier, V8 would optimise functions that only the start needs
 * (benchmark: start-up).
 */
export const optimiseSoon: Effect.Effect<void> = Effect.sync(() => {
  for (const flag of flagsFor(process.versions.v8)) V8.setFlagsFromString(flag)
})

/** V8 12 (Node 22) dropped the flag, and compiles such functions with another, fast compiler. */
export const flagsFor = (version: string): ReadonlyArray<string> =>
  Number.parseInt(version, 10) < 12 ? [`--interrupt-budget=${interruptBudget}`] : []
