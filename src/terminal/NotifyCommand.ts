import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Child from "../process/Child.js"
import type { Notification } from "./Notifier.js"

export interface NotifyCommandOptions {
  /** A shell command. It gets the message on its standard input; its text contains no part of the message. */
  readonly command: string
  /** The environment of the command, without the variables of the message. */
  readonly environment: NodeJS.ProcessEnv
  /** How long it may run; 10 s by default. */
  readonly timeout?: Duration.DurationInput | undefined
}

const defaultTimeout = Duration.seconds(10)

/**
 * Runs the command for a notification, without output. Returns what went wrong, or undefined.
 *
 * @param own the user's name
 */
export const run = (
  { isMention, message, more }: Notification,
  own: string,
  { command, environment, timeout = defaultTimeout }: NotifyCommandOptions
): Effect.Effect<string | undefined> =>
  Child.startSilently({
    program: "/bin/sh",
    args: ["-c", command],
    environment: {
      ...environment,
      ACHAT_LOGIN: own,
      ACHAT_FROM: message.from,
      ACHAT_MENTION: isMention ? "yes" : "no",
      ACHAT_MORE: String(more)
    },
    input: `${message.text}\n`
  }).pipe(
    Effect.flatten,
    Effect.map(Child.fault),
    Effect.scoped,
    Effect.timeoutTo({
      duration: timeout,
      onSuccess: (fault) => fault,
      onTimeout: (): string | undefined => `it did not end within ${Duration.format(timeout)}`
    }),
    Effect.catchAll((error) => Effect.succeed(error.message))
  )
