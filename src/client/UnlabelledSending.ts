import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { TransportError } from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import * as Input from "./Input.js"
import type * as LineConnection from "./LineConnection.js"
import * as Received from "./Received.js"
import type { SendingOptions } from "./Sending.js"

export interface UnlabelledSendingOptions extends Pick<
  SendingOptions<never>,
  "recipients" | "input" | "maxLineBytes" | "patience"
> {
  readonly connection: LineConnection.LineConnection
  /**
   * Whether the server accepts `/quit` with a label. Its reply arrives after the last line was written or returned,
   * and is the only proof of that: the kernel also closes the connections of a killed server in an orderly way. An
   * original server gives no proof; an orderly end after ours has to suffice.
   */
  readonly confirms: boolean
  readonly refused: (line: string) => void
}

/**
 * Sends lines without labels and leaves. Passes on every refusal and return that the server reports until it closes.
 * Succeeds with `true` if the server is known to have handled every line, or if it is an original server, which gives
 * no such proof.
 */
export const run = (options: UnlabelledSendingOptions): Effect.Effect<boolean, Input.InputError> => {
  const { confirms, input, connection, maxLineBytes, patience, recipients, refused } = options
  const head = Wire.encode(recipients.join(", "))
  let isConfirmed = false
  const leave = confirms
    ? Effect.map(quit(connection), () => {
        isConfirmed = true
      })
    : Effect.map(connection.end, () => {
        isConfirmed = true
      })
  const sendInput = Effect.gen(function* () {
    yield* Input.forEachPiece(input, maxLineBytes, (piece) =>
      piece._tag === "Lines"
        ? connection.send(`${head}: ${Wire.lines(piece.text).join(`\n${head}: `)}\n`)
        : Effect.sync(() => refused(`! too-long max=${maxLineBytes}: a line was skipped`))
    )
    // The server closes after its last line, and `listen` reads every line before that end.
    yield* Effect.timeoutOption(Effect.zipRight(leave, Effect.never), patience)
    return isConfirmed
  }).pipe(Effect.catchTag("TransportError", () => Effect.never))
  const listen = Stream.runForEachChunk(connection.lines, (lines) =>
    Effect.sync(() => {
      for (const line of lines) if (line.startsWith("! ")) refused(line)
    })
  )
  const over = Effect.match(listen, { onSuccess: () => isConfirmed, onFailure: () => confirms && isConfirmed })
  return Effect.raceFirst(over, sendInput)
}

const quitLabel = "quit"

/** Leaves with `/quit` and waits for the reply. A server with a rate limit may refuse the `/quit` itself at first. */
const quit = (connection: LineConnection.LineConnection): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    for (;;) {
      const retryMillis = yield* connection.ask(`@${quitLabel} /quit\n`, (line) => {
        const received = Received.parse(line)
        if (received._tag !== "Refused" && received._tag !== "Notice") return undefined
        if (received.label !== quitLabel) return undefined
        return Exit.succeed(received._tag === "Refused" ? received.retryMillis : ("left" as const))
      })
      if (retryMillis === "left") return
      // Without a retry time, the server is shutting down and accepts no `/quit`, so it never confirms.
      if (retryMillis === undefined) return yield* Effect.never
      yield* Effect.sleep(retryMillis)
    }
  })
