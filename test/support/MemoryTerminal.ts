import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as LogLevel from "effect/LogLevel"
import * as Logger from "effect/Logger"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Server from "../../src/chat/Server.js"
import * as Client from "../../src/client/Client.js"
import * as Memory from "../../src/ports/Memory.js"
import type { Socket, TransportError } from "../../src/ports/Transport.js"
import type { Display } from "../../src/terminal/Display.js"
import * as TerminalClient from "../../src/terminal/TerminalClient.js"
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

/** Alice at the terminal, and bob, in one chat. */
export const aliceAndBob = (options: TerminalOptions = {}) =>
  Effect.gen(function* () {
    const { person, personHears, serve, socket } = yield* chat
    yield* serve()
    const alice = yield* openTerminal(person, options)
    yield* alice.sees("connected to memory as alice")
    const bob = yield* Client.connect({ socket, login: "bob" })
    // Until then, a message to him could be a typing mistake.
    yield* personHears("* joined bob:")
    // Bob reads on: messages to a client that has stopped reading have no outcome.
    const heard = yield* Queue.unbounded<string>()
    yield* Effect.forkScoped(Stream.runForEach(bob.lines, (line) => Queue.offer(heard, line)))
    const hears = (count: number) => Effect.map(Queue.takeN(heard, count), (all) => [...all])
    // He says that he acknowledges once he reads. The second answer comes after the server knows it.
    for (const text of ["one", "two"]) {
      yield* bob.sendLine(`/ping ${text}`)
      assert.deepStrictEqual(yield* hears(1), [`* pong: ${text}`])
    }
    return { alice, bob, hears, socket }
  })
