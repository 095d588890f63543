import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Readable } from "node:stream"
import { Framing, type Piece } from "../protocol/Framing.js"

/** Standard input cannot be read, for example because its terminal was closed. */
export class InputError extends Data.TaggedError("InputError")<{ readonly cause: Error }> {
  override get message() {
    return `cannot read the input: ${this.cause.message}`
  }
}

/**
 * Waits for input and returns everything available; undefined at the end. Unread input stays in the pipe, which blocks
 * its writer.
 */
export const read = (input: Readable): Effect.Effect<Buffer | undefined, InputError> =>
  Effect.async((resume) => {
    const stop = () => {
      input.off("readable", take)
      input.off("end", take)
      input.off("close", take)
      input.off("error", failed)
    }
    const settle = (result: Effect.Effect<Buffer | undefined, InputError>) => {
      stop()
      resume(result)
    }
    const failed = (cause: Error) => settle(Effect.fail(new InputError({ cause })))
    const take = () => {
      const chunk: Buffer | null = input.read() // no encoding is set, so these are bytes
      if (chunk !== null) settle(Effect.succeed(chunk))
      else if (input.errored !== null) failed(input.errored)
      else if (input.readableEnded || input.destroyed) settle(Effect.succeed(undefined))
    }
    input.on("readable", take)
    input.on("end", take)
    input.on("close", take)
    input.on("error", failed)
    take()
    return Effect.sync(stop)
  })

/** Reads the input to its end, as lines. A last line without its LF counts as a line. */
export const forEachPiece = <E>(
  input: Readable,
  maxLineBytes: number,
  take: (piece: Piece) => Effect.Effect<void, E>
) =>
  Effect.gen(function* () {
    const framing = new Framing(maxLineBytes)
    for (;;) {
      const chunk = yield* read(input)
      for (const piece of chunk === undefined ? framing.end() : framing.push(chunk)) yield* take(piece)
      if (chunk === undefined) return
    }
  })
