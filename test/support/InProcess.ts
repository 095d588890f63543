import * as Effect from "effect/Effect"
import { Console } from "node:console"
import { EventEmitter } from "node:events"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as Os from "node:os"
import { PassThrough, Writable } from "node:stream"
import { pathToFileURL } from "node:url"
import * as V8 from "node:v8"
import { Script } from "node:vm"
import type { Ended } from "./Program.js"

/**
 * Runs the built program in the test's own process, which takes a fifth of the CPU time of a process. Each run
 * evaluates the program again, with its own `process`: arguments, environment, standard streams, listeners and exit
 * status. What only an operating system's process has is missing: signals, descriptors, memory of its own, and the end
 * of all sockets at its exit.
 */

export interface InProcessOptions {
  readonly environment: Readonly<Record<string, string>>
  readonly input: string
  /** Whether standard input stays open after `input`. */
  readonly inputStaysOpen: boolean
}

/** What `dist/main.js` passes to the program; see `src/launcher.ts`. */
type Main = (require: NodeJS.Require, base: string) => void

/** The names in the program that mean something else here. */
type Evaluate = (own: NodeJS.Process, console: Console, global: object) => Main

/** Compiled when the first test needs it. */
let compiled: Evaluate | undefined = undefined

const compile = (main: string): Evaluate => {
  const filename = createRequire(main).resolve("./program.cjs")
  // The file ends with a comment, so the function's end has its own line.
  const source = `(function (process, console, globalThis) { return ${readFileSync(filename, "latin1")}\n})`
  return new Script(source, { filename }).runInThisContext() as Evaluate
}

export const run = (main: string, args: ReadonlyArray<string>, options: InProcessOptions): Effect.Effect<Ended> =>
  Effect.async((resume) => {
    const written = { output: "", errors: "" }
    const listeners = new EventEmitter({ captureRejections: false })
    const exit = (status?: number) => {
      const last = status ?? own.exitCode ?? 0
      if (listeners.emit("exit", last)) listeners.removeAllListeners("exit")
      resume(Effect.succeed({ status: Number(last), ...written }))
    }
    const own = makeProcess(listeners, {
      argv: [process.execPath, main, ...args],
      env: { PATH: process.env["PATH"], ...options.environment },
      exit,
      exitCode: undefined,
      kill: (pid: number, signal: NodeJS.Signals) =>
        pid === process.pid ? listeners.emit(signal, signal) : process.kill(pid, signal),
      stdin: Object.assign(new PassThrough(), { fd: 0 }),
      stdout: sink((text) => (written.output += text)),
      stderr: sink((text) => (written.errors += text))
    })
    const input = own.stdin as unknown as PassThrough
    if (options.inputStaysOpen) input.write(options.input)
    else input.end(options.input)
    const program = (compiled ??= compile(main))(own, new Console(own.stdout, own.stderr), makeGlobal(own))
    program(makeRequire(main, own), pathToFileURL(main).href)
    return Effect.sync(() => listeners.emit("SIGTERM", "SIGTERM"))
  })

/** Whatever a process writes to a pipe is written at once. */
const sink = (take: (text: string) => void) =>
  new Writable({
    write: (bytes: Buffer, _, written) => {
      take(bytes.toString())
      written()
    }
  })

/** The test's process, except for these properties and its listeners. */
const makeProcess = (listeners: EventEmitter, properties: object): NodeJS.Process => {
  const own = Object.create(process) as NodeJS.Process
  for (const [name, value] of Object.entries(properties)) Object.defineProperty(own, name, { value, writable: true })
  for (const name of Object.getOwnPropertyNames(EventEmitter.prototype)) {
    const method: unknown = Reflect.get(listeners, name)
    if (typeof method === "function") Object.defineProperty(own, name, { value: method.bind(listeners) })
  }
  return own
}

/** Effect keeps its metrics, references and the current fiber in `globalThis`; the program has its own. */
const makeGlobal = (own: NodeJS.Process): object => {
  const ofEffect = Object.getOwnPropertyNames(globalThis).filter((name) => name.startsWith("effect/"))
  const values = [["process", own], ...ofEffect.map((name) => [name, undefined])] as const
  return Object.create(globalThis, Object.fromEntries(values.map(([name, value]) => [name, { value, writable: true }])))
}

/** Node's modules, except for what depends on the operating system's process. */
const makeRequire = (main: string, own: NodeJS.Process): NodeJS.Require => {
  const modules = new Map<string, unknown>([
    ["node:os", { ...Os, homedir: () => own.env["HOME"] ?? Os.userInfo().homedir }],
    // V8's flags count for the whole process.
    ["node:v8", { ...V8, setFlagsFromString: () => {} }]
  ])
  const require = createRequire(main)
  return Object.assign((name: string): unknown => modules.get(name) ?? require(name), require)
}
