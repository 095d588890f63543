import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Writable } from "node:stream"

/** A line at the bottom of a terminal that shows progress, with whole lines written above it. */
export interface Progress {
  /** Writes whole lines; above the progress line if there is a terminal. */
  readonly write: (lines: string) => void
}

/** No progress is shown before this time. */
const firstAfterMillis = 1000

const everyMillis = 250

const clearLine = "\r\x1b[K"

/** @param describe returns the progress line; called only if `output` is a terminal that can clear a line */
export const make = (
  output: Writable & { readonly isTTY?: boolean },
  describe: (seconds: number) => string
): Effect.Effect<Progress, never, Scope.Scope> => {
  if (output.isTTY !== true || process.env["TERM"] === "dumb") {
    return Effect.succeed({ write: (lines) => output.write(lines) })
  }
  return Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const start = performance.now()
        let shown = false
        const draw = () => {
          const elapsed = performance.now() - start
          if (elapsed < firstAfterMillis) return
          shown = true
          output.write(`${clearLine}${describe(elapsed / 1000)}`)
        }
        const clear = () => {
          if (shown) output.write(clearLine)
          shown = false
        }
        const timer = setInterval(draw, everyMillis)
        return { timer, clear }
      }),
      ({ clear, timer }) =>
        Effect.sync(() => {
          clearInterval(timer)
          clear()
        })
    ),
    ({ clear }) => ({
      write: (lines) => {
        clear()
        output.write(lines)
      }
    })
  )
}
