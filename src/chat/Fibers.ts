import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"

/** Starts a fiber without a parent: the caller is responsible for its end. */
type Start = <A>(effect: Effect.Effect<A>) => Fiber.RuntimeFiber<A>

/**
 * Starts fibers that share the `FiberRefs` of the fiber that runs this effect. `Effect.fork` would give each its own
 * copy: a tenth of the cost of a connection (benchmarks: idle memory, churn). Sharing is safe because `FiberRefs` are
 * immutable, and no fiber joins these fibers to inherit their changes.
 *
 * `daemonChildren`, because a layer that is built beside others makes its fiber the parent of all fibers that are
 * forked with these references. An interruption of the program, such as SIGTERM, would interrupt both sides of a race
 * in a connection's fiber before the drain begins.
 */
export const start: Effect.Effect<Start> = Effect.map(
  Effect.daemonChildren(Effect.getFiberRefs),
  (refs): Start =>
    (effect) =>
      Runtime.runFork(Runtime.defaultRuntime, effect, { updateRefs: () => refs })
)
