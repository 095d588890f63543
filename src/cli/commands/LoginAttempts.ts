import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Login from "../../client/Login.js"
import * as Reconnect from "../../client/Reconnect.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Units from "../settings/Units.js"

/** The login of a command that sends something and ends. */

export interface LoginAttemptsOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly login: string
  /** Makes another name, if `login` is taken. Undefined if no other name is acceptable. */
  readonly alternative: (() => string) | undefined
  /** What the client asks of the server: to send only, or the outcomes and messages that come to its name. */
  readonly use: "send-only" | Pick<Login.ClientOptions<never, never>, "ack" | "linger" | "to">
  /** Whether messages are marked as those of a program. */
  readonly auto?: boolean
  /** Time for all attempts together. */
  readonly timeout: Duration.Duration
  /** How often to connect again. */
  readonly retries: number
}

/** A login that was accepted; `server` is none for an original server. */
export interface LoggedIn extends Login.PendingLogin {
  readonly server: Option.Option<Login.Hello>
}

/**
 * Logs in. Tries another name if one is taken for which there is an alternative. With `retries` also tries again if there
 * is no server, if the server ends the connection before the login, or if it allows another try.
 */
export const logIn = (
  options: LoginAttemptsOptions,
  which: "first" | "again"
): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
  let connected: Socket | undefined = undefined
  let failure: ExitStatus.Failure | undefined = undefined
  const { alternative, auto, retries, timeout, use } = options
  const socket = Effect.tap(options.socket, (socket) => Effect.sync(() => (connected = socket)))
  const discard = Effect.sync(() => connected?.destroy())
  const attempt = (
    login: string,
    names: number,
    tries: number
  ): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
    const again = (error: Login.LoginRefused | TransportError, millis: number | undefined) => {
      failure = ExitStatus.asMisuse(error)
      if (millis === undefined || tries >= retries) return Effect.fail(failure)
      return Effect.zipRight(discard, Effect.delay(attempt(login, names, tries + 1), millis))
    }
    return Effect.gen(function* () {
      const started = yield* Login.start({ socket, login, auto, ...(use === "send-only" ? {} : use) })
      const server = yield* use === "send-only" ? Login.greetOnlySending(started) : Login.greetFirst(started)
      if (Option.isSome(server)) return { ...started, server }
      // An original server took the first line for the login.
      yield* discard
      const plain = yield* Login.start({ socket, login })
      return { ...plain, server: yield* Login.greet(plain) }
    }).pipe(
      Effect.catchTags({
        Unsendable: (error) => Effect.fail(ExitStatus.asMisuse(error)),
        LoginRefused: (refused) => {
          if (refused.code === "login-in-use" && alternative !== undefined && names < maxNames) {
            return attempt(alternative(), names + 1, tries)
          }
          // After a lost connection, the server may not have noticed its end yet.
          const mayPass = which === "again" && Reconnect.mayPass(refused)
          return again(refused, refused.retryMillis ?? (mayPass ? reconnectMillis(tries) : undefined))
        },
        TransportError: (error) => again(error, isPassing(error) ? reconnectMillis(tries) : undefined)
      })
    )
  }
  return Effect.timeoutFail(attempt(options.login, 0, 0), {
    duration: timeout,
    onTimeout: () =>
      failure ??
      ExitStatus.asMisuse({
        message: `no reply for ${Units.showDuration(timeout)}; is the name in use, or is the server restarting?`
      })
  }).pipe(
    // No message has been sent yet, so there is nothing for an orderly end to wait for.
    Effect.tapError(() => discard)
  )
}

/** Whether another try may succeed: there is no server yet, or the connection broke before the login. */
const isPassing = ({ code, during }: TransportError) =>
  during !== "Connect" || ["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE"].includes(code ?? "")

/** The delay before the next attempt to connect: doubled up to 2 s, and shortened at random by up to a half. */
const reconnectMillis = (tries: number) => Math.min(2000, 100 * 2 ** tries) * (0.5 + Math.random() / 2)

/** The number of alternative names to try. */
const maxNames = 5
