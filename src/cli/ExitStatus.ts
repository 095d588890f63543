import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Os from "node:os"
import type { Writable } from "node:stream"

/**
 * Ends the program. `process.exitCode` holds the exit status so far; one line on standard error reports the failure.
 */

/** A failed command. The message is one line that tells the user what to do. */
export class Failure extends Data.TaggedError("Failure")<{
  readonly status: number
  readonly message: string
  /** The code of the refusal, if the login failed. */
  readonly code?: string | undefined
}> {}

/**
 * A bad flag, an address in use, an unreachable server: the command has not started. Also for output that could not be
 * written.
 */
export const misuse = 2

/** The failure of a command that has not started. */
export const asMisuse = ({
  code,
  message
}: {
  readonly message: string
  readonly code?: string | undefined
}): Failure => new Failure({ status: misuse, message, ...(code === undefined ? {} : { code }) })

export const misused = (message: string): Effect.Effect<never, Failure> => Effect.fail(asMisuse({ message }))

/** Part of the command did not succeed: a refusal, a ping without a reply, too few messages. */
export const failed = 1

/** The connection was lost, or an outcome is unknown. */
export const lost = 3

/** For a command that a signal has interrupted while an outcome was unknown, which takes precedence over the signal. */
export const lostDespiteSignal = Effect.sync(() => {
  process.exitCode = lost
})

/** A question was delivered, but not answered in time. */
export const unanswered = 4

/** A defect of this program (`EX_SOFTWARE` in sysexits.h). */
const bug = 70

/** Whether a signal has arrived, or the program has finished. */
let isEnding = false

/** Whether the program is ending. A further signal would then end it without waiting for anything. */
export const hasEnded = (): boolean => isEnding

/** Whether the program has a thread that may hang in a system call. */
let hasStoreThread = false

/** From now on, a second signal does not wait for threads. */
export const startsThread = (): void => {
  hasStoreThread = true
}

/** Whether a hanging thread was left behind. */
let isHanging = false

/** Ends the program although one of its threads hangs. */
export const hangs = (why: string): void => {
  isHanging = true
  say(`killed: ${why}`)
}

/** Kills the process: `process.exit` would wait forever for a thread that hangs. */
const killed = (signal: NodeJS.Signals, status: number | undefined) => {
  process.emit("exit", status ?? 0)
  process.removeAllListeners(signal) // so that the signal ends the program again
  process.kill(process.pid, signal)
}

/** The first error of standard output. */
let outputError: NodeJS.ErrnoException | undefined = undefined

/** Prints the failure, and sets the exit status. */
export const report = <R>(program: Effect.Effect<void, Failure, R>): Effect.Effect<void, never, R> =>
  Effect.catchAllCause(program, (cause) =>
    Effect.sync(() => {
      const failure = Option.getOrUndefined(Cause.failureOption(cause))
      if (failure !== undefined) {
        process.exitCode = failure.status
        say(failure.message)
      } else if (!Cause.isInterruptedOnly(cause)) {
        process.exitCode = bug
        say(`a defect in this program; please report it\n${Cause.pretty(cause)}`)
      }
    })
  )

/** Prints one line on standard error. */
export const say = (line: string): void => {
  process.stderr.write(`a-chat: ${line}\n`)
}

/** Under `npm start` one Ctrl-C arrives twice within milliseconds: from the terminal, and from npm. */
const echoMillis = process.env["npm_lifecycle_event"] === "start" ? 100 : 0

/**
 * Sets the exit status to 130 or 143 on the first SIGINT or SIGTERM, and exits on the second. The command may override
 * the status. `runMain` interrupts the command.
 */
export const watchSignals = Effect.sync(() => {
  let signalledAt = -Infinity
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      const status = 128 + Os.constants.signals[signal]
      const isEcho = performance.now() - signalledAt < echoMillis
      signalledAt = performance.now()
      if (isEcho) return
      if (isEnding) return hasStoreThread ? killed(signal, status) : process.exit(status)
      isEnding = true
      process.exitCode = status
    })
  }
  // Without a listener, an error would end the process. Node clears `errored` of these two streams, so it is kept here.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => (outputError ??= error))
  process.stderr.on("error", () => {})
})

/**
 * How long a stuck reader of standard error may delay the exit. For standard output this applies only after a signal.
 */
const readerDeadlineMillis = 1000

const exit = () => (isHanging ? killed("SIGKILL", failed) : process.exit(process.exitCode))

/**
 * Reports output that could not be written, for example because the disk is full, for any command. A reader that has
 * gone (`| head -1`) is not an error. A signal and an unknown outcome keep their status.
 */
const checkOutput = () => {
  if (outputError === undefined || outputError.code === "EPIPE") return
  if (process.exitCode !== undefined && process.exitCode !== 0 && process.exitCode !== failed) return
  process.exitCode = misuse
  say(`cannot write the output: ${outputError.message}`)
}

/** Exits once standard output and error are flushed. A plain exit would lose what a pipe has not taken yet. */
export const teardown = (): void => {
  if (isEnding) setTimeout(exit, readerDeadlineMillis)
  isEnding = true
  afterFlush(process.stdout, () => {
    // If a write failed immediately, its 'error' event follows in the next tick.
    setImmediate(() => {
      checkOutput()
      setTimeout(exit, readerDeadlineMillis)
      afterFlush(process.stderr, exit)
    })
  })
}

const afterFlush = (stream: Writable, run: () => void) => {
  if (stream.writableLength === 0) run()
  else stream.write("", run)
}
