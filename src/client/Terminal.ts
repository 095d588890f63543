import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Readable, Writable } from "node:stream"
import type { Socket, TransportError } from "../transport/Transport.js"
import * as Client from "./Client.js"
import { inOrder, type Ending } from "./Ending.js"
import * as Escape from "./Escape.js"
import * as Received from "./Received.js"
import * as Screen from "./Screen.js"

export interface Options {
  /** Run once there is a login, since a server waits for that only so long. */
  readonly socket: Effect.Effect<Socket, TransportError>
  /** Asked for if absent. */
  readonly login: string | undefined
  readonly input: Readable
  readonly output: Writable
}

/** How long one who leaves waits for what the server still has. */
const leaveTimeout = Duration.seconds(2)

/**
 * The client at a terminal: a line to edit, with history, and above it what comes from the server, escaped. Ctrl-D and
 * Ctrl-C leave. The scope's end gives the terminal back as it was.
 */
export const run = (options: Options): Effect.Effect<Ending, TransportError | Client.Unsendable, Scope.Scope> =>
  Effect.gen(function* () {
    const screen = yield* Screen.make(options.input, options.output)
    const login = options.login === undefined ? yield* screen.readLine("login: ") : Option.some(options.login)
    if (Option.isNone(login)) return { _tag: "Left" }
    // It may be an original a-chat server, which would not confirm the login.
    const client = yield* Client.open({ socket: options.socket, login: login.value, linger: leaveTimeout })

    let left = false
    const incoming = yield* Effect.forkScoped(
      Effect.match(show(client, screen), {
        onFailure: (error): Ending => (left ? { _tag: "Left" } : { _tag: "Lost", error }),
        // A refusal was seen by the person; only one that ended the session is the session's outcome.
        onSuccess: (lastLine) => inOrder(Received.parse(lastLine), left, false)
      })
    )
    const leaving = Effect.gen(function* () {
      yield* sendTyped(client, screen)
      left = true
      yield* screen.close
      yield* client.end
      const ending = yield* Effect.timeoutOption(Fiber.join(incoming), leaveTimeout)
      return Option.getOrElse(ending, (): Ending => ({ _tag: "Left" }))
    })
    const ending = yield* Effect.raceFirst(Fiber.join(incoming), leaving)
    yield* screen.close
    return ending
  })

/** Shows what comes, a read at a time; returns the last line when the server closes in order. */
const show = (client: Client.Client, screen: Screen.Screen): Effect.Effect<string, TransportError> => {
  let lastLine = ""
  return client.lines.pipe(
    Stream.runForEachChunk((lines) =>
      Effect.sync(() => {
        let text = ""
        for (const line of lines) {
          lastLine = line
          text += `${Escape.show(line)}\n`
        }
        screen.print(text)
      })
    ),
    Effect.map(() => lastLine)
  )
}

/** Sends what is typed, line by line, until the person wants to leave. */
const sendTyped = (client: Client.Client, screen: Screen.Screen): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (;;) {
      const line = yield* screen.readLine("> ")
      if (Option.isNone(line)) return
      if (line.value.trim() === "") continue
      yield* client.sendLine(line.value).pipe(
        Effect.catchTags({
          Unsendable: (error) => Effect.sync(() => screen.print(`not sent, ${error.message}\n`)),
          // The receiving half sees the same break, and ends the session.
          TransportError: () => Effect.never
        })
      )
    }
  })
