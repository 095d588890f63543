import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { PassThrough, Writable } from "node:stream"
import * as Log from "../../src/cli/Log.js"

const event = Effect.logWarning("half\nempty").pipe(Effect.annotateLogs({ name: "bob", remote: "\x1b[2J", bytes: 7 }))

const written = (format: Log.Format, options: { readonly isTTY?: boolean } = {}) => {
  const stream = Object.assign(new PassThrough(), options)
  return Effect.as(Effect.provide(event, Log.layer(format, stream)), stream).pipe(Effect.map((to) => String(to.read())))
}

describe("Log.layer", () => {
  for (const format of Log.formats) {
    it.live(`writes an event as one line in ${format}`, () =>
      Effect.map(written(format), (text) => {
        assert.match(text, /^[^\n]*bob[^\n]*\n$/u)
        assert.notInclude(text, "\x1b")
      })
    )
  }

  it.scopedLive("writes for people at a terminal in colour, unless they said NO_COLOR", () =>
    Effect.gen(function* () {
      yield* noColor(undefined)
      assert.include(yield* written("pretty", { isTTY: true }), "\x1b[33mWARN ")
      yield* noColor("1")
      assert.notInclude(yield* written("pretty", { isTTY: true }), "\x1b")
    })
  )

  it.live("leaves events out while nobody reads, and says how many", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      let taken: (() => void) | undefined = undefined
      const stuck = new Writable({
        decodeStrings: false,
        write: (line: string, _encoding, done) => {
          lines.push(line)
          taken = done
        }
      })
      const big = "x".repeat(600_000)
      const layer = Log.layer("logfmt", stuck)
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of [big, big, "out", "out"]) yield* Effect.logInfo(text)
          taken?.()
          taken?.()
          yield* Effect.logInfo("in")
          taken?.()
          taken?.()
        }),
        layer
      )
      assert.strictEqual(lines.length, 4)
      assert.match(lines[2] ?? "", /message=in\n/u)
      assert.match(lines[3] ?? "", /level=WARN .* events=2\n/u)
    })
  )

  it.live("goes on without a word when the stream was closed", () =>
    Effect.gen(function* () {
      const closed = new PassThrough().on("error", () => {})
      closed.destroy()
      yield* Effect.provide(event, Log.layer("logfmt", closed))
    })
  )
})

const set = (value: string | undefined) => {
  if (value === undefined) delete process.env["NO_COLOR"]
  else process.env["NO_COLOR"] = value
}

/** Sets the variable until the scope ends; the machine that runs the tests may have one of its own. */
const noColor = (value: string | undefined) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env["NO_COLOR"]
      set(value)
      return before
    }),
    (before) => Effect.sync(() => set(before))
  )
