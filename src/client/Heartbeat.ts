import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as LineConnection from "./LineConnection.js"

export interface HeartbeatOptions {
  readonly connection: Pick<LineConnection.LineConnection, "isHeld" | "reads">
  /** How often to check that the server is alive, and how long it has for its reply. */
  readonly interval: Duration.Duration
  /** Waits until the server's rate allows a line. */
  readonly turn: Effect.Effect<void>
  /** Sends a line that gets a reply. What fails shows elsewhere: as the end of the connection. */
  readonly ping: Effect.Effect<void, unknown>
}

/** After a stop of the process, timers fire before what has arrived meanwhile is read. This lets Node read it. */
const untilRead = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

/**
 * Returns when the server has gone silent. After a pulled cable, or when a laptop wakes up in another network, TCP
 * keeps a connection open for many minutes.
 */
export const awaitSilence = ({ connection, interval, ping, turn }: HeartbeatOptions): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.sleep(interval)
      yield* turn
      const wasHeld = connection.isHeld()
      const before = connection.reads()
      // A send may wait for ever for a kernel that takes nothing.
      yield* Effect.timeoutOption(Effect.zipRight(Effect.ignore(ping), Effect.never), interval)
      // Anything that was read shows that the server is alive. While the program takes no lines, nothing is read.
      const isSilent = () => connection.reads() === before && !wasHeld && !connection.isHeld()
      if (isSilent()) yield* untilRead
      if (isSilent()) return
    }
  })

/** The text for people. */
export const silence = "the server no longer responds"
