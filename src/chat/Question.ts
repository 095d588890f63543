import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/**
 * Something that the broker asks on behalf of a client and that takes longer than a turn, such as checking a password
 * or loading a page of history. Until the answer comes back as an event, the client is held: its later lines wait in
 * its inbox. Other clients do not wait.
 *
 * A question always runs to its end. If its client has left, or the drain has stopped waiting, the answer is dropped.
 */
export class Question {
  /**
   * @param ask runs in a separate fiber
   * @param answered continues in the broker's turn, if the client still waits; may ask again
   * @param label the label of the line that led to this question
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
    // The broker passes the exit of this `ask` to `answered`.
    return new Question(ask, (exit) => answered(exit as Exit.Exit<A, E>), label)
  }
}
