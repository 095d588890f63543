import { readFileSync } from "node:fs"
import type * as OS from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import type * as V8 from "node:v8"
import { Script } from "node:vm"
import type * as Threads from "node:worker_threads"

/**
 * `dist/main.js`, which starts the program: it runs `program.cjs` with V8's compiled code, which the build has stored.
 * Without that file, or with one of another Node version, V8 compiles the program again, which takes half of the
 * start-up time. The build makes this a CommonJS module: Node's loader for ES modules takes 4 ms (benchmark: start-up).
 */
// As early as possible: without a listener, SIGUSR1 opens the debugger and SIGUSR2 kills. See `cli/Signals.ts`.
for (const signal of ["SIGUSR1", "SIGUSR2"]) process.on(signal, () => {})

const pathOf = (name: string) => join(__dirname, name)

const isServer = process.argv[2] === "serve"

/** The store from the arguments or the environment, in the usual order. */
const store = () => {
  const at = process.argv.findIndex((arg) => /^--store(?:=|$)/u.test(arg))
  const [, value = process.argv[at + 1]] = /=(.*)/su.exec(process.argv[at] ?? "") ?? []
  return (at < 0 ? process.env["ACHAT_STORE"] : value) ?? ""
}

/**
 * The thread of a store in a file, which takes 30 ms to start: as long as the program takes to be compiled and to read
 * its settings (benchmark: start-up with a store). The program ends it if the settings turn out to be others.
 */
const startStoreThread = (): Threads.Worker | undefined => {
  if (!isServer || /^$|^memory$|^postgres|:\/\//iu.test(store())) return undefined
  const { Worker } = require("node:worker_threads") as typeof Threads
  const thread = new Worker(pathOf("store-thread.cjs"))
  thread.unref()
  return thread.on("error", () => {}) // the program starts another one, and reports its failure
}

const storeThread = startStoreThread()

/**
 * V8 loads all of a file of compiled code, and three kinds of runs need different functions: a server, a server with a
 * store in a file, and any other command.
 */
const cacheName = storeThread !== undefined ? "store.cache" : isServer ? "serve.cache" : "program.cache"

/**
 * The cached code, if it belongs to this program: both files end in the same digest. V8 itself compares only lengths.
 */
const cachedCode = (source: string) => {
  try {
    const cache = readFileSync(pathOf(cacheName))
    return cache.toString("latin1", cache.length - digestBytes) === source.slice(-digestBytes)
      ? cache.subarray(0, -digestBytes)
      : undefined
  } catch {
    return undefined
  }
}

const digestBytes = 64

const source = readFileSync(pathOf("program.cjs"), "latin1") // it is ASCII, which takes 1 ms less than UTF-8
const script = new Script(source, { filename: "program.cjs", cachedData: cachedCode(source) })
const run = script.runInThisContext() as (
  require: NodeJS.Require,
  base: string,
  storeThread: Threads.Worker | undefined
) => void

/**
 * Has V8 grow the young generation of a server at once to the size that `cli/V8Heap.ts` gives it, and not in small
 * steps, each of which copies what has survived (benchmark: start-up, 6 ms). V8 compiles anew what its caches have from
 * other flags: so after the program is compiled, after Node's modules that a server needs, and not while a thread
 * starts.
 */
const growYoung = () => {
  for (const name of ["net", "os", "perf_hooks", "tty"]) require(`node:${name}`)
  const { setFlagsFromString } = require("node:v8") as typeof V8
  const { totalmem } = require("node:os") as typeof OS
  const isSmallMachine = Math.min(totalmem(), process.constrainedMemory() || Infinity) < 256 * 1_048_576
  if (!isSmallMachine) setFlagsFromString("--semi-space-growth-factor=4")
}

if (isServer && storeThread === undefined) growYoung()

/**
 * Effect reads the stack of an error while it is loaded, and looks for a name in it. For each function on that stack,
 * V8 would have to parse the source again, since the cached code has no positions: with the function around the whole
 * program, 2 ms (benchmark: start-up). So until the program is loaded, a stack is the names of its functions.
 */
const { prepareStackTrace } = Error
Error.prepareStackTrace = (_error, frames) => frames.map((frame) => frame.getFunctionName()).join("\n")
try {
  run(require, pathToFileURL(__filename).href, storeThread)
} finally {
  Error.prepareStackTrace = prepareStackTrace
}
