import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { Readable } from "node:stream"
import * as Escape from "../../client/Escape.js"
import * as Labels from "../../client/Labels.js"
import { drained, flushed, type Output } from "../../client/Output.js"
import * as Request from "../../client/Request.js"
import * as Requests from "../../client/Requests.js"
import * as RoomReports from "../../client/RoomReports.js"
import * as Sending from "../../client/Sending.js"
import * as UnlabelledSending from "../../client/UnlabelledSending.js"
import type { Elsewhere } from "../../client/Servers.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as LoginAttempts from "./LoginAttempts.js"
import * as Progress from "./Progress.js"
import type { LoginSecret } from "./Secrets.js"
import * as SendReport from "./SendReport.js"

/** The job of one `a-chat send`. */
export interface DeliveryJob {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  readonly recipients: ReadonlyArray<string>
  readonly login: string
  readonly secret?: LoginSecret | undefined
  /**
   * Whether a similar name is acceptable: the login was guessed, or comes from the environment, for example a bot's.
   */
  readonly mayRename: boolean
  /** The message given as arguments; undefined to send the input. */
  readonly text: string | undefined
  readonly timeout: Duration.Duration
  readonly retries: number
  /** How long to wait for an absent recipient. */
  readonly waitFor: Duration.Duration
  readonly json: boolean
  /** Whether the messages are marked as coming from a program. */
  readonly auto: boolean
  /** Whether to enter the rooms among the recipients first. */
  readonly join: boolean
  /** Whether to wait until the recipients, and not only their server, have the lines. */
  readonly untilReceived: boolean
}

/** The input, and the outputs of the reports. */
export interface Streams {
  readonly input: Readable
  readonly output: Output
  readonly errors: Output
}

/** Sends with labels, and waits for the outcomes. Returns the exit status. */
export const withOutcomes = (
  job: DeliveryJob,
  streams: Streams
): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { errors, input, output } = streams
    // The server remembers the labels of accounts. Those of guests end with their connection.
    const labels = LoginAttempts.isOfAccount(job.secret) ? Labels.unique() : new Labels.Labels()
    const { link, maxLineBytes } = yield* connect(job, labels, "first")
    const progress: Progress.Progress = yield* Progress.make(errors, (seconds) =>
      SendReport.progress(sending.totals, seconds)
    )
    const report = SendReport.make({
      json: job.json,
      numbered: job.text === undefined,
      output: (lines) => output.write(lines),
      errors: progress.write
    })
    const sending = Sending.make({
      link,
      reconnect: (inVain) => Effect.map(connect(job, labels, { inVain }), (made) => made.link),
      labels,
      untilReceived: job.untilReceived,
      recipients: job.recipients,
      input,
      maxLineBytes,
      retries: job.retries,
      absenceMillis: Duration.toMillis(job.waitFor),
      patience: job.timeout,
      report: report.add,
      reported: Effect.zipRight(drained(output), drained(errors))
    })
    const conclude = (ending: string) => {
      progress.write(`a-chat: ${[ending, report.summary() ?? []].flat().join("; ")}\n`)
      return ExitStatus.lost
    }
    return yield* sending.run.pipe(
      Effect.map((completion) => {
        if (completion === "Unsent") return conclude("the connection ended before everything was sent")
        if (completion === "Unknown") return conclude("the server did not report every outcome")
        if (completion === "Unreceived") {
          progress.write(`a-chat: ${report.unreceived(job.timeout)}\n`)
          return sending.totals.returned + sending.totals.refused > 0 ? ExitStatus.failed : ExitStatus.unanswered
        }
        return sending.totals.returned + sending.totals.refused > 0 ? ExitStatus.failed : 0
      }),
      Effect.catchTags({
        Stalled: ({ message }) => Effect.sync(() => conclude(message)),
        Failure: ({ message }) =>
          Effect.sync(() => conclude(`the connection ended before everything was sent; ${message}`)),
        InputError: (error) => Effect.fail(ExitStatus.asMisuse(error))
      }),
      Effect.onInterrupt(() =>
        Effect.suspend(() => {
          conclude("interrupted")
          return sending.totals.unknown > 0 ? ExitStatus.lostDespiteSignal : Effect.void
        })
      ),
      Effect.tap(Effect.zipRight(flushed(output), flushed(errors)))
    )
  })

const logIn = (job: DeliveryJob, kept: LoginAttempts.LoginAttemptsOptions["kept"], which: LoginAttempts.Which) =>
  LoginAttempts.logIn(
    {
      ...job,
      kept,
      alternative: job.mayRename ? () => GuessedLogin.alternative(job.login) : undefined,
      use: "send-only"
    },
    which
  )

/** A connection to a server that reports outcomes. */
const connect = (job: DeliveryJob, labels: Labels.Labels, which: LoginAttempts.Which) => {
  const once = LoginAttempts.isOfAccount(job.secret)
  const { untilReceived } = job
  const kept = { labels, once, seq: once || untilReceived || job.json, receipts: untilReceived }
  return logIn(job, kept, which).pipe(
    Effect.tap((loggedIn) => enterRooms(loggedIn, job)),
    Effect.flatMap((loggedIn) => LoginAttempts.labelledLink(loggedIn, job, noOutcomes))
  )
}

/** Enters the rooms. A guest is in a room only while it is connected. */
const enterRooms = ({ connection, server }: LoginAttempts.LoggedIn, { join, recipients, timeout }: DeliveryJob) => {
  const rooms = join && Option.isSome(server) ? recipients.filter(RoomReports.isRoom) : []
  const ask = Request.on(connection)
  return Effect.forEach(
    rooms,
    (room) =>
      Requests.join(ask, room).pipe(
        Effect.timeoutFail({ duration: timeout, onTimeout: () => ({ message: "the server did not answer" }) }),
        Effect.mapError(
          ({ message }) =>
            new ExitStatus.Failure({ status: ExitStatus.failed, message: Escape.show(`${room}: ${message}`) })
        )
      ),
    { discard: true }
  )
}

/** The outcomes are the result of the command, so it waits for a slow reader. */
const outputTaken = Effect.zipRight(flushed(process.stdout), flushed(process.stderr))

/** Sends without labels, which works with any server. Prints refused and returned lines. Returns the exit status. */
export const withoutOutcomes = (job: DeliveryJob): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const loggedIn = yield* logIn(job, undefined, "first")
    const { connection, server } = loggedIn
    yield* enterRooms(loggedIn, job)
    let refused = 0
    const isConfirmed = yield* UnlabelledSending.run({
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

/** The message given as arguments, or standard input, and the standard streams. */
export const streamsOf = (job: DeliveryJob): Streams => ({
  input: inputOf(job),
  output: process.stdout,
  errors: process.stderr
})

const inputOf = (job: DeliveryJob): Readable =>
  job.text === undefined ? process.stdin : Readable.from([Buffer.from(`${job.text}\n`)], { objectMode: false })
