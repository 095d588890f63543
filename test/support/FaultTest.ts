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

/** The program under a fault, with all that can be seen of it from outside. */
export interface ServerUnderFault extends Program.Program {
  readonly address: Address
  readonly port: number
  readonly connect: Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  readonly join: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  readonly greet: (name: string) => Effect.Effect<WireClient.WireClient, string, Scope.Scope>
  /** How many connections it has logged as closed for a reason. */
  readonly closings: (reason: CloseReason) => number
  /** Waits until it has logged so many. */
  readonly closed: (count: number, reason: CloseReason) => Effect.Effect<void>
}

/** The account that the program logs at its end, of everything that the clients said. */
export interface Account {
  readonly accepted: number
  readonly written: number
  readonly returned: number
  readonly dead: number
}

export interface FaultTestOptions {
  readonly args?: ReadonlyArray<string>
  readonly before?: string
  /** Where it listens; its clients come by 127.0.0.1. */
  readonly host?: string
  /** Its port speaks TLS with this certificate, which is one of the tests' for this machine. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Why it cannot be done on this machine; undefined if it can. */
  readonly impossible?: string | undefined
  /** How much memory the process may take at its peak, in MB. */
  readonly peakMegabytes?: number
}

/** What a fault leaves to be checked when the program has ended: its own account of the lines, without the bystander's. */
export type Verdict = (account: Account) => void

/** Round trips of somebody who has nothing to do with the fault, in milliseconds: generous, for machines at work. */
const bounds = { p99: 500, worst: 5_000 }

/**
 * A named fault, on a program of its own. Whatever the fault is: a bystander is served all the while; in the end the
 * descriptors are those of the beginning, the peak of the memory is bounded, the account is even, the log has neither an
 * error nor a defect, and the program ends with 0. The figures are an annotation of the test (`--reporter=verbose`).
 */
export const faultTest = (
  name: string,
  options: FaultTestOptions,
  body: (server: ServerUnderFault) => Effect.Effect<Verdict | void, unknown, Scope.Scope>
) =>
  it.scopedLive(name, (context) =>
    Effect.gen(function* () {
      if (options.impossible !== undefined) return context.skip(options.impossible)
      const { args = [], before, host = "127.0.0.1", peakMegabytes = 160, tls } = options
      // What happened is counted in the log.
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
      const account = finalLedger(errors)
      // The bystander's lines are written each time, and nobody's business here.
      const own = { ...account, accepted: account.accepted - trips.length, written: account.written - trips.length }
      const [p99, worst] = [trips[Math.floor(trips.length * 0.99)] ?? 0, trips.at(-1) ?? 0]
      const figures = [
        `bystander: p99 ${p99.toFixed(1)} ms, worst ${worst.toFixed(1)} ms of ${trips.length}`,
        `memory: ${resident} MB, peak ${peak} MB`,
        `account: ${own.accepted} = ${own.written} + ${own.returned} + ${own.dead}`
      ]
      yield* Effect.promise(() => context.annotate(figures.join("; ")))
      assert.equal(status, 0, errors.slice(-500))
      assert.ok(p99 < bounds.p99 && worst < bounds.worst, "the bystander had to wait")
      assert.ok(peak <= peakMegabytes, "it took too much memory")
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

/** Everything that has come to a client, up to now. */
export const received = (client: WireClient.WireClient): Effect.Effect<ReadonlyArray<string>> =>
  Effect.zipRight(client.send("/ping all\n"), client.takeUntil("* pong: all"))

/** A client that writes to itself all the while; `stop` gives its round trips, sorted. */
const watch = ({ address }: ServerUnderFault) =>
  Effect.gen(function* () {
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("bystander-worker.mjs", import.meta.url), { workerData: address })),
      (worker) => Effect.promise(() => worker.terminate())
    )
    // What goes wrong there is told by whoever waits for it here.
    const says = Effect.tryPromise<ReadonlyArray<unknown>>(() => once(worker, "message"))
    yield* says
    const stop = Effect.suspend(() => {
      worker.postMessage("stop")
      return Effect.map(says, ([trips]) => Float64Array.from(trips as ReadonlyArray<number>).toSorted())
    })
    return { stop }
  })

/** The account in the last line of a log that must have neither an error nor anything that is no event. */
export const finalLedger = (log: string): Account => {
  const lines = log.trimEnd().split("\n")
  for (const line of lines) assert.match(line, /^timestamp=\S+ level=(DEBUG|INFO|WARN) /)
  const last = lines.at(-1) ?? ""
  const [accepted, written, returned, dead, inFlight] = ["accepted", "written", "returned", "dead", "inFlight"].map(
    (key) => Number(new RegExp(` ${key}=(\\d+)`).exec(last)?.[1])
  ) as [number, number, number, number, number] // as many as there are names
  assert.equal(inFlight, 0, last)
  assert.equal(accepted, written + returned + dead, last)
  return { accepted, written, returned, dead }
}

// Where there is no /proc nothing tells of another process: then both are 0, and not looked at.

const hasProc = existsSync("/proc/self/fd")

const descriptorsOf = (pid: number) => (hasProc ? readdirSync(`/proc/${pid}/fd`).length : 0)

/** `VmRSS` is what it takes now, `VmHWM` what it took at its peak. */
const megabytes = (pid: number, what: "VmRSS" | "VmHWM") =>
  hasProc
    ? Math.round(Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024)
    : 0
