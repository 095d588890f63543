import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import { spawn, type ChildProcessByStdio } from "node:child_process"
import { accessSync, constants, statSync } from "node:fs"
import type { Socket } from "node:net"
import { constants as os } from "node:os"
import { delimiter, join } from "node:path"
import type { Readable, Writable } from "node:stream"

/** A program cannot be started: it does not exist, or may not be executed. */
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

/** The failure of a program in words; undefined if it succeeded. */
export const fault = ({ signal, status }: ChildExit): string | undefined => {
  if (status === 0) return undefined
  return status === null ? `ended by ${signal}` : `exit status ${status}`
}

/** A running program. */
export interface Child {
  /** Standard output. While it is being read, it ends at most a few seconds after the program. */
  readonly output: Readable
  readonly ended: Effect.Effect<ChildExit>
}

export interface ChildOptions {
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** The complete environment; nothing is inherited. */
  readonly environment: NodeJS.ProcessEnv
  readonly input: string
}

/** Between SIGTERM and SIGKILL. */
const killDelay = Duration.seconds(3)

/** How long the output may stay open after the end of the program. */
const outputDelay = Duration.seconds(2)

/** More than a pipe holds. Output beyond that cannot be from the program, which had already ended. */
const pipeBytes = 2 ** 19

/**
 * Runs a program in its own process group. It inherits standard error. When the program or the scope ends, the rest of
 * the group gets SIGTERM, and a few seconds later SIGKILL.
 */
export const start = (options: ChildOptions): Effect.Effect<Child, CannotStart, Scope.Scope> =>
  running(options.input, () =>
    spawn(options.program, options.args, { ...spawning(options), stdio: ["pipe", "pipe", "inherit"] })
  )

/** The same without output and standard error: both are dropped. Returns the end of the program. */
export const startSilently = (
  options: ChildOptions
): Effect.Effect<Effect.Effect<ChildExit>, CannotStart, Scope.Scope> =>
  Effect.map(
    running(options.input, () =>
      spawn(options.program, options.args, { ...spawning(options), stdio: ["pipe", "ignore", "ignore"] })
    ),
    ({ ended }) => ended
  )

/** With its own process group, a program can be ended with its children. */
const spawning = ({ environment }: ChildOptions) => ({ detached: true, env: environment })

type Spawn<Output extends Readable | null> = () => ChildProcessByStdio<Writable, Output, null>

const running = <Output extends Readable | null>(input: string, spawn: Spawn<Output>) =>
  Effect.map(Effect.acquireRelease(begin(input, spawn), stop), ({ ended, output }) => ({
    output,
    ended: Deferred.await(ended)
  }))

const begin = <Output extends Readable | null>(input: string, spawn: Spawn<Output>) =>
  Effect.async<Running<Output>, CannotStart>((resume) => {
    const failed = (cause: unknown) => resume(Effect.fail(new CannotStart({ cause })))
    try {
      const child = spawn()
      const { pid = 0, stdin, stdout } = child
      const ended = Deferred.unsafeMake<ChildExit>(FiberId.none)
      child.on("error", failed)
      // Without descriptors for its pipes the child has no streams, and the error follows.
      if ((stdout as Readable | undefined) === undefined) return
      // The program is running already; Node emits `spawn` later.
      if (pid > 0) groups.add(pid)
      guard()
      child.on("spawn", () => resume(Effect.succeed({ group: pid, output: stdout, ended })))
      child.on("exit", (status, signal) => {
        Deferred.unsafeDone(ended, Exit.succeed({ status, signal }))
        send(pid, "SIGTERM")
        if (stdout !== null) endOutput(stdout as Readable as Socket) // a pipe
      })
      // Without this listener, Node would discard the rest of the output when the program ends.
      stdout?.on("readable", () => {})
      stdin.on("error", () => {}) // the program need not read its input
      stdin.end(input)
    } catch (cause) {
      failed(cause) // an argument or a variable contains NUL
    }
  })

interface Running<Output extends Readable | null = Readable | null> {
  /** The process group; its id is that of the program. */
  readonly group: number
  readonly output: Output
  readonly ended: Deferred.Deferred<ChildExit>
}

/**
 * Closes the output of a program that has ended. A process that it left behind, even in another group, may keep the
 * output open forever. The program's own output is already in the pipe, and this waits until it has been read.
 */
const endOutput = (output: Socket): void => {
  const taken = () => output.bytesRead - output.readableLength
  const most = taken() + pipeBytes
  let came = -1
  let idleLooks = 0
  const end = () => {
    // Several checks in a row: right after the buffer was emptied, more data may be on its way from the pipe.
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

/**
 * Uses Node's timers: finalisers of an interrupted fiber are uninterruptible, so Effect's timeouts do not work there.
 */
const stop = ({ group, output }: Running): Effect.Effect<void> =>
  Effect.async((resume) => {
    const over = () => {
      clearInterval(look)
      clearTimeout(deadline)
      output?.destroy()
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

/** The interval of checks for the end of a group or an output, which no event reports. */
const lookMillis = 10

/** Sends a signal to a group; returns false if no process is left in it. */
const send = (group: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(-group, signal)
  } catch {
    return false
  }
}

/** Groups that may still be running. */
const groups = new Set<number>()

/** Leaves no program behind when this process exits without waiting, such as after a second Ctrl-C. */
const killAll = () => {
  for (const group of groups) send(group, "SIGKILL")
}

/**
 * These signals would end Node without an exit event, and the programs, being in separate sessions, do not get them.
 */
const guard = () => {
  if (process.listeners("exit").includes(killAll)) return
  process.on("exit", killAll)
  // The terminal was closed. A program that ignores SIGHUP already has a listener.
  if (process.listenerCount("SIGHUP") === 0) process.on("SIGHUP", () => process.kill(process.pid, "SIGTERM"))
  process.on("SIGQUIT", () => process.exit(128 + os.signals.SIGQUIT))
}

/** Whether a program can probably be started: an executable file exists where the shell would look. */
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
