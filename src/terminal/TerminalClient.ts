import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Backoff from "../client/Backoff.js"
import type * as Client from "../client/Client.js"
import * as Encode from "../client/Encode.js"
import type { ExitReason } from "../client/ExitReason.js"
import * as Reconnect from "../client/Reconnect.js"
import * as Time from "../ports/Time.js"
import type { Socket, TransportError } from "../ports/Transport.js"
import * as Format from "./Format.js"
import * as OneConnection from "./OneConnection.js"
import * as Ui from "./Ui.js"

export interface TerminalClientOptions extends Ui.UiOptions {
  /** Opens a connection. Run once for each connection. */
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The server's address, for people. */
  readonly where: string
  /** If undefined, the user is asked for it. */
  readonly login: string | undefined
  /** Delays between attempts to reconnect; `Backoff.schedule` by default. */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
}

/** A connection that lasted this long was stable: after it, the delays start from the shortest again. */
const stableMillis = 30_000

/** How long leaving waits for outcomes. */
const outcomeTimeout = Duration.seconds(2)

/** How long leaving then waits for the server to close. */
const endTimeout = Duration.seconds(1)

const left: ExitReason = { _tag: "Left" }

/**
 * The client at a terminal, from the login to the end, over any number of connections. Ctrl-D, Ctrl-C and `/quit`
 * leave. Closing the scope restores the terminal.
 *
 * Fails if the first connection fails; later ones are retried without end.
 */
export const run = (
  options: TerminalClientOptions
): Effect.Effect<ExitReason, TransportError | Client.Unsendable, Scope.Scope> =>
  Effect.gen(function* () {
    const ui = yield* Ui.make(options)
    const login = options.login ?? (yield* askLogin(ui))
    if (login === undefined) return left
    yield* Effect.addFinalizer(() => Effect.sync(() => ui.composer.showRest()))
    return yield* Effect.raceFirst(listen(ui), stay(ui, login, options))
  })

const askLogin = ({ logins, marks, prompt, screen, transcript }: Ui.Ui): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    prompt.asksLogin = true
    screen.changed()
    for (;;) {
      const answer = yield* Effect.option(logins.take)
      if (Option.isNone(answer)) return undefined
      const login = answer.value.trim()
      const wrong = yield* Effect.option(Effect.flip(Encode.login(login))) // checked before connecting
      if (Option.isNone(wrong)) {
        prompt.asksLogin = false
        return login
      }
      transcript.print(Format.failed(`${wrong.value.message}; start with a letter or a digit`, marks))
    }
  })

/** Keeps a history of what the user enters until the user wants to leave, then waits for outcomes. */
const listen = (ui: Ui.Ui): Effect.Effect<ExitReason> =>
  Effect.gen(function* () {
    const { composer, entered, hurried, remember, screen, settled } = ui
    for (;;) {
      const line = yield* Effect.option(entered.take)
      if (Option.isNone(line)) break
      yield* remember(line.value)
    }
    composer.isLeaving = true
    screen.changed()
    const outcomes = Effect.whileLoop({
      while: () => {
        settled.unsafeClose() // before the check, so that no outcome between check and wait is missed
        return composer.phase._tag === "Here" && composer.outgoing.size > composer.outgoing.count("unknown")
      },
      body: () => settled.await,
      step: () => {}
    })
    yield* Effect.raceFirst(outcomes, Deferred.await(hurried)).pipe(Effect.timeoutOption(outcomeTimeout))
    yield* screen.close
    if (composer.phase._tag === "Here") yield* Effect.zipRight(composer.phase.end, Effect.sleep(endTimeout))
    return left
  })

/** Runs one connection after another until the server refuses the login permanently. */
const stay = (ui: Ui.Ui, login: string, options: TerminalClientOptions) =>
  Effect.gen(function* () {
    const { composer, marks, screen, serverLines, transcript } = ui
    const waits = yield* Schedule.driver(options.backoff ?? Backoff.schedule)
    const away = (why: string) => {
      composer.phase = { _tag: "Away", why }
      screen.changed()
    }
    away(`connecting to ${options.where}`)
    let isFirst = true
    for (;;) {
      const startedAt = yield* Time.now
      const result = yield* Effect.either(Effect.scoped(OneConnection.run(ui, { ...options, login })))
      if (result._tag === "Right") {
        isFirst = false
        if (composer.isLeaving) return left
        transcript.print(Format.failed(result.right, marks))
        if ((yield* Time.now) - startedAt > stableMillis) yield* waits.reset
      } else if (result.left._tag === "LoginRefused") {
        if (isFirst || !Reconnect.mayPass(result.left)) {
          transcript.print(Format.failed(result.left.message, marks))
          return { _tag: "Refused" } as const
        }
      } else if (isFirst) return yield* Effect.fail(result.left)
      const why = result._tag === "Left" ? ` ${marks.dash} ${result.left.message}` : ""
      away(`trying again; your lines are kept${why}`)
      // A server that shut down has announced a different delay to each client; it replaces the first delay.
      const millis = serverLines.returnMillis
      serverLines.returnMillis = undefined
      yield* millis === undefined ? Effect.orDie(waits.next(undefined)) : Effect.sleep(millis) // the schedule never ends
    }
  })
