import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * The error of an effect that must fail. If it succeeds, the returned error does not contain the result: vitest never
 * finishes printing an error that holds a whole server or socket.
 */
export const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, Error, Exclude<R, Scope.Scope>> =>
  Effect.scoped(effect).pipe(
    Effect.mapBoth({ onFailure: (error) => error, onSuccess: () => new Error("it succeeded, but had to fail") }),
    Effect.flip
  )
