import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PassThrough } from "node:stream"
import * as Progress from "../../src/cli/commands/Progress.js"

/** What is written, and waiting until it ends in something. */
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
  it.live("shows at a terminal how far it is, below the lines that are written, and goes away", () =>
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

  it.live("shows nothing in a pipe", () =>
    Effect.gen(function* () {
      const { endsIn, stream } = output(false)
      const progress = yield* Progress.make(stream, () => "never")
      progress.write("one\n")
      assert.strictEqual(yield* endsIn("\n"), "one\n")
    }).pipe(Effect.scoped)
  )
})
