import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { accessSync, constants, statSync } from "node:fs"
import type { Socket } from "node:net"
import { constants as os } from "node:os"
import { delimiter, join } from "node:path"
import type { Readable } from "node:stream"

/** A program that cannot be started: it is not there, or not for us. */
export class CannotStart extends Data.TaggedError("CannotStart")<{ readonly cause: unknown }> {
  override get message() {
    return `cannot be started: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** How a program ended. */
export interface ChildExit {
  /** Null if a signal ended it. */
  readonly status: number | null
  readonly signal: string | null
}

/** A program that runs. */
export interface Child {
  /** Its standard output; it ends some seconds after the program at the latest, if it is read. */
  readonly output: Readable
  readonly ended: Effect.Effect<ChildExit>
}

export interface ChildOptions {
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** All of it. */
  readonly environment: NodeJS.ProcessEnv
  readonly input: string
}

/** Between SIGTERM and SIGKILL. */
const killDelay = Duration.seconds(3)

/** How long the output may stay open after the program's end. */
const outputDelay = Duration.seconds(2)

/** More than a pipe holds: what comes behind it was not written by a program that had ended before. */
const pipeBytes = 2 ** 19

/**
 * Runs a program in a process group of its own; its standard error is ours. What is left of the group when the program
 * or the scope ends gets SIGTERM, and some seconds later SIGKILL.
 */
export const start = (options: ChildOptions): Effect.Effect<Child, CannotStart, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(begin(options), stop), ({ ended, output }) => ({
    output,
    ended: Deferred.await(ended)
  }))

const begin = ({ args, environment, input, program }: ChildOptions) =>
  Effect.async<Running, CannotStart>((resume) => {
    const failed = (cause: unknown) => resume(Effect.fail(new CannotStart({ cause })))
    try {
      const child = spawn(program, args, {
        detached: true, // a group of its own, so that what it starts can be ended with it
        env: environment,
        stdio: ["pipe", "pipe", "inherit"]
      })
      const { pid = 0, stdin, stdout } = child
      const ended = Deferred.unsafeMake<ChildExit>(FiberId.none)
      child.on("error", failed)
      // It runs already, though Node tells so later.
      if (pid > 0) groups.add(pid)
      guard()
      child.on("spawn", () => resume(Effect.succeed({ group: pid, output: stdout, ended })))
      child.on("exit", (status, signal) => {
        Deferred.unsafeDone(ended, Exit.succeed({ status, signal }))
        send(pid, "SIGTERM")
        endOutput(stdout as Socket)
      })
      // At the program's end Node lets the rest of its output flow to nowhere, unless somebody listens to this.
      stdout.on("readable", () => {})
      stdin.on("error", () => {}) // nobody has to read it
      stdin.end(input)
    } catch (cause) {
      failed(cause) // an argument or a variable with NUL in it
    }
  })

interface Running {
  /** The process group; it has the id of the program. */
  readonly group: number
  readonly output: Readable
  readonly ended: Deferred.Deferred<ChildExit>
}

/**
 * The program has ended, but somebody whom it left behind may hold its output open for ever, in a group of his own even.
 * What the program itself has written is in the pipe by now, and is waited for as long as it is not taken.
 */
const endOutput = (output: Socket): void => {
  const taken = () => output.bytesRead - output.readableLength
  const most = taken() + pipeBytes
  let came = -1
  let idleLooks = 0
  const end = () => {
    // Empty for some looks in a row: right after its reader has taken all, more of it may be on its way from the pipe.
    const isIdle = output.readableLength === 0 && output.bytesRead === came
    idleLooks = isIdle ? idleLooks + 1 : 0
    came = output.bytesRead
    if (idleLooks >= 3 || taken() >= most) output.destroy()
  }
  let look: NodeJS.Timeout | undefined = undefined
  const delay = setTimeout(() => (look = setInterval(end, lookMillis)), Duration.toMillis(outputDelay))
  output.on("close", () => {
    clearTimeout(delay)
    clearInterval(look)
  })
}

/** With timers of Node's: the scope of a fiber that was interrupted allows no deadlines of Effect's. */
const stop = ({ group, output }: Running): Effect.Effect<void> =>
  Effect.async((resume) => {
    const over = () => {
      clearInterval(look)
      clearTimeout(deadline)
      output.destroy()
      groups.delete(group)
      resume(Effect.void)
    }
    const kill = () => {
      send(group, "SIGKILL")
      over()
    }
    const deadline = setTimeout(kill, Duration.toMillis(killDelay))
    const look = setInterval(() => {
      if (!send(group, 0)) over()
    }, lookMillis)
    if (!send(group, "SIGTERM")) over()
  })

/** How often to look whether a group or an output is over; nothing tells of it. */
const lookMillis = 10

/** A signal to a whole group; false if nobody is left of it. */
const send = (group: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}

/** The groups that may still run. */
const groups = new Set<number>()

/** Whoever ends this process without waiting, as a second Ctrl-C does, does not leave programs behind. */
const killAll = () => {
  for (const group of groups) send(group, "SIGKILL")
}

/** Node ends by these signals without a word, and the programs, in sessions of their own, do not get them. */
const guard = () => {
  if (process.listeners("exit").includes(killAll)) return
  process.on("exit", killAll)
  process.on("SIGHUP", () => process.kill(process.pid, "SIGTERM")) // the terminal was closed
  process.on("SIGQUIT", () => process.exit(128 + os.signals.SIGQUIT))
}

/** Whether a program can be started, as far as that can be known: a file to execute, where the shell would look. */
export const isExecutable = (program: string, path: string): boolean => {
  const places = program.includes("/") ? [program] : path.split(delimiter).map((folder) => join(folder || ".", program))
  return places.some((place) => {
    try {
      accessSync(place, constants.X_OK)
      return statSync(place).isFile()
    } catch {
      return false
    }
  })
}
