import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { TransportError } from "../ports/Transport.js"
import type { Look } from "./LineReceiver.js"
import * as Received from "./Received.js"

const quitLabel = "quit"

/** A connection that can send a line and wait for its reply. */
interface Asking {
  readonly ask: <A, E>(wire: string, look: Look<A, E>) => Effect.Effect<A, E | TransportError>
}

/**
 * Leaves with `/quit` and waits for the reply. A server with a rate limit may refuse the `/quit` itself at first. Needs
 * a server that has said `hello`, because of the label.
 */
export const run = ({ ask }: Asking): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    for (;;) {
      const retryMillis = yield* ask(`@${quitLabel} /quit\n`, (line) => {
        const received = Received.parse(line)
        if (received._tag !== "Refused" && received._tag !== "Notice") return undefined
        if (received.label !== quitLabel) return undefined
        if (received._tag === "Notice" && received.code !== "bye") return undefined
        return Exit.succeed(received._tag === "Refused" ? received.retryMillis : ("left" as const))
      })
      if (retryMillis === "left") return
      // Without a retry time, the server is shutting down and accepts no `/quit`, so it never confirms.
      if (retryMillis === undefined) return yield* Effect.never
      yield* Effect.sleep(retryMillis)
    }
  })
