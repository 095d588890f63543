import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Wire from "../protocol/Wire.js"
import * as Input from "./Input.js"
import type * as LineConnection from "./LineConnection.js"
import * as Quit from "./Quit.js"
import type { SendingOptions } from "./SendingOptions.js"

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
    ? Effect.map(Quit.run(connection), () => {
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
