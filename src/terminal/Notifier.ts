import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Message } from "../client/Received.js"

/** A message that the user is notified of, and the number of others that it stands for. */
export interface Notification {
  readonly message: Message
  /** Whether it mentions the user. */
  readonly isMention: boolean
  readonly more: number
}

export interface Notifier {
  readonly offer: (message: Message, isMention: boolean) => void
  /** Forgets messages that were not passed on yet: the user has seen them. */
  readonly clear: () => void
}

/**
 * Passes on notifications one by one, with an interval between them. Messages that arrive meanwhile become one
 * notification, with the last of them, or the last that mentions the user.
 */
export const make = (
  deliver: (notification: Notification) => Effect.Effect<void>,
  interval: Duration.DurationInput
): Effect.Effect<Notifier, never, Scope.Scope> =>
  Effect.gen(function* () {
    const work = yield* Effect.makeLatch(false)
    let waiting: Notification | undefined = undefined
    const next = Effect.suspend(() => {
      work.unsafeClose()
      const notification = waiting
      waiting = undefined
      return notification === undefined ? Effect.void : Effect.zipRight(deliver(notification), Effect.sleep(interval))
    })
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(work.await, next)))
    return {
      offer: (message, isMention) => {
        waiting = added(waiting, message, isMention)
        work.unsafeOpen()
      },
      clear: () => {
        waiting = undefined
      }
    }
  })

const added = (waiting: Notification | undefined, message: Message, isMention: boolean): Notification =>
  waiting === undefined
    ? { message, isMention, more: 0 }
    : {
        message: isMention || !waiting.isMention ? message : waiting.message,
        isMention: isMention || waiting.isMention,
        more: waiting.more + 1
      }
