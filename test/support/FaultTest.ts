import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { strict as assert } from "node:assert"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { LineCutter } from "../../scripts/line-client.mjs"
import type { CloseReason } from "../../src/protocol/CloseReason.js"
import type { Address } from "../../src/ports/Transport.js"
import * as Tcp from "../../src/transport/Tcp.js"
import * as Tls from "../../src/transport/Tls.js"
import * as Program from "./Program.js"
import { eventually } from "./Eventually.js"
import * as WireClient from "./WireClient.js"

/** The built server under a fault, and what can be observed from outside. */
export interface ServerUnderFault extends Program.Program {
  readonly address: Address
  readonly port: number
  readonly connect: Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  readonly join: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  readonly greet: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  /** The number of connections logged as closed for a reason. */
  readonly closings: (reason: CloseReason) => number
  /** Waits until that number is reached. */
  readonly closed: (count: number, reason: CloseReason) => Effect.Effect<void>
}

/** The ledger that the server logs when it stops. */
export interface Ledger {
  readonly accepted: number
  readonly written: number
  readonly received: number
  readonly returned: number
  readonly dead: number
}

export interface FaultTestOptions {
  readonly args?: ReadonlyArray<string>
  readonly before?: string
  /** The address to listen on; the test's clients use 127.0.0.1. */
  readonly host?: string
  /** Serves TLS with this certificate, one of test/certificates. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Why this machine cannot run the test; undefined if it can. */
  readonly impossible?: string | undefined
  /** The limit of the process's peak memory, in MB. */
  readonly peakMegabytes?: number
  /** The limit of the median of the bystander's round trips, in milliseconds. */
  readonly medianMillis?: number
}

/** Checks the ledger after the server has stopped. The bystander's lines are not in it. */
export type Verdict = (ledger: Ledger) => void

/** Limits of the bystander's round trips, in milliseconds, without the time that other programs ran. */
const bounds = { p99: 500, worst: 5_000 }

/**
 * A test of a fault, with a server process of its own. Whatever the fault is, a bystander is served all the time. At
 * the end no descriptors are left open, peak memory is within its limit, the ledger balances, the log has no errors or
 * defects, and the process exits with 0. The figures are an annotation of the test (`--reporter=verbose`).
 */
export const faultTest = (
  name: string,
  options: FaultTestOptions,
  body: (server: ServerUnderFault) => Effect.Effect<Verdict | void, unknown, Scope.Scope>
) =>
  it.scopedLive(name, (context) =>
    Effect.gen(function* () {
      if (options.impossible !== undefined) return context.skip(options.impossible)
      const { args = [], before, medianMillis = Infinity, host = "127.0.0.1", peakMegabytes = 160, tls } = options
      // The tests count events in the log, so it must be complete.
      const program = yield* Program.startServer(
        ["--host", host, "--log-rate", "off", ...args, ...(tls ? ["--tls-cert", tls.cert, "--tls-key", tls.key] : [])],
        before === undefined ? {} : { before }
      )
      const server = around(program, tls !== undefined)
      const bystander = yield* watch(server)
      const [descriptors, resident] = [descriptorsOf(server.pid), megabytes(server.pid, "VmRSS")]

      const verdict = yield* Effect.scoped(body(server))

      yield* eventually(() => descriptorsOf(server.pid) <= descriptors, "descriptors were left open")
      const peak = megabytes(server.pid, "VmHWM")
      const trips = yield* bystander.stop
      yield* server.kill("SIGTERM")
      const { errors, status } = yield* server.ended
      const ledger = finalLedger(errors)
      // Without the bystander's lines, all of which were written.
      const own = { ...ledger, accepted: ledger.accepted - trips.length, written: ledger.written - trips.length }
      // The worst has a limit of its own, so it is no percentile, however few the round trips are.
      const at = (part: number) => trips[Math.max(0, Math.min(Math.floor(trips.length * part), trips.length - 2))] ?? 0
      const [median, p99, worst] = [at(0.5), at(0.99), trips.at(-1) ?? 0]
      const figures = [
        `bystander: median ${median.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of ` +
          `${trips.length}`,
        `memory: ${resident} MB, peak ${peak} MB`,
        `ledger: ${own.accepted} = ${own.written} + ${own.received} + ${own.returned} + ${own.dead}`
      ]
      yield* Effect.promise(() => context.annotate(figures.join("; ")))
      assert.equal(status, 0, errors.slice(-500))
      assert.ok(median < medianMillis && p99 < bounds.p99 && worst < bounds.worst, "the bystander waited too long")
      assert.ok(peak <= peakMegabytes, "peak memory is over the limit")
      verdict?.(own)
    })
  )

const around = (program: Program.Program & { readonly port: string }, isTls: boolean): ServerUnderFault => {
  const port = Number(program.port)
  const address: Address = (isTls ? Tls.address : Tcp.address)("127.0.0.1", port)
  const counts = new Map<string, number>()
  const log = new LineCutter((line) => {
    const reason = / message="connection closed" .*?\breason=(\S+)/.exec(line)?.[1]
    if (reason !== undefined) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  })
  program.errors.on("data", (text: string) => log.push(text))
  const closings = (reason: CloseReason) => counts.get(reason) ?? 0
  return {
    ...program,
    address,
    port,
    connect: WireClient.connect(address),
    join: (name) => WireClient.join(address, name),
    greet: (name) => WireClient.greet(address, name),
    closings,
    closed: (count, reason) => eventually(() => closings(reason) >= count, `${count} connections closed for ${reason}`)
  }
}

/** All lines that a client has received so far. */
export const received = (client: WireClient.WireClient): Effect.Effect<ReadonlyArray<string>> =>
  Effect.zipRight(client.send("/ping all\n"), client.takeUntil("* pong: all"))

/** Starts a client that writes to itself all the time; `stop` returns its round trips, sorted. */
const watch = ({ address, pid }: ServerUnderFault) =>
  Effect.gen(function* () {
    const worker = yield* Effect.acquireRelease(
      Effect.sync(
        () => new Worker(new URL("bystander-worker.mjs", import.meta.url), { workerData: { ...address, pid } })
      ),
      (worker) => Effect.promise(() => worker.terminate())
    )
    // An error in the worker fails the next wait for a message.
    const says = Effect.tryPromise<ReadonlyArray<unknown>>(() => once(worker, "message"))
    yield* says
    const stop = Effect.suspend(() => {
      worker.postMessage("stop")
      return Effect.map(says, ([trips]) => Float64Array.from(trips as ReadonlyArray<number>).toSorted())
    })
    return { stop }
  })

/** The ledger in the last line of a log, which must contain nothing but events below the level of an error. */
export const finalLedger = (log: string): Ledger => {
  const lines = log.trimEnd().split("\n")
  for (const line of lines) assert.match(line, /^timestamp=\S+ level=(DEBUG|INFO|WARN) /)
  const last = lines.at(-1) ?? ""
  const [accepted, written, received, returned, dead, inFlight] = [
    "accepted",
    "written",
    "received",
    "returned",
    "dead",
    "inFlight"
  ].map((key) => Number(new RegExp(` ${key}=(\\d+)`).exec(last)?.[1])) as [
    number,
    number,
    number,
    number,
    number,
    number
  ] // as many as there are keys
  assert.equal(inFlight, 0, last)
  assert.equal(accepted, written + received + returned + dead, last)
  return { accepted, written, received, returned, dead }
}

// Without /proc another process cannot be measured: both functions return 0, which passes every check.

const hasProc = existsSync("/proc/self/fd")

const descriptorsOf = (pid: number) => (hasProc ? readdirSync(`/proc/${pid}/fd`).length : 0)

/** `VmRSS` is the current size, `VmHWM` the peak. */
const megabytes = (pid: number, what: "VmRSS" | "VmHWM") =>
  hasProc
    ? Math.round(Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024)
    : 0
