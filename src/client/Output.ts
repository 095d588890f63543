import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Writable } from "node:stream"

/** An output stream of the process. A terminal gets escaped text; any other output gets the bytes unchanged. */
export type Output = Writable & { readonly isTTY?: boolean }

/** The output cannot be written, for example because the disk is full. A reader that has gone is not an error. */
export class OutputError extends Data.TaggedError("OutputError")<{ readonly cause: Error }> {
  override get message() {
    return `cannot write the output: ${this.cause.message}`
  }
}

/** Waits until the reader of the stream has taken everything or has gone. */
export const flushed = (stream: Output): Effect.Effect<void> =>
  Effect.async((resume) => {
    stream.write("", () => resume(Effect.void))
  })

/**
 * `flushed`, for a limited time. Uses Node's timers: finalisers of an interrupted fiber are uninterruptible, so
 * Effect's timeouts do not work there.
 */
export const flushedWithin = (stream: Output, millis: number): Effect.Effect<void> =>
  Effect.async((resume) => {
    const deadline = setTimeout(() => resume(Effect.void), millis)
    stream.write("", () => {
      clearTimeout(deadline)
      resume(Effect.void)
    })
  })

/** Waits while the buffer of the stream is full. Does not wait if the reader has gone. */
export const drained = (stream: Output): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (!stream.writableNeedDrain || stream.errored !== null) return Effect.void
    return Effect.async<void>((resume) => {
      const go = () => {
        stop()
        resume(Effect.void)
      }
      const stop = () => {
        stream.off("drain", go)
        stream.off("error", go)
        stream.off("close", go)
      }
      stream.on("drain", go)
      stream.on("error", go)
      stream.on("close", go)
      return Effect.sync(stop)
    })
  })

/** Waits until the stream fails. Succeeds when its reader has gone (`| head -1`). */
export const readerGone = (stream: Output): Effect.Effect<void, OutputError> =>
  Effect.async((resume) => {
    const failed = (cause: NodeJS.ErrnoException) =>
      resume(cause.code === "EPIPE" ? Effect.void : Effect.fail(new OutputError({ cause })))
    if (stream.errored !== null) return failed(stream.errored)
    stream.on("error", failed)
    return Effect.sync(() => stream.off("error", failed))
  })

/** Writes text and waits until the reader has taken it or has gone. */
export const print = (stream: Output, text: string): Effect.Effect<void, OutputError> =>
  Effect.asVoid(printed(stream, text))

/** Writes text, and returns whether the reader has taken it (false: it has gone). */
export const printed = (stream: Output, text: string): Effect.Effect<boolean, OutputError> =>
  Effect.async((resume) => {
    stream.write(text, (cause: NodeJS.ErrnoException | null | undefined) => {
      if (cause === null || cause === undefined) resume(Effect.succeed(true))
      else if (cause.code === "EPIPE" || stream.errored !== null) resume(Effect.succeed(false))
      else resume(Effect.fail(new OutputError({ cause })))
    })
  })
