import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/**
 * Something that the broker asks on behalf of a client and that takes longer than a turn: whether a password is right, a
 * page of history. Until the answer comes back as an event, the client is held: the lines after this one wait in its
 * inbox. Nobody else waits.
 *
 * Once asked, a question always runs to its end. If its client has gone, or the drain has given up, the answer is
 * dropped.
 */
export class Question {
  /**
   * @param ask runs in a fiber of its own
   * @param answered continues in the broker's turn, if the client still waits; may ask again
   * @param label of the line that led to this question
   */
  private constructor(
    readonly ask: Effect.Effect<unknown, unknown>,
    readonly answered: (exit: Exit.Exit<unknown, unknown>) => Question | undefined,
    readonly label: string | undefined
  ) {}

  static make<A, E>(options: {
    readonly ask: Effect.Effect<A, E>
    readonly answered: (exit: Exit.Exit<A, E>) => Question | undefined
    readonly label: string | undefined
  }): Question {
    const { answered, ask, label } = options
    // The broker hands to `answered` the exit of this very `ask`.
    return new Question(ask, (exit) => answered(exit as Exit.Exit<A, E>), label)
  }
}
