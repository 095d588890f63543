import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Readable } from "node:stream"
import * as Delivery from "../../../src/cli/commands/Delivery.js"
import type { Output } from "../../../src/client/Output.js"
import { SimulatedLoop } from "../SimulatedLoop.js"
import { HostileServer } from "./HostileServer.js"
import { withinLoop } from "./Globals.js"
import type { SendSchedule } from "./SendSchedule.js"

/** What `send --json` has printed for one line and recipient. */
export interface Reported {
  readonly line: number
  readonly to: string
  readonly outcome: string
}

export interface SendHistory {
  readonly schedule: SendSchedule
  readonly server: HostileServer
  readonly reported: ReadonlyArray<Reported>
  readonly errors: string
  /** The exit status; undefined if the command never ended. */
  readonly status: number | undefined
  /** A defect, if there was one. */
  readonly defect: string | undefined
  readonly endedAt: number
  /** When the last of the input was read. */
  readonly inputAt: number
}

/** Longer than any run takes: a command that runs then never ends. */
const longestMillis = 600_000

const tick = 25

export const textOf = (line: number) => `text ${line}.`

/** Runs the command with the kept acts. */
export const run = (schedule: SendSchedule, kept: ReadonlyArray<number>): SendHistory => {
  const loop = new SimulatedLoop()
  const { setting } = schedule
  return withinLoop(loop, schedule.seed, () => {
    const server = new HostileServer(
      loop,
      setting,
      kept.flatMap((place) => schedule.acts[place] ?? [])
    )
    loop.poll = () => server.poll()
    const input = new SimulatedInput(loop, setting.lines, setting.pauses)
    const output = new SimulatedOutput()
    const errors = new SimulatedOutput()
    const command = Delivery.withOutcomes(
      {
        socket: server.socket,
        recipients: setting.recipients,
        login: "alice",
        mayRename: setting.mayRename,
        text: undefined,
        timeout: Duration.millis(setting.timeout),
        retries: setting.retries,
        waitFor: Duration.millis(setting.waitFor),
        json: true,
        auto: false,
        join: false,
        untilReceived: false
      },
      { input: input as unknown as Readable, output: output as unknown as Output, errors: errors as unknown as Output }
    )
    let exit: Exit.Exit<number, { readonly status: number }> | undefined = undefined
    const fiber = Effect.runFork(Effect.withClock(Effect.scoped(command), loop.clock), { scheduler: loop.scheduler })
    fiber.addObserver((ended) => (exit = ended))
    const ended = () => exit as Exit.Exit<number, { readonly status: number }> | undefined
    while (ended() === undefined && loop.now < longestMillis) {
      do loop.turns(2)
      while (server.hasMoved || loop.isBusy)
      if (ended() === undefined) loop.pass(tick)
    }
    const result = ended()
    return {
      schedule,
      server,
      reported: output.text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Reported), // the command's own format
      errors: errors.text,
      status: result === undefined ? undefined : statusOf(result),
      defect: result !== undefined && Exit.isFailure(result) ? defectOf(result.cause) : undefined,
      endedAt: loop.now,
      inputAt: input.endedAt
    }
  })
}

const statusOf = (exit: Exit.Exit<number, { readonly status: number }>): number | undefined => {
  if (Exit.isSuccess(exit)) return exit.value
  const failure = Cause.failureOption(exit.cause)
  return failure._tag === "Some" ? failure.value.status : undefined
}

const defectOf = (cause: Cause.Cause<unknown>) => (Cause.isFailure(cause) ? undefined : Cause.pretty(cause))

/** The part of a `Readable` that `Input.read` uses. */
class SimulatedInput {
  readonly errored = null
  readonly destroyed = false
  readableEnded = false
  endedAt = 0
  private chunks: Array<Buffer> = []
  private readonly listeners = new Map<string, Set<() => void>>()

  constructor(loop: SimulatedLoop, lines: number, pauses: ReadonlyMap<number, number>) {
    let at = 1
    for (let line = 0; line < lines; line++) {
      at += pauses.get(line) ?? 0
      const text = textOf(line + 1)
      loop.after(at, () => this.push(Buffer.from(line === lines - 1 ? text : `${text}\n`)))
    }
    loop.after(at + 1, () => {
      this.readableEnded = true
      this.endedAt = loop.now
      this.emit("end")
    })
  }

  private push(chunk: Buffer) {
    this.chunks.push(chunk)
    this.emit("readable")
  }

  private emit(event: string) {
    for (const listener of this.listeners.get(event) ?? []) listener()
  }

  read(): Buffer | null {
    if (this.chunks.length === 0) return null
    const all = Buffer.concat(this.chunks)
    this.chunks = []
    return all
  }

  on(event: string, listener: () => void) {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener))
  }

  off(event: string, listener: () => void) {
    this.listeners.get(event)?.delete(listener)
  }
}

/** The part of a `Writable` that the command uses. */
class SimulatedOutput {
  readonly writableNeedDrain = false
  readonly errored = null
  text = ""

  write(text: string, taken?: () => void): boolean {
    this.text += text
    taken?.()
    return true
  }

  on() {}

  off() {}
}
