import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Readable } from "node:stream"

/** Standard input cannot be read; its terminal is gone, for instance. */
export class InputError extends Data.TaggedError("InputError")<{ readonly cause: Error }> {
  override get message() {
    return `cannot read the input: ${this.cause.message}`
  }
}

/**
 * What there is to read, as soon as there is something; undefined at the end. Bytes that nobody asks for stay in the
 * pipe, which holds the writer back.
 */
export const read = (input: Readable): Effect.Effect<Buffer | undefined, InputError> =>
  Effect.async((resume) => {
    const stop = () => {
      input.off("readable", take)
      input.off("end", take)
      input.off("close", take)
      input.off("error", failed)
    }
    const answer = (result: Effect.Effect<Buffer | undefined, InputError>) => {
      stop()
      resume(result)
    }
    const failed = (cause: Error) => answer(Effect.fail(new InputError({ cause })))
    const take = () => {
      const chunk: Buffer | null = input.read() // no encoding is set
      if (chunk !== null) answer(Effect.succeed(chunk))
      else if (input.errored !== null) failed(input.errored)
      else if (input.readableEnded || input.destroyed) answer(Effect.succeed(undefined))
    }
    input.on("readable", take)
    input.on("end", take)
    input.on("close", take)
    input.on("error", failed)
    take()
    return Effect.sync(stop)
  })
