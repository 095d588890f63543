import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as LineConnection from "./LineConnection.js"

export interface HeartbeatOptions {
  readonly connection: Pick<LineConnection.LineConnection, "isHeld" | "reads">
  /** The interval between checks that the server is alive, and its deadline to reply. */
  readonly interval: Duration.Duration
  /** Waits until the server's rate allows a line. */
  readonly turn: Effect.Effect<void>
  /** Sends a line that gets a reply. Its failure can be ignored: the end of the connection reports it. */
  readonly ping: Effect.Effect<void, unknown>
}

/** After the process was stopped, timers fire before Node reads what has arrived. This lets it read first. */
const untilRead = Effect.async<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

/**
 * Returns when the server has fallen silent. After a pulled cable, or when a laptop wakes up in another network, TCP
 * keeps the connection open for many minutes.
 */
export const awaitSilence = ({ connection, interval, ping, turn }: HeartbeatOptions): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      yield* Effect.sleep(interval)
      yield* turn
      const wasHeld = connection.isHeld()
      const before = connection.reads()
      // A send may wait forever if the kernel takes nothing.
      yield* Effect.timeoutOption(Effect.zipRight(Effect.ignore(ping), Effect.never), interval)
      // Anything that was read shows that the server is alive. While the program takes no lines, nothing is read.
      const isSilent = () => connection.reads() === before && !wasHeld && !connection.isHeld()
      if (isSilent()) yield* untilRead
      if (isSilent()) return
    }
  })

/** The text for people. */
export const silence = "the server no longer responds"
