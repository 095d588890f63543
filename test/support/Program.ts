import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { cpSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import * as InProcess from "./InProcess.js"

/** The program's script. */
export const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url))

/**
 * Copies dist/ into a folder, without the temporary folders of other tests and builds, which begin with a dot. Node
 * looks at each file before it asks a filter, and one of theirs may be gone by then.
 */
export const copyBuilt = (folder: string): void => {
  const built = dirname(main)
  const names = readdirSync(built).filter((name) => !name.startsWith("."))
  for (const name of names) cpSync(join(built, name), join(folder, name), { recursive: true })
}

/** The built program as a child process; `npm test` builds it first. */
export interface Program {
  readonly pid: number
  readonly input: Writable
  readonly output: Readable
  readonly errors: Readable
  /** Waits until the output so far matches; returns the first group, or the whole match. */
  readonly says: (where: "output" | "errors", pattern: RegExp) => Effect.Effect<string>
  /** Waits until the process has ended and its output has been read. */
  readonly ended: Effect.Effect<Ended>
  /** Waits until the process has ended, even if its output has not been read. */
  readonly exited: Effect.Effect<number | null>
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

export interface Ended {
  /** Null if a signal killed it. */
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

export interface StartOptions {
  readonly environment?: Record<string, string>
  readonly input?: string
  /** A shell command to run before the program, such as `ulimit -n 64`. */
  readonly before?: string
  /** A program that starts it, with the command as its last arguments. */
  readonly through?: ReadonlyArray<string>
}

export const start = (
  args: ReadonlyArray<string>,
  options: StartOptions = {}
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const command = [...(options.through ?? []), process.execPath, main, ...args]
      const [file, ...rest] =
        options.before === undefined ? command : ["sh", "-c", `${options.before} && exec "$0" "$@"`, ...command]
      const child = spawn(file as string, rest, { env: { PATH: process.env["PATH"], ...options.environment } })
      child.stdin.on("error", () => {}) // it may end before it has read everything
      if (options.input !== undefined) child.stdin.end(options.input)
      return child
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(
    Effect.map((child): Program => {
      const written = { output: "", errors: "" }
      const streams = { output: child.stdout, errors: child.stderr }
      for (const where of ["output", "errors"] as const) {
        streams[where].setEncoding("utf8").on("data", (text: string) => (written[where] += text))
      }
      const ended = new Promise<Ended>((resolve) => child.on("close", (status) => resolve({ status, ...written })))
      const exited = new Promise<number | null>((resume) => child.on("exit", resume))
      const says = (where: "output" | "errors", pattern: RegExp) =>
        Effect.async<string>((resume) => {
          const look = () => {
            const found = pattern.exec(written[where])
            if (found === null) return
            streams[where].off("data", look)
            resume(Effect.succeed(found[1] ?? found[0]))
          }
          streams[where].on("data", look)
          void ended.then(({ errors, output, status }) =>
            resume(Effect.dieMessage(`ended (${status}) without ${pattern}: ${output}${errors}`))
          )
          look()
        })
      return {
        pid: child.pid ?? 0, // undefined if it could not start, and then nothing else works either
        input: child.stdin,
        ...streams,
        says,
        ended: Effect.promise(() => ended),
        exited: Effect.promise(() => exited),
        kill: (signal) => Effect.sync(() => child.kill(signal))
      }
    })
  )

/** Runs the program to its end as a child process, with an empty input by default. */
export const runProcess = (args: ReadonlyArray<string>, options: StartOptions = {}): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(start(args, { input: "", ...options }), ({ ended }) => ended))

/** Runs the program to its end within this process. The result is that of `runProcess`, as cli/in-process tests. */
export const run = (
  args: ReadonlyArray<string>,
  options: Partial<InProcess.InProcessOptions> & { readonly before?: never; readonly through?: never } = {}
): Effect.Effect<Ended> => InProcess.run(main, args, { environment: {}, input: "", inputStaysOpen: false, ...options })

/** Starts a server, by default on a free port. */
export const startServer = (
  args: ReadonlyArray<string> = [],
  options: StartOptions = {}
): Effect.Effect<Program & { readonly port: string }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const port0 = args.includes("--port") ? [] : ["--port", "0"]
    const program = yield* start(["serve", ...port0, "--log-format", "logfmt", ...args], { input: "", ...options })
    const port = yield* program.says("errors", /message=listening address=\S+:(\d+)/u)
    return { ...program, port }
  })
