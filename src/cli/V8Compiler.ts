import * as Effect from "effect/Effect"
import * as V8 from "node:v8"

/** How many bytes of bytecode a function runs until V8 considers to optimise it. By default four times as many. */
const interruptBudget = 16_384

/**
 * Has V8 optimise functions sooner. A connection calls some hundred functions of Node, of Effect and of this program,
 * each of them a few times. By default, V8 still interprets many of them after ten thousand connections (benchmark:
 * churn, a quarter). A server does this once it listens: before, V8 would optimise what only the start needs
 * (benchmark: start-up).
 */
export const optimiseSoon: Effect.Effect<void> = Effect.sync(() => {
  for (const flag of flagsFor(process.versions.v8)) V8.setFlagsFromString(flag)
})

/**
 * From V8 12 on, which is in Node 22, there is no such flag, but another compiler, which is fast, for such functions.
 */
export const flagsFor = (version: string): ReadonlyArray<string> =>
  Number.parseInt(version, 10) < 12 ? [`--interrupt-budget=${interruptBudget}`] : []
