import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as KeptRecipients from "../../client/KeptRecipients.js"
import * as Login from "../../client/Login.js"
import { Pace } from "../../client/Pace.js"
import * as Reconnect from "../../client/Reconnect.js"
import type { SendingLink } from "../../client/SendingOptions.js"
import * as Servers from "../../client/Servers.js"
import type { Elsewhere } from "../../client/Servers.js"
import { TransportError, type Socket } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Units from "../settings/Units.js"
import type { LoginSecret } from "./Secrets.js"

/** The login of a command that sends something and ends. */

export interface LoginAttemptsOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  readonly login: string
  readonly secret?: LoginSecret | undefined
  /** Makes another name if `login` is taken. Undefined if no other name is acceptable. */
  readonly alternative: (() => string) | undefined
  /** Whether the client only sends, or also gets messages, with these options. */
  readonly use: "send-only" | Pick<Login.ClientOptions<never, never>, "ack" | "linger" | "to">
  /** Its options about kept lines, and its memory over all its connections. */
  readonly kept?: Pick<Login.ClientOptions<never, never>, "labels" | "once" | "receipts" | "seen" | "seq"> | undefined
  /** Whether messages are marked as coming from a program. */
  readonly auto?: boolean
  /** Total time for all attempts. */
  readonly timeout: Duration.Duration
  /** The number of reconnections. */
  readonly retries: number
}

/**
 * A connection on which lines have outcomes, and its longest line. Fails with `noOutcomes` if the server reports none.
 */
export const labelledLink = (
  loggedIn: LoggedIn,
  job: Pick<LoginAttemptsOptions, "retries" | "timeout"> & { readonly recipients: ReadonlyArray<string> },
  noOutcomes: Effect.Effect<never, ExitStatus.Failure>
): Effect.Effect<{ readonly link: SendingLink; readonly maxLineBytes: number }, ExitStatus.Failure> =>
  Option.match(loggedIn.server, {
    onNone: () => noOutcomes,
    onSome: ({ maxLineBytes, rates }) =>
      Effect.map(keptRecipients(loggedIn, job.recipients, job), (kept) => {
        const { connection, isLoggedOut } = loggedIn
        return { link: { connection, pace: new Pace(rates, performance.now()), kept, isLoggedOut }, maxLineBytes }
      })
  })

/** The recipients with accounts, if the client logged in to one and may send lines again (`once`). */
const keptRecipients = (
  { connection, server }: LoggedIn,
  recipients: ReadonlyArray<string>,
  { retries, timeout }: Pick<LoginAttemptsOptions, "retries" | "timeout">
): Effect.Effect<ReadonlySet<string>> => {
  const isOnce = Option.isSome(server) && server.value.device !== undefined && server.value.words.includes("once")
  if (!isOnce || retries === 0) return Effect.succeed(new Set())
  return KeptRecipients.ask(connection, recipients).pipe(
    Effect.timeoutTo({ duration: timeout, onSuccess: (kept) => kept, onTimeout: nobody }),
    Effect.orElseSucceed(nobody) // the connection has ended, which will soon be reported
  )
}

const nobody = (): ReadonlySet<string> => new Set()

/** Whether a login is that of an account, as far as the client knows. */
export const isOfAccount = (secret: LoginSecret | undefined): boolean =>
  secret?.secret !== undefined || secret?.hasAccount === true

/** A command's first login, or the number of futile ones in a row before this one. */
export type Which = "first" | { readonly inVain: number }

/** A login that was accepted; `server` is none for an original server. */
export interface LoggedIn extends Login.PendingLogin {
  readonly server: Option.Option<Login.Hello>
  /** Whether the server has logged the client out since. */
  readonly isLoggedOut: () => boolean
}

/**
 * Logs in. If the name is taken and there is an alternative, tries that. With `retries`, also tries again if there is
 * no server, if the server ends the connection before the login, or if it allows another attempt; but first tries each
 * of the other servers once.
 */
export const logIn = (
  options: LoginAttemptsOptions,
  which: Which
): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
  let failure: ExitStatus.Failure | undefined = undefined
  const { alternative, auto, elsewhere, kept, retries, secret, timeout, use } = options
  const others = elsewhere?.others ?? 0
  const leave = elsewhere?.leave ?? Effect.void
  let untried = others
  const connect = (login: string) =>
    discardingFailed(options.socket, (socket, discard) =>
      Effect.gen(function* () {
        const started = yield* Login.start({
          socket,
          login,
          auto,
          ...secret,
          ...kept,
          ...(use === "send-only" ? {} : use)
        })
        let isLoggedOut = false
        // Watches from before the login until the end of the connection: such a line may arrive during another request.
        const see = (line: string) => void (isLoggedOut ||= line.startsWith("! logged-out "))
        yield* Effect.forkScoped(Effect.ignore(started.connection.ask<never, never>("", see)))
        const server = yield* use === "send-only" ? Login.greetOnlySending(started) : Login.greetFirst(started)
        if (Option.isSome(server)) return { ...started, server, isLoggedOut: () => isLoggedOut }
        // An original server took the first line for the login.
        yield* discard
        const plain = yield* Login.start({ socket, login })
        return { ...plain, server: yield* Login.greet(plain), isLoggedOut: () => false }
      })
    ).pipe(others === 0 ? (self) => self : inPartOf(timeout, others + 1))
  const attempt = (
    login: string,
    names: number,
    tries: number
  ): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
    const again = (error: Login.LoginRefused | TransportError, millis: number | undefined) => {
      failure = ExitStatus.asMisuse(error)
      if (untried > 0 && elsewhere !== undefined && Servers.mayTake(elsewhere, error)) {
        untried -= 1
        const next = Effect.flatMap(Servers.pause, (pause) => Effect.delay(attempt(login, names, tries), pause))
        return Effect.zipRight(leave, next)
      }
      if (millis === undefined || tries >= retries) return Effect.fail(failure)
      return Effect.zipRight(leave, Effect.delay(attempt(login, names, tries + 1), millis))
    }
    return connect(login).pipe(
      Effect.catchTags({
        Unsendable: (error) => Effect.fail(ExitStatus.asMisuse(error)),
        LoginRefused: (refused) => {
          if (refused.code === "login-in-use" && alternative !== undefined && names < maxNames) {
            return attempt(alternative(), names + 1, tries)
          }
          // After a lost connection, the server may not have noticed its end yet.
          const mayPass = which !== "first" && Reconnect.mayPass(refused)
          return again(refused, refused.retryMillis ?? (mayPass ? reconnectMillis(tries) : undefined))
        },
        TransportError: (error) => again(error, isPassing(error) ? reconnectMillis(tries) : undefined)
      })
    )
  }
  const attempts = attempt(options.login, 0, 0)
  const all = which === "first" ? attempts : Effect.zipRight(leave, attempts)
  // A server that ends every connection must not be reconnected to without a pause.
  const pause = which === "first" || which.inVain === 0 ? 0 : reconnectMillis(which.inVain - 1)
  return Effect.timeoutFail(all, {
    duration: timeout,
    onTimeout: () =>
      failure ??
      ExitStatus.asMisuse({
        message: `no reply for ${Units.showDuration(timeout)}; is the name in use, or is the server restarting?`
      })
  }).pipe(Effect.delay(pause))
}

/**
 * Runs an attempt that opens sockets. If it fails, its sockets and finalizers are released immediately rather than at
 * the end of the command, which may retry for days. No message has been sent, so there is no reason to wait for an
 * orderly end.
 */
const discardingFailed = <A, E>(
  open: Effect.Effect<Socket, TransportError>,
  attempt: (
    socket: Effect.Effect<Socket, TransportError>,
    discard: Effect.Effect<void>
  ) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
      let latest: Socket | undefined = undefined
      const discard = Effect.sync(() => latest?.destroy())
      const socket = Effect.tap(open, (made) => Effect.sync(() => (latest = made)))
      return yield* restore(attempt(socket, discard)).pipe(
        Scope.extend(scope),
        Effect.onError((cause) => Effect.zipRight(discard, Scope.close(scope, Exit.failCause(cause))))
      )
    })
  )

/** A server that accepts connections but answers none must leave time for the others. */
const inPartOf =
  (timeout: Duration.Duration, servers: number) =>
  <A, E, R>(login: Effect.Effect<A, E, R>): Effect.Effect<A, E | TransportError, R> => {
    const duration = Duration.min(longestLogin, Duration.times(timeout, 1 / servers))
    const reason = `the server did not accept the login within ${Units.showDuration(duration)}`
    return Effect.timeoutFail(login, {
      duration,
      onTimeout: () => new TransportError({ during: "Connect", reason })
    })
  }

const longestLogin = Duration.seconds(10)

/** Whether another attempt may succeed: there is no server yet, or the connection broke before the login. */
const isPassing = ({ code, during }: TransportError) =>
  during !== "Connect" || ["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE"].includes(code ?? "")

/** The delay before the next attempt to connect: doubled up to 2 s, and shortened at random by up to a half. */
const reconnectMillis = (tries: number) => Math.min(2000, 100 * 2 ** tries) * (0.5 + Math.random() / 2)

/** The number of alternative names to try. */
const maxNames = 5
