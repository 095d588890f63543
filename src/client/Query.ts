import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TransportError, type Socket } from "../ports/Transport.js"
import { slowDownMillis } from "./GreetingPause.js"
import * as LineConnection from "./LineConnection.js"
import * as Login from "./Login.js"
import * as Received from "./Received.js"

/** Queries that need no login, so other users do not see the client. */

/** No reply in time: the server is busy, or it has no commands, like the original a-chat. */
export class NoAnswer extends Data.TaggedError("NoAnswer")<{ readonly timeout: Duration.Duration }> {
  override get message() {
    return `no reply within ${Duration.format(this.timeout)}; an original a-chat server does not reply to commands`
  }
}

export interface QueryOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** How long to wait for a reply. */
  readonly timeout: Duration.Duration
}

/** No line of a reply is longer than this. */
const maxLineBytes = 65_536

/**
 * Longest reply to `/who`, in characters and in names. No server has as many users, but a malicious one could send
 * names until the client runs out of memory.
 */
const maxAnswerLength = 16 * 1024 * 1024

const maxNames = 1_000_000

const tooLong = new TransportError({ during: "Read", reason: "the server's list of names is too long" })

/** Short, because nothing is left to deliver. */
const linger = Duration.seconds(1)

const connect = (socket: Effect.Effect<Socket, TransportError>) => LineConnection.make({ socket, maxLineBytes, linger })

/** The shortest pause after a query that was sent too fast, in milliseconds, whatever a malicious server says. */
const leastPause = 100

/** Names of the clients that are logged in, in the server's order. */
export const who = (
  options: QueryOptions
): Effect.Effect<ReadonlyArray<string>, TransportError | Login.LoginRefused | NoAnswer> =>
  Effect.gen(function* () {
    const connection = yield* connect(options.socket)
    yield* Effect.forkScoped(Stream.runDrain(connection.lines))
    const names: Array<string> = []
    let length = 0
    type Look = LineConnection.Look<ReadonlyArray<string> | number, TransportError | Login.LoginRefused>
    const look: Look = (line) => {
      const received = Received.parse(line)
      // Other clients of this address have used up its rate. That passes soon, and the query has a deadline.
      if (received._tag === "Refused" && received.code === "slow-down" && !received.fatal) {
        return Exit.succeed(received.retryMillis ?? slowDownMillis)
      }
      if (received._tag !== "Notice" || received.code !== "who") return Login.refusalOf(line)
      length += line.length
      for (const name of received.text.split(", ")) if (name !== "") names.push(name)
      if (length > maxAnswerLength || names.length > maxNames) return Exit.fail(tooLong)
      // The reply may take several lines, each of which has the total number of names.
      return names.length < Number(received.words[0]) ? "part" : Exit.succeed(names)
    }
    const asked: Effect.Effect<ReadonlyArray<string>, TransportError | Login.LoginRefused> = Effect.flatMap(
      connection.ask("/who\n", look),
      (answer) =>
        typeof answer === "number" ? Effect.delay(asked, Math.max(leastPause, answer)) : Effect.succeed(answer)
    )
    return yield* inTime(asked, options.timeout)
  }).pipe(Effect.scoped)

const inTime = <A, E>(asked: Effect.Effect<A, E>, timeout: Duration.Duration) =>
  Effect.timeoutFail(asked, { duration: timeout, onTimeout: () => new NoAnswer({ timeout }) })

/** Measures round trips. */
export interface Pinger {
  readonly remote: string
  /** Sends a ping; returns the time until its reply, in milliseconds. */
  readonly ping: Effect.Effect<number, TransportError | Login.LoginRefused | NoAnswer>
}

/**
 * Connects to measure round trips. The server closes a connection that does not log in in time. The next ping then
 * opens a new one, and its time does not include connecting.
 */
export const pinger = (options: QueryOptions): Effect.Effect<Pinger, TransportError, Scope.Scope> =>
  Effect.gen(function* () {
    const open = openLine(options.socket, yield* Effect.scope)
    let line = yield* open
    let number = 0
    const roundTrip = Effect.suspend(() => ask(line.connection, number, options.timeout))
    const ping = Effect.suspend(() => {
      number += 1
      return Effect.catchAll(roundTrip, (error) =>
        Effect.gen(function* () {
          if (!(yield* isLoginTimeout(error, line.lastRefusal))) return yield* Effect.fail(error)
          yield* line.close
          line = yield* open
          return yield* roundTrip
        })
      )
    })
    return { remote: line.connection.remote, ping }
  })

/** Opens a connection that is closed with the scope, or earlier by `close`. */
const openLine = (socket: QueryOptions["socket"], parent: Scope.Scope) =>
  Effect.gen(function* () {
    const scope = yield* Scope.fork(parent, ExecutionStrategy.sequential)
    const connection = yield* Scope.extend(connect(socket), scope)
    let code = ""
    const reading = yield* Effect.forkIn(
      Stream.runForEach(connection.lines, (line) =>
        Effect.sync(() => {
          const received = Received.parse(line)
          if (received._tag === "Refused") code = received.code
        })
      ),
      scope
    )
    /** Waits for the end of the connection; returns the code of the last refusal that was not the reply to a ping. */
    const lastRefusal = Effect.map(Fiber.await(reading), () => code)
    return { connection, lastRefusal, close: Scope.close(scope, Exit.void) }
  })

const ask = (connection: LineConnection.LineConnection, number: number, timeout: Duration.Duration) =>
  Effect.suspend(() => {
    const sentAt = performance.now()
    const asked = connection.ask(`/ping ${number}\n`, (line) =>
      line === `* pong: ${number}` ? Exit.succeed(performance.now() - sentAt) : Login.refusalOf(line)
    )
    return inTime(asked, timeout)
  })

const timedOut = "login-timeout"

const isLoginTimeout = (
  error: TransportError | Login.LoginRefused | NoAnswer,
  lastRefusal: Effect.Effect<string>
): Effect.Effect<boolean> => {
  switch (error._tag) {
    case "NoAnswer":
      return Effect.succeed(false)
    case "LoginRefused":
      return Effect.succeed(error.code === timedOut)
    case "TransportError":
      return error.during === "Connect" ? Effect.succeed(false) : Effect.map(lastRefusal, (code) => code === timedOut)
  }
}

/** Summary of a series of round trips. */
export interface PingSummary {
  readonly sent: number
  readonly answered: number
  /** In milliseconds; undefined without a reply. */
  readonly times: { readonly min: number; readonly median: number; readonly max: number } | undefined
}

export const summary = (sent: number, millis: ReadonlyArray<number>): PingSummary => {
  const sorted = millis.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [min, low, high, max] = [0, Math.ceil(middle) - 1, Math.floor(middle), sorted.length - 1].map(
    (at) => sorted[at]
  )
  if (min === undefined || low === undefined || high === undefined || max === undefined) {
    return { sent, answered: 0, times: undefined }
  }
  return { sent, answered: sorted.length, times: { min, median: (low + high) / 2, max } }
}
