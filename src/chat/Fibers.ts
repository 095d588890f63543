import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"

/** Starts a fiber. It is nobody's child: who starts it sees to its end. */
export type Start = <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>

/**
 * Starts fibers that share the `FiberRefs` of the one that asks for this, where `Effect.fork` would give each a copy: a
 * tenth of what a connection costs, with its two fibers (benchmarks: idle memory, churn). `FiberRefs` are immutable, and
 * nobody joins these fibers to take over what they have set in theirs.
 */
export const start: Effect.Effect<Start> = Effect.map(
  Effect.getFiberRefs,
  (refs): Start =>
    (effect) =>
      Runtime.runFork(Runtime.defaultRuntime, effect, { updateRefs: () => refs })
)
