import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Readable } from "node:stream"
import * as Escape from "../../client/Escape.js"
import * as Login from "../../client/Login.js"
import { drained, flushed } from "../../client/Output.js"
import * as Sending from "../../client/Sending.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Units from "../settings/Units.js"
import * as V8Heap from "../V8Heap.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as Progress from "./Progress.js"
import * as SendReport from "./SendReport.js"

/** The job of one `a-chat send`. */
export interface DeliveryJob {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly recipients: ReadonlyArray<string>
  readonly login: string
  /**
   * Whether a similar name is acceptable: the login was guessed, or comes from the environment, such as that of a bot.
   */
  readonly mayRename: boolean
  /** The message given as arguments; undefined to send the input. */
  readonly text: string | undefined
  readonly timeout: Duration.Duration
  readonly retries: number
  readonly json: boolean
}

/** Sends with labels, and waits for the outcomes. Returns the exit status. */
export const withOutcomes = (job: DeliveryJob): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    if (job.text === undefined) yield* V8Heap.keepSmall
    const { connection, server } = yield* logIn(job)
    if (Option.isNone(server)) return yield* noOutcomes
    const progress: Progress.Progress = yield* Progress.make(process.stderr, (seconds) =>
      SendReport.progress(sending.totals, seconds)
    )
    const report = SendReport.make({
      json: job.json,
      numbered: job.text === undefined,
      output: (lines) => process.stdout.write(lines),
      errors: progress.write
    })
    const sending = Sending.make({
      connection,
      recipients: job.recipients,
      input: inputOf(job),
      maxLineBytes: server.value.maxLineBytes,
      retries: job.retries,
      patience: job.timeout,
      report: report.add,
      reported: Effect.zipRight(drained(process.stdout), drained(process.stderr))
    })
    const conclude = (ending: string) => {
      progress.write(`a-chat: ${[ending, report.summary() ?? []].flat().join("; ")}\n`)
      return ExitStatus.lost
    }
    return yield* sending.run.pipe(
      Effect.map((completion) => {
        if (completion === "Unsent") return conclude("the connection ended before everything was sent")
        if (completion === "Unknown") return conclude("the server did not report every outcome")
        return sending.totals.returned + sending.totals.refused > 0 ? ExitStatus.failed : 0
      }),
      Effect.catchTags({
        Stalled: ({ message }) => Effect.sync(() => conclude(message)),
        InputError: (error) => Effect.fail(ExitStatus.asMisuse(error))
      }),
      Effect.onInterrupt(() => Effect.sync(() => conclude("interrupted"))),
      Effect.tap(outputTaken)
    )
  })

/** The outcomes are the result of the command, so it waits for a slow reader. */
const outputTaken = Effect.zipRight(flushed(process.stdout), flushed(process.stderr))

/** Sends without labels, which works with any server. Prints refused and returned lines. Returns the exit status. */
export const withoutOutcomes = (job: DeliveryJob): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { connection, server } = yield* logIn(job)
    let refused = 0
    const isConfirmed = yield* Sending.unlabelled({
      connection,
      recipients: job.recipients,
      input: inputOf(job),
      maxLineBytes: unlabelledLineBytes,
      patience: job.timeout,
      confirms: Option.isSome(server),
      refused: (line) => {
        refused += 1
        process.stderr.write(Escape.show(`a-chat: ${line.slice("! ".length)}\n`))
      }
    }).pipe(Effect.mapError(ExitStatus.asMisuse))
    if (!isConfirmed) ExitStatus.say("the server did not confirm that it handled every line")
    yield* outputTaken
    return isConfirmed ? (refused > 0 ? ExitStatus.failed : 0) : ExitStatus.lost
  })

/** The longest line to send to a server whose limit is unknown. */
const unlabelledLineBytes = 2 ** 20

const noOutcomes = ExitStatus.misused("this server does not report outcomes; send without them with --wait none")

/** The message given as arguments, or standard input. */
const inputOf = (job: DeliveryJob): Readable =>
  job.text === undefined ? process.stdin : Readable.from([Buffer.from(`${job.text}\n`)], { objectMode: false })

/** Logs in. Tries another name if a guessed one is taken, and retries when the server allows it. */
const logIn = (job: DeliveryJob): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
  let connected: Socket | undefined = undefined
  const socket = Effect.tap(job.socket, (socket) => Effect.sync(() => (connected = socket)))
  const attempt = (login: string, tries: number): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> =>
    Effect.gen(function* () {
      const started = yield* Effect.mapError(Login.start({ socket, login }), ExitStatus.asMisuse)
      return { ...started, server: yield* Login.greet(started) }
    }).pipe(
      Effect.catchTag("LoginRefused", (refused): Effect.Effect<LoggedIn, ExitStatus.Failure, Scope.Scope> => {
        if (refused.code === "login-in-use" && job.mayRename && tries < maxNames) {
          return attempt(GuessedLogin.alternative(job.login), tries + 1)
        }
        if (refused.retryMillis === undefined || tries >= job.retries) return Effect.fail(ExitStatus.asMisuse(refused))
        return Effect.delay(attempt(login, tries + 1), refused.retryMillis)
      }),
      Effect.catchTag("TransportError", (error) => Effect.fail(ExitStatus.asMisuse(error)))
    )
  return Effect.timeoutFail(attempt(job.login, 0), {
    duration: job.timeout,
    onTimeout: () =>
      ExitStatus.asMisuse({
        message: `no reply for ${Units.showDuration(job.timeout)}; is the name in use, or is the server restarting?`
      })
  }).pipe(
    // No message has been sent yet, so there is nothing for an orderly end to wait for.
    Effect.tapError(() => Effect.sync(() => connected?.destroy()))
  )
}

/** The number of alternative names to try. */
const maxNames = 5

interface LoggedIn extends Login.PendingLogin {
  readonly server: Option.Option<Login.Hello>
}
