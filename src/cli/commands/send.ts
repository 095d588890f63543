import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { fstatSync } from "node:fs"
import { Readable } from "node:stream"
import * as Encode from "../../client/Encode.js"
import * as Escape from "../../client/Escape.js"
import * as Login from "../../client/Login.js"
import * as Outcomes from "../../client/Outcomes.js"
import { flushed, room } from "../../client/Output.js"
import * as Sending from "../../client/Sending.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as Units from "../settings/Units.js"
import * as V8Heap from "../V8Heap.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as Progress from "./Progress.js"
import * as SendReport from "./SendReport.js"

export const settings = {
  ...ConnectFlags.settings,
  login: Setting.text("login", "name", {
    about: "Name to send as",
    default: undefined,
    defaultText: "the user and the machine, with a suffix if that is taken"
  }),
  wait: Setting.choice(
    "wait",
    { about: "What to wait for: that every line is written to its recipients, or nothing", default: "written" },
    ["written", "none"]
  ),
  timeout: Setting.duration("timeout", {
    about: "Time for the login, and then for each outcome, counted from the one before",
    // Longer than a server needs to give up a recipient that does not read.
    default: Duration.minutes(1),
    min: Duration.millis(10),
    max: Duration.days(1)
  }),
  retry: Setting.count("retry", {
    about: "How often to resend a line that the server says may succeed later",
    default: 0,
    min: 0,
    max: 1_000_000
  }),
  json: Setting.toggle("json", "Print every outcome, one JSON object a line")
}

const args = {
  recipients: Args.text({ name: "recipients" }).pipe(Args.withDescription("Names, separated by commas")),
  text: Args.text({ name: "text" }).pipe(
    Args.repeated,
    Args.withDescription("The message; without it, each line of the input is a message")
  )
}

export const command = Command.make("send", { flags: Flags.options(settings), ...args }, (raw) =>
  Effect.gen(function* () {
    const given = yield* Flags.resolve(settings, raw.flags)
    const { json, login, retry, timeout, wait } = given.values
    const recipients = Outcomes.distinct(raw.recipients.split(","))
    yield* Effect.mapError(Encode.recipients(recipients), ExitStatus.asMisuse)
    const job: Job = {
      socket: ConnectFlags.socket(given),
      recipients,
      login: login ?? GuessedLogin.guess(),
      mayChange: given.origins.login !== "flag",
      text: raw.text.length === 0 ? undefined : raw.text.join(" "),
      timeout,
      retries: retry,
      json
    }
    if (job.text?.includes("\n") === true)
      return yield* ExitStatus.misused("a message is one line; several are the input")
    if (job.text === undefined && fstatSync(process.stdin.fd).isDirectory()) {
      return yield* ExitStatus.misused("the input is a directory")
    }
    const isWaiting = wait === "written"
    if (!isWaiting && (job.json || job.retries > 0)) {
      return yield* ExitStatus.misused("--json and --retry need outcomes; leave out --wait none")
    }
    process.exitCode = yield* isWaiting ? deliver(job) : hand(job)
  }).pipe(Effect.scoped)
)

interface Job {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly recipients: ReadonlyArray<string>
  readonly login: string
  /** Nobody insists on that name: it was guessed, or is that of a bot that this runs in. */
  readonly mayChange: boolean
  /** Of the arguments; undefined if the input is to be sent. */
  readonly text: string | undefined
  readonly timeout: Duration.Duration
  readonly retries: number
  readonly json: boolean
}

/** Sends with labels, and waits for the outcomes. Returns the exit status. */
const deliver = (job: Job): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    if (job.text === undefined) yield* V8Heap.keepSmall
    const { connection, server } = yield* enter(job)
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
      reported: Effect.zipRight(room(process.stdout), room(process.stderr))
    })
    const conclude = (ending: string) => {
      progress.write(`a-chat: ${[ending, report.summary() ?? []].flat().join("; ")}\n`)
      return ExitStatus.gone
    }
    return yield* sending.run.pipe(
      Effect.map((completion) => {
        if (completion === "Unsent") return conclude("the connection ended before everything was sent")
        if (completion === "Unknown") return conclude("the connection ended before every outcome was known")
        return sending.totals.returned + sending.totals.refused > 0 ? ExitStatus.failed : 0
      }),
      Effect.catchTags({
        Stalled: ({ message }) => Effect.sync(() => conclude(message)),
        InputError: (error) => Effect.fail(ExitStatus.asMisuse(error))
      }),
      Effect.onInterrupt(() => Effect.sync(() => conclude("interrupted"))),
      Effect.tap(toldAll)
    )
  })

/** What came back is the result: it is not cut off, however slowly it is read. */
const toldAll = Effect.zipRight(flushed(process.stdout), flushed(process.stderr))

/** Sends without labels, to any server: what it returns until it closes is told. Returns the exit status. */
const hand = (job: Job): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { connection, server } = yield* enter(job)
    let refused = 0
    const isConfirmed = yield* Sending.unlabelled({
      connection,
      recipients: job.recipients,
      input: inputOf(job),
      maxLineBytes: handedLineBytes,
      patience: job.timeout,
      confirms: Option.isSome(server),
      refused: (line) => {
        refused += 1
        process.stderr.write(Escape.show(`a-chat: ${line.slice("! ".length)}\n`))
      }
    }).pipe(Effect.mapError(ExitStatus.asMisuse))
    if (!isConfirmed) ExitStatus.say("the server did not confirm that it dealt with everything that was sent")
    yield* toldAll
    return isConfirmed ? (refused > 0 ? ExitStatus.failed : 0) : ExitStatus.gone
  })

/** Of a server that was not asked for its own limit. */
const handedLineBytes = 2 ** 20

const noOutcomes = ExitStatus.misused(
  "this server does not tell what becomes of a message; with --wait none it is sent all the same"
)

/** Standard input, or the message of the arguments. */
const inputOf = (job: Job): Readable =>
  job.text === undefined ? process.stdin : Readable.from([Buffer.from(`${job.text}\n`)], { objectMode: false })

/** Logs in: under another name if the one that was guessed is taken, and again when the server says that it may. */
const enter = (job: Job): Effect.Effect<Entered, ExitStatus.Failure, Scope.Scope> => {
  let connected: Socket | undefined = undefined
  const socket = Effect.tap(job.socket, (socket) => Effect.sync(() => (connected = socket)))
  const attempt = (login: string, tries: number): Effect.Effect<Entered, ExitStatus.Failure, Scope.Scope> =>
    Effect.gen(function* () {
      const started = yield* Effect.mapError(Login.start({ socket, login }), ExitStatus.asMisuse)
      return { ...started, server: yield* Login.greet(started) }
    }).pipe(
      Effect.catchTag("LoginRefused", (refused): Effect.Effect<Entered, ExitStatus.Failure, Scope.Scope> => {
        if (refused.code === "login-in-use" && job.mayChange && tries < guesses) {
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
        message: `no answer for ${Units.showDuration(job.timeout)}; is the name in use, or is the server just restarting?`
      })
  }).pipe(
    // Nothing was sent that an end in order could wait for.
    Effect.tapError(() => Effect.sync(() => connected?.destroy()))
  )
}

/** How many other names are tried. */
const guesses = 5

interface Entered extends Login.PendingLogin {
  readonly server: Option.Option<Login.Hello>
}
