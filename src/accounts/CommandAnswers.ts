import * as Effect from "effect/Effect"
import type { Answer } from "../chat/Commands.js"
import type { FeatureContext } from "../chat/Feature.js"
import type { Peer } from "../chat/Peer.js"
import type { StoreError } from "../ports/StoreError.js"
import * as Reply from "../protocol/Reply.js"
import { retryStoreMillis } from "./AccountsContext.js"

/** Replies of commands that need the store. */

export type Refuse = (reason: Reply.RefusedReason, more?: Parameters<typeof Reply.refused>[2]) => ReadonlyArray<string>

/** Refuses a command (`! refused`). */
export const refusing =
  (command: string, label: string | undefined): Refuse =>
  (reason, more) => [Reply.refused(command, reason, more)(label)]

/** Logs a failure of the store, and refuses the command so that the client may try again. */
export const unlessStoreFails =
  (command: string, label: string | undefined) =>
  (answer: Effect.Effect<ReadonlyArray<string>, StoreError>): Effect.Effect<Answer> =>
    Effect.catchTag(answer, "StoreError", ({ message }) =>
      Effect.logWarning("a command failed because the store failed").pipe(
        Effect.annotateLogs({ command, reason: message }),
        Effect.as(refusing(command, label)("unavailable", { retryMillis: retryStoreMillis }))
      )
    )

/**
 * In the broker's turn: sends a client its reply in the turn in which a change takes effect, before any consequence of
 * it. A command whose answer is an effect returns the result.
 */
export const answerNow = (
  { put }: Pick<FeatureContext, "put">,
  peer: Peer,
  lines: ReadonlyArray<string>
): ReadonlyArray<string> => {
  // At the end of a shutdown, the client was already notified that it will get no reply.
  if (!peer.isShutOut) for (const line of lines) put(peer, line)
  return []
}
