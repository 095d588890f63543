import * as ValidationError from "@effect/cli/ValidationError"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Os from "node:os"
import type { Writable } from "node:stream"
import { plain } from "./help/HelpText.js"

/**
 * How the program ends: `process.exitCode` is the exit status so far, and one line on standard error tells what went
 * wrong.
 */

/** A command could not do what it was asked to. The message is one line that says what to do. */
export class Failure extends Data.TaggedError("Failure")<{
  readonly status: number
  readonly message: string
}> {}

/** For a bad flag, an address in use, a server that is not there: nothing was begun. */
export const misuse = 2

/** What was wrong was known before anything was begun. */
export const asMisuse = ({ message }: { readonly message: string }): Failure => new Failure({ status: misuse, message })

export const misused = (message: string): Effect.Effect<never, Failure> => Effect.fail(asMisuse({ message }))

/** The command ran, and something of it did not succeed: a refusal, a ping without its answer, a count not reached. */
export const failed = 1

/** The server went away. */
export const gone = 3

/** For a defect of this program (`EX_SOFTWARE` of sysexits.h). */
const bug = 70

/** A signal came, or the program is over. */
let ending = false

/** Says what went wrong, once, and sets the exit status. */
export const report = <R>(
  program: Effect.Effect<void, Failure | ValidationError.ValidationError, R>
): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(program, (cause) =>
    Effect.sync(() => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      if (failure !== undefined) {
        process.exitCode = ValidationError.isValidationError(failure) ? misuse : failure.status
        say(ValidationError.isValidationError(failure) ? plain(failure.error) : failure.message)
      } else if (!Cause.isInterruptedOnly(cause)) {
        process.exitCode = bug
        say(`a defect of this program, please report it\n${Cause.pretty(cause)}`)
      }
    })
  )

/** One line on standard error. */
export const say = (line: string): void => {
  process.stderr.write(`a-chat: ${line}\n`)
}

/** Under `npm start` one Ctrl-C arrives twice, from the terminal and from npm, within some milliseconds. */
const echoMillis = process.env["npm_lifecycle_event"] === "start" ? 100 : 0

/**
 * The first SIGINT or SIGTERM makes 130 or 143 of the exit status, unless the command decides otherwise; the second
 * ends the process at once. Interrupting the command is left to `runMain`.
 */
export const watchSignals = Effect.sync(() => {
  let signalledAt = -Infinity
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      const status = 128 + Os.constants.signals[signal]
      const isEcho = performance.now() - signalledAt < echoMillis
      signalledAt = performance.now()
      if (isEcho) return
      if (ending) process.exit(status)
      ending = true
      process.exitCode = status
    })
  }
  // Whoever read them is gone; what matters is not written there.
  process.stdout.on("error", () => {})
  process.stderr.on("error", () => {})
})

/** A reader of the log that is stuck does not keep the process; behind a signal, no reader does. */
const readerDeadline = 1000

const exit = () => process.exit(process.exitCode)

/** The end of the process, with what was written to its pipes on its way: a plain exit would cut that off. */
export const teardown = (): void => {
  if (ending) setTimeout(exit, readerDeadline)
  ending = true
  flushed(process.stdout, () => {
    setTimeout(exit, readerDeadline)
    flushed(process.stderr, exit)
  })
}

const flushed = (stream: Writable, then: () => void) => {
  if (stream.writableLength === 0) then()
  else stream.write("", then)
}
