import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schedule from "effect/Schedule"
import * as Server from "../../src/chat/Server.js"
import type { Display } from "../../src/terminal/Display.js"
import * as TerminalClient from "../../src/terminal/TerminalClient.js"
import * as Memory from "../../src/ports/Memory.js"
import type { Socket, TransportError } from "../../src/ports/Transport.js"
import { eventually } from "./Eventually.js"
import * as TerminalEmulator from "./TerminalEmulator.js"

export const ctrl = (letter: string) => String.fromCodePoint((letter.codePointAt(0) ?? 0) & 0x1f)

export const enter = "\r"
export const tab = "\t"
export const up = "\x1b[A"

export const paste = (text: string) => `\x1b[200~${text}\x1b[201~`

export const display: Display = { colours: "none", unicode: true, reflow: "all" }

export interface TerminalOptions
  extends
    TerminalEmulator.Options,
    Partial<Omit<TerminalClient.TerminalClientOptions, "input" | "output" | "socket">> {}

/** Starts the terminal client on an emulated terminal. */
export const openTerminal = (
  socket: Effect.Effect<Socket, TransportError>,
  { columns, rows, ...options }: TerminalOptions = {}
) =>
  Effect.gen(function* () {
    const terminal = TerminalEmulator.streams({ columns: columns ?? 80, rows: rows ?? 24, ...options })
    const session = yield* Effect.forkScoped(
      Effect.scoped(
        TerminalClient.run({
          where: "memory",
          login: "alice",
          display,
          bell: "on",
          history: undefined,
          backoff: Schedule.spaced("10 millis"),
          ...options,
          socket,
          input: terminal.input,
          output: terminal.output
        })
      )
    )
    return { ...terminal, ended: Fiber.join(session) }
  })

/** An in-memory network, on which a test can stop and start servers. */
export const chat = Effect.gen(function* () {
  const network = yield* Memory.make()
  const serve = (options: Partial<Server.StandaloneOptions> = {}) =>
    Effect.provide(Server.start({ listen: [network.listen], ...options }), Logger.minimumLogLevel(LogLevel.None))
  let last: Memory.MemorySocket | undefined = undefined
  let heard = ""
  const socket = Effect.map(network.connect, (connected) => {
    const attach = connected.attach.bind(connected)
    connected.attach = (events) =>
      attach({
        ...events,
        data: (bytes) => {
          heard += Buffer.from(bytes).toString("latin1")
          events.data(bytes)
        }
      })
    return (last = connected)
  })
  return {
    socket: network.connect,
    person: socket,
    /** Waits until the server has sent that to the person. */
    personHears: (text: string) => eventually(() => heard.includes(text), `the server did not send ${text}`),
    reset: Effect.sync(() => last?.reset()),
    serve
  }
})
