import * as Effect from "effect/Effect"

/** Lets the event loop turn: what sockets, readers and the broker do takes real turns, also under the test clock. */
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

/** Enough turns for everything under way to come to rest: a line takes five from one client to another. */
export const settle = turns(50)

/** Waits until a condition holds; dies with its description if it does not come true in very many turns. */
export const turnsUntil = (condition: () => boolean, what: () => string): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let left = 20_000; !condition(); left--) {
      if (left === 0) return yield* Effect.dieMessage(`never happened: ${what()}`)
      yield* turns(1)
    }
  })
