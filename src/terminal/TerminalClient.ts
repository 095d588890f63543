import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Backoff from "../client/Backoff.js"
import type { ConnectionEnd } from "../client/ConnectionEnd.js"
import type * as Client from "../client/Client.js"
import * as Encode from "../client/Encode.js"
import type { ExitReason } from "../client/ExitReason.js"
import type { Keyring } from "../client/Keyring.js"
import * as Labels from "../client/Labels.js"
import { LastSeen } from "../client/LastSeen.js"
import * as Reconnect from "../client/Reconnect.js"
import * as Servers from "../client/Servers.js"
import type { Elsewhere } from "../client/Servers.js"
import * as Time from "../ports/Time.js"
import type { Socket, TransportError } from "../ports/Transport.js"
import * as Format from "./Format.js"
import * as OneConnection from "./OneConnection.js"
import * as Ui from "./Ui.js"

export interface TerminalClientOptions extends Ui.UiOptions {
  /** Opens a connection. Run once for each connection. */
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  /** If undefined, the user is asked for it. */
  readonly login: string | undefined
  /** The secrets of a login; by default the user is asked for each password that the server requires. */
  readonly keyring?: ((login: string) => Keyring<{ readonly message: string }>) | undefined
  /** Whether the client has a certificate, which may be that of an account. */
  readonly hasAccount?: boolean | undefined
  /** The login if the user answers that question with Enter alone. */
  readonly defaultLogin?: string | undefined
  /** Delays between attempts to reconnect; `Backoff.schedule` by default. */
  readonly backoff?: Schedule.Schedule<unknown> | undefined
}

/** How long leaving waits for outcomes. */
const outcomeTimeout = Duration.seconds(2)

/** How long leaving then waits for the server to close the connection. */
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
    const login = options.login ?? (yield* askLogin(ui, options.defaultLogin))
    if (login === undefined) return left
    yield* Effect.addFinalizer(() => Effect.sync(() => ui.composer.showRest()))
    return yield* Effect.raceFirst(listen(ui), stay(ui, login, options))
  })

/** Asks for the password of a login without echoing it. Undefined if the user does not want to answer. */
const askSecret = ({ prompt, screen, secrets }: Ui.Ui, login: string): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    prompt.askSecret(`password of ${login}`)
    screen.changed()
    return Option.getOrUndefined(yield* Effect.option(secrets.take))
  })

const askLogin = (
  { logins, marks, prompt, screen, transcript }: Ui.Ui,
  suggested: string | undefined
): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    prompt.askLogin(suggested)
    screen.changed()
    for (;;) {
      const answer = yield* Effect.option(logins.take)
      if (Option.isNone(answer)) return undefined
      const login = answer.value.trim()
      const wrong = yield* Effect.option(Effect.flip(Encode.login(login))) // checked before connecting
      if (Option.isNone(wrong)) {
        prompt.askLogin(undefined, false)
        return login
      }
      const { message, reason } = wrong.value
      const advice = reason === "LoginWithSecret" ? "write the name alone" : "start with a letter or a digit"
      transcript.print(Format.failed(`${message}; ${advice}`, marks))
    }
  })

/** Keeps a history of what the user enters until the user wants to leave, then waits for outcomes. */
const listen = (ui: Ui.Ui): Effect.Effect<ExitReason> =>
  Effect.gen(function* () {
    const { composer, entered, hurried, prompt, remember, screen, settled } = ui
    for (;;) {
      const line = yield* Effect.option(entered.take)
      if (Option.isNone(line)) break
      yield* remember(line.value)
    }
    if (prompt.asksLogin) return yield* Effect.never // `stay` returns that the login was refused
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

/**
 * Runs one connection after another until the server refuses the login permanently, and the user leaves instead of
 * choosing another.
 */
const stay = (ui: Ui.Ui, firstLogin: string, options: TerminalClientOptions) =>
  Effect.gen(function* () {
    const { composer, marks, serverLines, transcript } = ui
    let login = firstLogin
    const wait = yield* waiting(ui, options)
    showAway(ui, `connecting to ${options.where}`)
    let isFirst = true
    const { elsewhere } = options
    let untried = elsewhere?.others ?? 0
    /** Whether another server may accept a client that was never connected. */
    const mayMove = (error: TransportError | Client.LoginRefused) =>
      elsewhere !== undefined && untried-- > 0 && Servers.mayTake(elsewhere, error)
    const report = (error: { readonly message: string }) =>
      Effect.sync(() => transcript.print(Format.failed(error.message, marks)))
    const keyring = () => options.keyring?.(login)
    /** The secret that is kept, or available without asking the user. */
    const find = Effect.suspend(() =>
      Effect.catchAll(keyring()?.find ?? Effect.succeed(undefined), (error) => Effect.as(report(error), undefined))
    )
    yield* Effect.forkScoped(keepTokens(ui, () => keyring(), report))
    let found = yield* find
    let memory = newMemory()
    for (;;) {
      const startedAt = yield* Time.now
      let upMillis = 0
      const secret = found && Effect.succeed(found.secret)
      const insecure = keyring()?.insecure ?? false
      const isOfAccount = secret !== undefined || (options.hasAccount ?? false)
      const { seen } = memory
      const labels = isOfAccount ? memory.labels : undefined
      const one = { ...options, login, secret, insecure, seen, labels }
      const result = yield* Effect.either(Effect.scoped(OneConnection.run(ui, one)))
      let reason = ""
      let retryMillis: number | undefined = undefined
      if (result._tag === "Right") {
        isFirst = false
        if (composer.isLeaving) return left
        transcript.print(Format.failed(result.right, marks))
        if (serverLines.isLoggedOut) {
          const next = yield* askLogin(ui, login)
          if (next === undefined) return left
          if (next !== login) memory = newMemory()
          login = next
          found = yield* find
          showAway(ui, `connecting to ${options.where}`)
          continue
        }
        upMillis = (yield* Time.now) - startedAt
      } else if (result.left._tag === "LoginRefused") {
        const { code, message } = result.left
        retryMillis = result.left.retryMillis
        if (code === "wrong-password" && found?.isKeptToken === true) {
          yield* keyring()?.forget ?? Effect.void
          found = yield* find
          if (found !== undefined) continue
        }
        if (code === "password-required" && found === undefined) {
          // The user has registered on the last connection, and the token is kept since then.
          found = yield* find
          if (found !== undefined) continue
        }
        if (code === "password-required" || code === "wrong-password") {
          if (code === "wrong-password") transcript.print(Format.failed(message, marks))
          const password = yield* askSecret(ui, login)
          if (password !== undefined) {
            showAway(ui, `connecting to ${options.where}`)
            const enter = keyring()?.enter(password) ?? Effect.succeed(password)
            // A wrong password is reported at the login.
            const entered = yield* Effect.catchAll(enter, () => Effect.succeed(password))
            found = { secret: entered, isKeptToken: false }
            continue
          }
        }
        // After a break, the server may not have noticed yet that the previous connection has ended.
        const mayPass = isFirst ? retryMillis !== undefined : Reconnect.mayPass(result.left)
        if (isFirst || !mayPass) transcript.print(Format.failed(message, marks))
        if (isFirst && mayPass && !mayMove(result.left)) return { _tag: "Refused" } as const // the server is full
        if (!mayPass) {
          const next = yield* askLogin(ui, undefined)
          if (next === undefined) return { _tag: "Refused" } as const
          if (next !== login) memory = newMemory()
          login = next
          found = yield* find
          showAway(ui, `connecting to ${options.where}`)
          continue
        }
        reason = message
      } else if (isFirst && (result.left._tag === "Unsendable" || !mayMove(result.left))) {
        return yield* Effect.fail(result.left)
      } else reason = result.left.message
      const { returnMillis } = serverLines
      serverLines.returnMillis = undefined
      yield* elsewhere?.leave ?? Effect.void
      yield* wait({ upMillis, returnMillis, retryMillis, hasTriedAll: elsewhere?.hasTriedAll() }, reason)
    }
  })

/** What a client remembers over all the connections of one login. */
const newMemory = () => ({ seen: new LastSeen(), labels: Labels.unique() })

/** Fetches a token for each new password of the user, so that the next login need not ask for it. */
const keepTokens = (
  { passwords }: Ui.Ui,
  keyring: () => Keyring<unknown> | undefined,
  report: (error: { readonly message: string }) => Effect.Effect<void>
) =>
  passwords.take.pipe(
    Effect.flatMap((password) => Effect.catchAll(keyring()?.enter(password) ?? Effect.void, report)),
    Effect.forever,
    Effect.ignore // it ends when the user leaves
  )

const showAway = ({ composer, screen }: Ui.Ui, why: string, reason = "", until = 0) => {
  composer.phase = { _tag: "Away", why, reason, until }
  screen.changed()
}

/** Waits between attempts to connect, and shows the remaining time. Enter ends the wait. */
const waiting = (ui: Ui.Ui, { backoff: delays, elsewhere }: TerminalClientOptions) =>
  Effect.map(Backoff.make(delays, elsewhere?.others), (backoff) => {
    const trying = "trying again; your lines are kept"
    return (end: ConnectionEnd, reason: string): Effect.Effect<void> => {
      const show = (delay: Duration.Duration) =>
        Effect.map(Time.now, (now) => showAway(ui, trying, reason, now + Duration.toMillis(delay)))
      return Effect.sync(() => ui.hurry.unsafeClose()).pipe(
        Effect.zipRight(Effect.raceFirst(Effect.orDie(backoff.wait(end, show)), ui.hurry.await)), // it never ends
        Effect.zipRight(Effect.sync(() => showAway(ui, trying, reason)))
      )
    }
  })
