import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"
import type { Readable } from "node:stream"

/** A program that cannot be started: it is not there, or not for us. */
export class CannotStart extends Data.TaggedError("CannotStart")<{ readonly cause: unknown }> {
  override get message() {
    return `cannot be started: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** How a program ended. */
export interface Ended {
  /** Null if a signal ended it. */
  readonly status: number | null
  readonly signal: string | null
}

/** A program that runs. */
export interface Child {
  /** Its standard output; it ends at the latest some seconds after the program. */
  readonly output: Readable
  readonly ended: Effect.Effect<Ended>
}

export interface Options {
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** Besides what this process has. */
  readonly environment: Readonly<Record<string, string>>
  readonly input: string
}

/** Between SIGTERM and SIGKILL. */
const killDelay = Duration.seconds(3)

/**
 * Runs a program in a process group of its own; its standard error is ours. What is left of the group when the program
 * or the scope ends gets SIGTERM, and some seconds later SIGKILL.
 */
export const start = (options: Options): Effect.Effect<Child, CannotStart, Scope.Scope> =>
  Effect.map(Effect.acquireRelease(begin(options), stop), ({ ended, output }) => ({
    output,
    ended: Deferred.await(ended)
  }))

const begin = ({ args, environment, input, program }: Options) =>
  Effect.async<Running, CannotStart>((resume) => {
    const failed = (cause: unknown) => resume(Effect.fail(new CannotStart({ cause })))
    try {
      const child = spawn(program, args, {
        detached: true, // a group of its own, so that what it starts can be ended with it
        env: { ...process.env, ...environment },
        stdio: ["pipe", "pipe", "inherit"]
      })
      const { pid = 0, stdin, stdout } = child
      const ended = Deferred.unsafeMake<Ended>(FiberId.none)
      child.on("error", failed)
      child.on("spawn", () => {
        groups.add(pid)
        process.off("exit", killAll).on("exit", killAll)
        resume(Effect.succeed({ group: pid, output: stdout, ended }))
      })
      child.on("exit", (status, signal) => {
        Deferred.unsafeDone(ended, Exit.succeed({ status, signal }))
        // Somebody whom it left behind may hold its output open for ever.
        if (send(pid, "SIGTERM")) setTimeout(() => stdout.destroy(), Duration.toMillis(killDelay)).unref()
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
  readonly ended: Deferred.Deferred<Ended>
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

/** How often to look whether a group is over; nothing tells of it. */
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
