import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Readline from "node:readline"
import type { Readable, Writable } from "node:stream"

/** The lowest line of a terminal, where one types, and what scrolls above it. */
export interface Screen {
  /** Shows the prompt and waits for a line; none when the person wants to leave: Ctrl-D, Ctrl-C, the terminal's end. */
  readonly readLine: (prompt: string) => Effect.Effect<Option.Option<string>>
  /** Writes whole lines above the one being typed, which stays as it is. */
  readonly print: (lines: string) => void
  /** Takes the prompt away and gives the terminal back; `print` goes on working. Idempotent. */
  readonly close: Effect.Effect<void>
}

export const make = (input: Readable, output: Writable): Effect.Effect<Screen, never, Scope.Scope> =>
  Effect.gen(function* () {
    const typed = yield* Mailbox.make<string>()
    const readline = Readline.createInterface({ input, output, terminal: true, prompt: "" })
    let open = true
    const leave = () => typed.unsafeDone(Exit.void)
    const clearPrompt = () => {
      Readline.moveCursor(output, 0, -readline.getCursorPos().rows)
      Readline.cursorTo(output, 0)
      Readline.clearScreenDown(output)
    }
    readline.on("line", (line) => typed.unsafeOffer(line))
    readline.on("SIGINT", leave)
    // Ctrl-D closes it by itself. What was typed before is still read; a prompt would open the terminal again.
    readline.on("close", () => {
      clearPrompt()
      open = false
      leave()
    })
    input.on("error", leave) // the terminal is gone
    const close = Effect.sync(() => readline.close())
    yield* Effect.addFinalizer(() => close)

    const print = (lines: string) => {
      if (!open) return output.write(lines)
      clearPrompt()
      output.write(lines)
      // Not documented: the row of the cursor when it was last drawn. A prompt of several rows would be drawn over the
      // lines just written.
      Reflect.set(readline, "prevRows", 0)
      return readline.prompt(true)
    }
    const readLine = (prompt: string) =>
      Effect.suspend(() => {
        readline.setPrompt(prompt)
        if (open) readline.prompt(true)
        return Effect.option(typed.take)
      })
    return { readLine, print, close }
  })
