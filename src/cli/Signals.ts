import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import { closeSync, constants, openSync } from "node:fs"
import { isatty } from "node:tty"
import * as ExitStatus from "./ExitStatus.js"

/** Handles signals that do not end this program, although they end other Node programs. */

/** Without a listener, SIGUSR1 opens Node's debugger to every local user, and SIGUSR2 kills without a drain. */
const unused = ["SIGUSR1", "SIGUSR2"] as const

type Unused = (typeof unused)[number]

/** Reports a signal that has no effect. The line would disturb the screen of a client at a terminal. */
let report = (signal: Unused): void => {
  if (!process.stderr.isTTY) ExitStatus.say(`${signal} has no effect`)
}

const ignore = () => {}

/**
 * Ignores SIGUSR1 and SIGUSR2, and SIGHUP if no terminal can hang up. Node resets the signal disposition that `nohup`
 * has set before any JavaScript runs, so only the terminal shows whether `nohup` was used.
 */
export const ignoreUnused = Effect.sync(() => {
  for (const signal of unused) {
    // Reported only once, however often the signal is sent.
    process.once(signal, () => report(signal))
    process.on(signal, () => {})
  }
  startedAtTerminal = [0, 1, 2].some(isatty) && hasControllingTerminal()
  if (!startedAtTerminal) process.on("SIGHUP", ignore)
})

/** Logs these signals as warnings, instead of printing a line, until the scope closes. */
export const logUnused: Effect.Effect<void, never, Scope.Scope> = Effect.gen(function* () {
  const runtime = yield* Effect.runtime<never>()
  const printed = report
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      report = (signal) =>
        void Runtime.runFork(runtime)(Effect.annotateLogs(Effect.logWarning("the signal has no effect"), { signal }))
    }),
    () => Effect.sync(() => (report = printed))
  )
})

/**
 * Whether the program started in a terminal, which sends SIGHUP when its window is closed. A program that `nohup`
 * started there has the terminal as its controlling terminal, but not as its input, output or errors: `nohup` redirects
 * them.
 */
let startedAtTerminal = false

const hasControllingTerminal = () => {
  try {
    closeSync(openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK))
    return true
  } catch {
    return false
  }
}

/**
 * From now on, SIGHUP does not end the program. A command that handles it removes its own listener when it ends.
 * Without this one, a SIGHUP after that would kill the program while it closes its store.
 */
export const surviveHangup = Effect.sync(() => {
  if (!process.listeners("SIGHUP").includes(ignore)) process.on("SIGHUP", ignore)
})

/** The cause of a SIGHUP: the terminal was closed, a user at a terminal sent the signal, or there is no terminal. */
export const hangup = (): "closed" | "sent" | "detached" => {
  if (!startedAtTerminal) return "detached"
  return hasControllingTerminal() ? "sent" : "closed"
}
