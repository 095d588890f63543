import * as Effect from "effect/Effect"

/** Lets the event loop turn: sockets, readers and the broker need real turns even under the test clock. */
export const turns = (count: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    let left = count
    const turn = () => {
      left -= 1
      if (left < 0) resume(Effect.void)
      else setImmediate(turn)
    }
    turn()
  })

/** Enough turns for everything to come to rest: a line takes five from one client to another. */
export const settle = turns(50)

/** Waits until a condition holds; dies with its description after 20,000 turns. */
export const turnsUntil = (condition: () => boolean, what: () => string): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let left = 20_000; !condition(); left--) {
      if (left === 0) return yield* Effect.dieMessage(`never happened: ${what()}`)
      yield* turns(1)
    }
  })
