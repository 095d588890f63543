import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Escape from "../../client/Escape.js"
import type * as Reconnect from "../../client/Reconnect.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Status from "../ExitStatus.js"

/** The server that a command speaks to: its flags, how to get there, and what it means when that fails. */

export const flags = Endpoint.client

export const reconnectFlag = Flags.toggle("no-reconnect", "End when the connection is lost, instead of coming back")

export const answerTimeout = Duration.seconds(5)

export const answerFlag = Flags.duration(
  "timeout",
  { about: "Time to wait for an answer", fallback: Flags.showDuration(answerTimeout) },
  { min: 1, max: 3_600_000 }
)

export const loginFlag = Flags.text("login", "name", { about: "Name to log in with", fallback: "none, it is needed" })

export const login = (given: Option.Option<Flags.Given<string>>): Effect.Effect<string, Status.Failure> =>
  Option.match(given, {
    onNone: () => Status.misused(`a name to log in with is needed: --login, or ${Flags.variable("login")}`),
    onSome: ({ value }) => Effect.succeed(value)
  })

/** The exit status of what went wrong: a connection that was there and is gone, or one that never was. */
export const orFailure = <A, R>(
  effect: Effect.Effect<A, { readonly _tag: string; readonly message: string } | Status.Failure, R>
): Effect.Effect<A, Status.Failure, R> =>
  Effect.mapError(effect, (error) => {
    if (error instanceof Status.Failure) return error
    const status = error._tag === "Gone" ? Status.gone : Status.misuse
    // The words may be the server's.
    return new Status.Failure({ status, message: Escape.show(error.message) })
  })

/** Says on standard error what became of the connection. */
export const tell = (event: Reconnect.Event): Effect.Effect<void> =>
  Effect.sync(() => {
    if (event._tag === "Back") return Status.say("connected again")
    const seconds = (Duration.toMillis(event.delay) / 1000).toFixed(1)
    return Status.say(`${Escape.show(event.why)}; next try in ${seconds} s`)
  })
