import * as Effect from "effect/Effect"

/** Waits in real time until a condition holds; dies with `otherwise` if it does not within half a minute. */
export const eventually = (holds: () => boolean, otherwise: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    const failure = new Error(otherwise)
    const deadline = performance.now() + 30_000
    return Effect.async<void>((resume) => {
      const look = () => {
        if (holds()) resume(Effect.void)
        else if (performance.now() > deadline) resume(Effect.die(failure))
        else setTimeout(look, 2)
      }
      look()
    })
  })
