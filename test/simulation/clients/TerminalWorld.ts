import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import type { TerminalInput, TerminalOutput } from "../../../src/terminal/Screen.js"
import * as TerminalClient from "../../../src/terminal/TerminalClient.js"
import { SimulatedLoop } from "../SimulatedLoop.js"
import { withinLoop } from "./Globals.js"
import { HostileServer } from "./HostileServer.js"
import type { ServerAct } from "./ServerActs.js"
import { TerminalKeyboard, TerminalScreen } from "./TerminalScreen.js"
import { keys, type TerminalSchedule, type UserAct } from "./TerminalSchedule.js"

/** A line that the user has typed. */
export interface Typed {
  readonly text: string
  readonly to: ReadonlyArray<string>
  readonly at: number
}

export interface TerminalHistory {
  readonly schedule: TerminalSchedule
  readonly server: HostileServer
  /** In the order typed. */
  readonly typed: ReadonlyArray<Typed>
  /** When the user asked to send the lines again whose outcome is unknown. */
  readonly resentAt: ReadonlyArray<number>
  /** What was to be seen long after the last act, and when; undefined if the client had ended before. */
  readonly atRest: { readonly shown: ReadonlyArray<string>; readonly at: number } | undefined
  /** What was to be seen at the end. */
  readonly shown: ReadonlyArray<string>
  /** When the user left; undefined if the client ended before. */
  readonly leftAt: number | undefined
  /** When the client ended; undefined if it did not. */
  readonly endedAt: number | undefined
  /** A defect, if there was one. */
  readonly defect: string | undefined
}

/**
 * After the last act: long enough to notice a dead connection, connect again after the longest delay, and release held
 * lines.
 */
const restMillis = 240_000

/** After the user has left. */
const leaveMillis = 20_000

/** Runs the client at the terminal with the kept acts. */
export const run = (schedule: TerminalSchedule, kept: ReadonlyArray<number>): TerminalHistory => {
  const loop = new SimulatedLoop()
  return withinLoop(loop, schedule.seed, () => {
    const acts = kept.flatMap((place) => {
      const act = schedule.acts[place]
      return act === undefined ? [] : [{ place, act }]
    })
    const byServer = acts.flatMap(({ act }) => (isByUser(act) ? [] : [act]))
    const server = new HostileServer(loop, schedule.setting, byServer)
    loop.poll = () => server.poll()
    loop.isMoving = () => server.hasMoved
    const screen = new TerminalScreen()
    const keyboard = new TerminalKeyboard()
    const client = TerminalClient.run({
      input: keyboard as unknown as TerminalInput,
      output: screen as unknown as TerminalOutput,
      display: { colours: "none", unicode: true, reflow: "all" },
      bell: "off",
      history: undefined,
      where: "sim",
      login: "alice",
      socket: server.socket
    })
    let ended: { readonly exit: Exit.Exit<unknown, unknown>; readonly at: number } | undefined = undefined
    const fiber = Effect.runFork(
      Effect.scoped(client).pipe(Effect.withClock(loop.clock), Effect.withRandom(Random.make(schedule.seed))),
      { scheduler: loop.scheduler }
    )
    fiber.addObserver((exit) => (ended = { exit, at: loop.now }))

    const typed: Array<Typed> = []
    const resentAt: Array<number> = []
    let leftAt: number | undefined = undefined
    const isOver = () => ended !== undefined || leftAt !== undefined
    const press = (text: string) => {
      keyboard.press(text)
      loop.settle()
    }
    const does = (act: UserAct, place: number) => {
      if (!isOver() && screen.prompt.startsWith("login: ")) press("alice\r")
      if (isOver() || screen.prompt.startsWith("login: ")) return
      if (act.on === "key") {
        if (act.key === "resend") resentAt.push(loop.now)
        if (act.key === "leave") leftAt = loop.now
        return press(keys[act.key])
      }
      for (let line = 0; line < act.lines; line++) {
        const text = `text ${place}.${line}`
        typed.push({ text, to: act.to, at: loop.now })
        press(`${act.to.join(", ")}: ${text}\r`)
        // The client doubts names that it has not seen yet.
        if (screen.shown.some((row) => row.startsWith("Enter sends it to"))) press("\r")
      }
    }
    for (const { act, place } of acts) if (isByUser(act)) loop.after(act.at, () => does(act, place))

    const lastAt = Math.max(0, ...acts.map(({ act }) => ("at" in act ? act.at : 0)))
    loop.pass(lastAt + restMillis)
    const atRest = isOver() ? undefined : { shown: screen.shown, at: loop.now }
    if (!isOver()) {
      leftAt = loop.now
      press(keys.leave)
    }
    loop.pass(leaveMillis)
    const end = ended as { readonly exit: Exit.Exit<unknown, unknown>; readonly at: number } | undefined
    Effect.runFork(Fiber.interrupt(fiber), { scheduler: loop.scheduler })
    loop.pass(leaveMillis)
    return {
      schedule,
      server,
      typed,
      resentAt,
      atRest,
      shown: screen.shown,
      leftAt,
      endedAt: end?.at,
      defect: end === undefined || !Exit.isFailure(end.exit) ? undefined : defectOf(end.exit.cause)
    }
  })
}

const isByUser = (act: ServerAct | UserAct): act is UserAct => act.on === "typing" || act.on === "key"

const defectOf = (cause: Cause.Cause<unknown>) => (Cause.isFailure(cause) ? undefined : Cause.pretty(cause))
