import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { Answers } from "../../client/Answers.js"
import * as Escape from "../../client/Escape.js"
import * as Labels from "../../client/Labels.js"
import { LastSeen } from "../../client/LastSeen.js"
import type * as LineConnection from "../../client/LineConnection.js"
import type { ClientMemory } from "../../client/LineReceiver.js"
import { toJson } from "../../client/ListenFormat.js"
import { print, printed, type Output, type OutputError } from "../../client/Output.js"
import * as Received from "../../client/Received.js"
import * as Sending from "../../client/Sending.js"
import type { SendingLink } from "../../client/SendingOptions.js"
import type { SentLineOutcome } from "../../client/SentLine.js"
import * as Time from "../../ports/Time.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as Wire from "../../protocol/Wire.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Units from "../settings/Units.js"
import type { Elsewhere } from "../../client/Servers.js"
import * as LoginAttempts from "./LoginAttempts.js"
import type { LoginSecret } from "./Secrets.js"
import * as SendReport from "./SendReport.js"

/** Sends a question and prints the answers to it. */

/** The job of one `a-chat ask`. */
export interface AskJob {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  /** As `Outcomes.distinct` returns them. */
  readonly recipients: ReadonlyArray<string>
  readonly login: string
  readonly secret?: LoginSecret | undefined
  /** Makes another name if `login` is taken. Undefined if no other name is acceptable. */
  readonly alternative: (() => string) | undefined
  /** One line. */
  readonly text: string
  /** Time for the whole command. */
  readonly timeout: Duration.Duration
  /** Number of lines in an answer; `Infinity` if only silence ends it. */
  readonly lines: number
  /** The silence that ends an answer; `Duration.infinity` if none does. */
  readonly quiet: Duration.Duration
  /** Whether the answer of one recipient is enough. */
  readonly any: boolean
  readonly retries: number
  /** How long to wait for an absent recipient. */
  readonly waitFor: Duration.Duration
  readonly json: boolean
  /** Whether the question is marked as coming from a program. */
  readonly auto: boolean
}

/** The outputs for answers and reports. */
export interface AskOutputs {
  readonly output: Output
  readonly errors: Output
}

/** How long leaving waits for the server: only acknowledgements are left to send. */
const linger = Duration.seconds(1)

const noOutcomes = ExitStatus.misused("this server does not report outcomes, which ask needs; use connect instead")

/** A connection to a server that reports outcomes. Messages are acknowledged. */
const connect = (job: AskJob, memory: ClientMemory, which: LoginAttempts.Which) => {
  const kept = { ...memory, once: LoginAttempts.isOfAccount(job.secret) }
  return Effect.flatMap(
    LoginAttempts.logIn({ ...job, kept, use: { ack: true, to: job.json, linger } }, which),
    (loggedIn) => LoginAttempts.labelledLink(loggedIn, job, noOutcomes)
  )
}

/** The reason to stop waiting. */
type Ending =
  /** Everything expected has arrived, or the time is up. */
  | { readonly _tag: "Complete" | "Late" }
  /** The connection has ended. */
  | { readonly _tag: "Over"; readonly why: string }

const complete: Ending = { _tag: "Complete" }

const late: Ending = { _tag: "Late" }

const over = (why: string): Ending => ({ _tag: "Over", why })

/** Sends the question and waits for the answers. Returns the exit status. */
export const run = (job: AskJob, outputs: AskOutputs): Effect.Effect<number, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const startedAt = yield* Time.now
    const isOfAccount = LoginAttempts.isOfAccount(job.secret)
    const labels = isOfAccount ? Labels.unique() : new Labels.Labels()
    const memory = { labels, seen: isOfAccount ? new LastSeen() : undefined }
    const { link, maxLineBytes } = yield* connect(job, memory, "first")
    const question = new Question(job, outputs)
    const sending = Sending.make({
      link: question.follow(link),
      reconnect: (inVain) => Effect.map(connect(job, memory, { inVain }), (made) => question.follow(made.link)),
      labels,
      recipients: job.recipients,
      input: Readable.from([Buffer.from(`${job.text}\n`)], { objectMode: false }),
      maxLineBytes,
      retries: job.retries,
      absenceMillis: Duration.toMillis(job.waitFor),
      patience: job.timeout,
      report: (outcome) => question.report(outcome),
      reported: Effect.void,
      receive: (connection) => question.receive(connection)
    })
    const running = yield* Effect.fork(
      Effect.match(sending.run, {
        onSuccess: () => over(`the connection ended${question.farewell}`),
        onFailure: (error) => (error._tag === "Stalled" ? late : over(error.message))
      })
    )
    // The end of `sending` reports unknown outcomes.
    const conclude = (ending: Ending) => Effect.map(Fiber.interrupt(running), () => question.conclude(ending))
    const left = Math.max(0, Duration.toMillis(job.timeout) - ((yield* Time.now) - startedAt))
    const status = yield* Fiber.join(running).pipe(
      Effect.raceFirst(Effect.as(Effect.sleep(left), late)),
      Effect.raceFirst(Effect.as(question.done.await, complete)),
      Effect.raceFirst(question.watchQuiet),
      Effect.onInterrupt(() =>
        Effect.flatMap(conclude(over("interrupted")), () =>
          question.mayHaveArrived ? ExitStatus.lostDespiteSignal : Effect.void
        )
      ),
      Effect.flatMap(conclude)
    )
    const { unprintable } = question
    return unprintable === undefined || unprintable === "gone"
      ? status
      : yield* Effect.fail(ExitStatus.asMisuse(unprintable))
  })

/** The state of the question and its answers. */
class Question {
  /** Opened when nothing more is expected, or nothing more can be printed. */
  readonly done = Effect.unsafeMakeLatch(false)
  /** Why answers cannot be printed: the error, or `gone` if the reader has gone. */
  unprintable: OutputError | "gone" | undefined = undefined
  /** The server's refusal before it ended the connection, in parentheses. */
  farewell = ""
  private readonly answers: Answers
  /** Opened by each line of an answer. */
  private readonly news = Effect.unsafeMakeLatch(false)
  /** Recipients that may or may not have the question. */
  private readonly unknown = new Set<string>()
  /** The number of the question in the conversations with accounts. */
  private readonly asked = new Map<string, number>()
  private connection: LineConnection.LineConnection | undefined = undefined
  /** Lines taken on this connection, and those that arrived before the question was sent on it. */
  private taken = 0
  private early = Infinity
  /** Outcomes that overtook lines of this connection: such a line may be the answer. */
  private overtaking: ReadonlyArray<{ readonly after: number; readonly outcome: SentLineOutcome }> = []

  constructor(
    private readonly job: AskJob,
    private readonly outputs: AskOutputs
  ) {
    this.answers = new Answers({ ...job, quietMillis: Duration.toMillis(job.quiet) })
  }

  /** Records which lines of a connection precede the question. */
  follow(link: SendingLink): SendingLink {
    const { connection } = link
    this.connection = connection
    this.taken = 0
    this.early = Infinity
    const send = (wire: string) =>
      Effect.suspend(() => {
        this.early = Math.min(this.early, connection.passedOn())
        return connection.send(wire)
      })
    return { ...link, connection: { ...connection, send } }
  }

  /**
   * Takes lines until nothing more is expected. The stream's run then ends successfully, which acknowledges the last
   * line.
   */
  receive({ lines }: LineConnection.LineConnection): Effect.Effect<void> {
    return Stream.runForEachWhile(lines, (line) =>
      Effect.map(this.take(line), () => {
        this.taken += 1
        this.settleUpTo(this.taken)
        return !this.hasEnough
      })
    ).pipe(
      Effect.ignore, // the end of the connection settles the outcomes
      Effect.zipRight(Effect.suspend(() => (this.hasEnough ? Effect.never : Effect.void)))
    )
  }

  /** Handles an outcome of the question. */
  report(outcome: SentLineOutcome) {
    const { outcome: fate } = outcome
    if (fate._tag === "Written" && fate.seq !== undefined) for (const name of fate.names) this.asked.set(name, fate.seq)
    this.overtaking = [...this.overtaking, { after: this.connection?.passedOn() ?? 0, outcome }]
    this.settleUpTo(this.taken)
  }

  /** Ends the answers that have been silent for long enough. */
  readonly watchQuiet: Effect.Effect<never> = Effect.forever(
    Effect.suspend(() => Effect.zipRight(this.news.await, Time.now)).pipe(
      Effect.flatMap((now) => {
        this.answers.endQuiet(now)
        this.check()
        const left = this.answers.quietLeft(now)
        return left === undefined || left === Infinity ? this.news.close : Effect.sleep(left)
      })
    )
  )

  /** Whether the question may or may not have arrived, once the sending has ended. */
  get mayHaveArrived(): boolean {
    return this.unprintable !== "gone" && !this.answers.isEnough && this.unknown.size > 0
  }

  /** Reports missing answers; returns the exit status. */
  conclude(ending: Ending): number {
    this.settleUpTo(Infinity)
    const { answers, job } = this
    if (this.unprintable === "gone" || answers.isEnough) return 0
    const time = `within ${Units.showDuration(job.timeout)}`
    if (this.mayHaveArrived) {
      this.say(`${ending._tag === "Over" ? ending.why : `no outcome ${time}`}; the question may have arrived or not`)
      return ExitStatus.lost
    }
    const { missing } = answers
    if (missing.length === 0) return ExitStatus.failed
    const objects = missing.map((to) => `${JSON.stringify({ to, outcome: "unanswered" })}\n`)
    if (job.json) this.outputs.output.write(objects.join(""))
    const names = missing.join(", ")
    if (ending._tag === "Over") {
      this.say(`${ending.why} before ${names} answered`)
      return ExitStatus.lost
    }
    this.say(
      `${missing.some((name) => answers.hasBegun(name)) ? "no complete answer" : "no answer"} from ${names} ${time}`
    )
    return answers.hasFailed ? ExitStatus.failed : ExitStatus.unanswered
  }

  private get hasEnough(): boolean {
    return this.answers.isComplete || this.unprintable !== undefined
  }

  private check() {
    if (this.hasEnough) this.done.unsafeOpen()
  }

  private take(line: string): Effect.Effect<void> {
    return Effect.flatMap(Time.now, (now) => {
      const received = Received.parse(line)
      if (received._tag === "Refused" && received.fatal) this.farewell = ` (${received.code}: ${received.text})`
      if (received._tag !== "Message") return Effect.void
      const { from, text } = received
      if (this.isEarlier(received) || !this.answers.take(from, now)) {
        // If standard error cannot be written, there is nowhere left to report it.
        return Effect.ignore(print(this.outputs.errors, Escape.show(`a-chat: from ${from}: ${text}\n`)))
      }
      return Effect.flatMap(this.show(line, received), () => {
        this.check()
        this.news.unsafeOpen()
        // Lines that were not printed are not acknowledged, and return to their sender.
        return this.unprintable === undefined ? Effect.void : Effect.never
      })
    })
  }

  /**
   * Whether a message was sent before the question. Messages that waited for the account may arrive after it, but in a
   * conversation between accounts, their numbers are lower than that of the question.
   */
  private isEarlier({ from, guest, seq }: Received.Message): boolean {
    if (seq === undefined || guest === true) return this.taken < this.early
    return seq <= (this.asked.get(from) ?? Infinity)
  }

  /** Prints a line of an answer. */
  private show(line: string, { from, text }: Received.Message): Effect.Effect<void> {
    const { json, recipients } = this.job
    const { output } = this.outputs
    const head = recipients.length === 1 ? "" : `from ${from}: `
    const shown = json ? toJson(`${Wire.encode(line)}\n`, new Date(), "a-chat") : `${head}${text}\n`
    const escape = json ? Escape.json : Escape.show
    return Effect.match(printed(output, output.isTTY === true ? escape(shown) : shown), {
      onFailure: (error) => void (this.unprintable = error),
      onSuccess: (isTaken) => void (isTaken || (this.unprintable = "gone"))
    })
  }

  /** Settles the outcomes that arrived before the line with this number. */
  private settleUpTo(line: number) {
    if (this.overtaking.length === 0) return
    const due = this.overtaking.filter(({ after }) => after <= line)
    this.overtaking = this.overtaking.filter(({ after }) => after > line)
    for (const { outcome } of due) this.settle(outcome)
  }

  private settle({ line, names: all, outcome }: SentLineOutcome) {
    const { answers, outputs } = this
    // An answer proves that the question has arrived.
    const names = all.filter((name) => !answers.hasBegun(name))
    if (outcome._tag === "Written" || answers.isEnough || names.length === 0) return
    if (outcome._tag === "Unknown") for (const name of names) this.unknown.add(name)
    else answers.fail(names)
    const rest = outcome._tag === "Returned" ? { ...outcome, names } : outcome
    if (this.job.json) outputs.output.write(SendReport.objects({ names, outcome: rest }))
    else outputs.errors.write(SendReport.textOf({ line, outcome: rest }, false))
    this.check()
  }

  private say(text: string) {
    this.outputs.errors.write(Escape.show(`a-chat: ${text}\n`))
  }
}
