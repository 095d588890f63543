import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PassThrough } from "node:stream"
import * as Progress from "../../src/cli/commands/Progress.js"

/** A stream that keeps what is written to it, and a way to wait for its end. */
const output = (isTTY: boolean) => {
  const stream = Object.assign(new PassThrough(), { isTTY })
  let written = ""
  stream.setEncoding("utf8").on("data", (text: string) => (written += text))
  const endsIn = (text: string) =>
    Effect.async<string>((resume) => {
      const look = () => {
        if (!written.endsWith(text)) return
        stream.off("data", look)
        resume(Effect.succeed(written))
      }
      stream.on("data", look)
      look()
    })
  return { stream, endsIn }
}

describe("Progress", () => {
  it.live("shows progress at a terminal, below the lines written, and clears it at the end", () =>
    Effect.gen(function* () {
      const { endsIn, stream } = output(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const progress = yield* Progress.make(stream, (seconds) => `so far: ${Math.floor(seconds)}`)
          progress.write("early\n")
          yield* endsIn("early\n\r\x1b[Kso far: 1")
          progress.write("one\n")
          yield* endsIn("so far: 1\r\x1b[Kone\n")
          yield* endsIn("\r\x1b[Kso far: 1")
        })
      )
      yield* endsIn("\r\x1b[K")
    })
  )

  it.live("shows no progress in a pipe", () =>
    Effect.gen(function* () {
      const { endsIn, stream } = output(false)
      const progress = yield* Progress.make(stream, () => "never")
      progress.write("one\n")
      assert.strictEqual(yield* endsIn("\n"), "one\n")
    }).pipe(Effect.scoped)
  )
})
