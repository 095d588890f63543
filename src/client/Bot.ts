import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Readable } from "node:stream"
import * as Time from "../ports/Time.js"
import type { TransportError } from "../ports/Transport.js"
import * as Address from "./Address.js"
import { AnswerLines } from "./AnswerLines.js"
import type * as Client from "./Client.js"
import * as Input from "./Input.js"
import * as KeptText from "./KeptText.js"
import { placeOf, type SeenRecord } from "./LastSeen.js"
import * as LineConnection from "./LineConnection.js"
import * as Login from "./Login.js"
import type { LoopGuard } from "./LoopGuard.js"
import * as Received from "./Received.js"
import * as RoomReports from "./RoomReports.js"

/** A running program that handles a message. */
export interface RunningProgram {
  /** The answer, in lines. */
  readonly output: Readable
  /** Waits for the program to end; returns what went wrong, or undefined. */
  readonly fault: Effect.Effect<string | undefined>
}

export interface BotMessage {
  readonly from: string
  /** Without the bot's name, if a line in a room was addressed to it. */
  readonly text: string
  /** The room in which the message was written and is answered; absent for a direct message. */
  readonly room?: string
}

/** The rooms in which a bot is. */
export interface BotRooms {
  readonly names: ReadonlyArray<string>
  /** Whether it handles every line rather than only those that begin with its name. */
  readonly takesAll: boolean
}

/** The program could not be started, in several attempts. */
export class BotCannotStart extends Data.TaggedError("BotCannotStart")<{ readonly reason: string }> {
  override get message() {
    return this.reason
  }
}

export interface BotOptions {
  /** Starts the program; closing the scope ends it. Fails with a reason for the operator. */
  readonly start: (message: BotMessage) => Effect.Effect<RunningProgram, string, Scope.Scope>
  /** How long to retry starting it. */
  readonly patience: Duration.Duration
  /** The most programs that run at the same time. */
  readonly concurrency: number
  /** How long each may run. */
  readonly timeout: Duration.Duration
  /** Decides which messages are answered. It remembers senders, so it should outlive a connection. */
  readonly guard: LoopGuard
  /** Default: none. Messages in rooms are then ignored. */
  readonly rooms?: BotRooms | undefined
  /** For an account: the messages that a program was started for. Repeated deliveries start no other. */
  readonly record?: SeenRecord | undefined
  /** Called with the delay that the server requests before the next connection, in milliseconds. */
  readonly closing: (returnMillis: number | undefined) => void
  /** Logs a line for the operator. */
  readonly log: (line: string) => void
}

/** For a server that does not announce its limit. */
const defaultMaxLineBytes = 65_536

/** The pauses between attempts to start a program: the first, and the longest. */
const [firstPause, longestPause] = [Duration.millis(100), Duration.seconds(2)]

/** The most lines of one answer that wait for outcomes. */
const window = 256

/**
 * Runs a program for each message that the guard lets through and sends its output back, until the connection ends;
 * then it fails. While the maximum number of programs is running, no message is read, which holds the senders.
 *
 * A message is acknowledged once its program has started. If it cannot be started, the bot waits for the other programs
 * and fails with `BotCannotStart`: that message, and those after it, then return to their senders.
 */
export const run = (client: Client.ClientHandle, options: BotOptions): Effect.Effect<never, BotError> =>
  Effect.gen(function* () {
    const { name, replies } = yield* makeReplies(client, options)
    const turns = yield* Effect.makeSemaphore(options.concurrency)
    const running = yield* FiberSet.make<void, never>()
    let isOver = false
    let unanswered = 0
    const logouts: Array<Client.LoginRefused> = []
    /** Messages whose program has not ended. */
    let busy = 0

    const over = Effect.suspend(() => {
      isOver = true
      return Effect.all([
        Effect.sync(() => (unanswered += busy)),
        Effect.suspend(() => Fiber.interruptAll([...running])), // in parallel, because each may take some time to end
        turns.release(1) // lets a message that waits for its turn continue
      ])
    })
    // Uninterruptible: an interruption between the fork and the addition to the set would leak the fiber, and one
    // before its first step would skip `after`.
    const begin = (work: Effect.Effect<void>, after: Effect.Effect<unknown>) =>
      Effect.uninterruptibleMask((restore) => FiberSet.run(running, Effect.ensuring(restore(work), after)))
    const take = (received: Received.Received) =>
      Effect.gen(function* () {
        if (received._tag === "Refused") {
          const logout = Login.logoutIn(received)
          return logout === undefined ? options.log(describeRefusal(received)) : void logouts.push(logout)
        }
        const notice = RoomReports.roomNoticeIn(received)
        if (notice?._tag === "Left" && notice.names.includes(name)) options.log(`no longer in ${notice.room}`)
        if (received._tag === "Notice" && received.code === "closing") options.closing(Received.returnMillis(received))
        if (received._tag !== "Message") return
        const { from } = received
        const place = placeOf(received)
        if (place !== undefined && options.record?.seen.isRepeat(place) === true) return
        const passed = () => {
          if (place === undefined || options.record === undefined) return
          options.record.seen.passed(place)
          options.record.changed()
        }
        const message = messageFor(received, name, options.rooms)
        if (message === undefined) return passed()
        const verdict = options.guard.judge(received, yield* Time.now)
        if (verdict === "Ignore") return passed()
        if (!isOver) yield* turns.take(1)
        // A kept message is delivered again on the next connection.
        if (isOver) return place === undefined ? void (unanswered += 1) : undefined
        busy += 1
        let isBusy = true
        const endTurn = Effect.suspend(() => {
          if (!isBusy) return Effect.void
          isBusy = false
          busy -= 1
          return turns.release(1)
        })
        if (verdict === "Pause") {
          const send = remark(from, options, Effect.ignore(replies.send(targetOf(message), tooMany)))
          yield* begin(Effect.zipRight(endTurn, send), endTurn)
          return passed()
        }
        const started = yield* Deferred.make<boolean, BotCannotStart>()
        const work = Effect.catchAll(answer(message, replies, options, { started, endTurn }), (error) =>
          Deferred.fail(started, error)
        )
        // Always completed: an interrupted run must not block the messages after it.
        yield* begin(work, Effect.zipRight(endTurn, Deferred.succeed(started, false)))
        const hasStarted = yield* Effect.tapError(Deferred.await(started), () => FiberSet.awaitEmpty(running))
        return hasStarted ? passed() : undefined
      })
    const ending = yield* Effect.forkScoped(Effect.zipRight(client.closed, over))
    // On each connection: a guest is in a room only as long as it is connected. The replies may come after many
    // messages.
    const enter = Effect.forEach(options.rooms?.names ?? [], (room) => client.room(room).join, { discard: true })
    const taken: Exit.Exit<void, BotError> = yield* Effect.raceFirst(
      Effect.raceFirst(
        Effect.exit(Stream.runForEach(client.received, take)),
        Effect.exit(FiberSet.join(running)) // ends only with a defect
      ),
      Effect.exit(Effect.zipRight(enter, Effect.never))
    )
    if (Exit.isFailure(taken) && !isLoss(taken.cause)) return yield* Effect.failCause(taken.cause)
    yield* Fiber.join(ending)
    if (unanswered > 0) options.log(`the connection ended; unanswered messages: ${unanswered}`)
    const [logout] = logouts
    if (logout !== undefined) return yield* logout
    yield* taken
    return yield* LineConnection.closed
  }).pipe(Effect.scoped)

/** The request in a message; undefined if it has none for the bot. */
const messageFor = (
  { from, room, text }: Received.Message,
  name: string,
  rooms: BotRooms | undefined
): BotMessage | undefined => {
  if (room === undefined) return { from, text }
  if (rooms?.names.includes(room) !== true) return undefined
  const asked = Address.textFor(text, name)
  if (asked === undefined && !rooms.takesAll) return undefined
  return { from, room, text: asked ?? text }
}

const targetOf = ({ from, room }: BotMessage) => room ?? from

const describeRefusal = (received: Extract<Received.Received, { readonly _tag: "Refused" }>) => {
  const gap = Received.gapIn(received)
  if (gap !== undefined) return KeptText.gap(gap)
  const returned = Received.returnIn(received)
  return returned === undefined ? `${received.code}: ${received.text}` : KeptText.returned(returned)
}

type Lost = TransportError | Client.LoginRefused

/** Why a bot has ended. `RequestRefused`: it may not enter a room. */
export type BotError = Lost | BotCannotStart | Client.RequestRefused | Client.Unsendable

const isLoss = (cause: Cause.Cause<{ readonly _tag: string }>) => {
  if (Cause.isDie(cause)) return false
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  return failure === undefined || failure._tag === "TransportError" || failure._tag === "LoginRefused"
}

const tooMany = "too many messages: the next ones are not answered"

/** Sends a remark of the bot's own, if the guard allows it. */
const remark = (to: string, { guard }: BotOptions, send: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.flatMap(Time.now, (now) => (guard.mayRemark(to, now) ? send : Effect.void))

/** How answers are sent. */
interface Replies {
  readonly maxLineBytes: number
  /** Sends a line and returns its outcomes, if the server reports any. */
  readonly send: (
    to: string,
    text: string
  ) => Effect.Effect<ReadonlyArray<Client.MessageFate>, TransportError | Client.LoginRefused | Client.Unsendable>
}

/** How the bot replies, and its name on this server. */
const makeReplies = (
  client: Client.ClientHandle,
  { record }: BotOptions
): Effect.Effect<{ readonly name: string; readonly replies: Replies }, Lost> =>
  Effect.map(
    Effect.tap(client.hello, (hello) => record?.seen.useLog(Option.getOrUndefined(hello)?.log)),
    Option.match({
      onNone: () => ({ name: "", replies: { maxLineBytes: defaultMaxLineBytes, send: send(client) } }),
      onSome: ({ maxLineBytes, name }) => ({
        name,
        replies: {
          maxLineBytes,
          // `NoOutcomes` cannot happen: the server has sent `hello`.
          send: (to: string, text: string) =>
            Effect.catchTag(client.deliver([to], text), "NoOutcomes", () => send(client)(to, text))
        }
      })
    })
  )

const send =
  (client: Client.ClientHandle): Replies["send"] =>
  (to, text) =>
    Effect.as(client.send([to], text), [])

/** Reasons for a returned line that mean the sender has left. */
const absences: ReadonlySet<string> = new Set(["offline", "disconnected"])

/** The length of the longest label, the recipient, and the separators. */
const headBytes = (to: string) => `@${Number.MAX_SAFE_INTEGER} `.length + Buffer.byteLength(to) + ": ".length

interface Progress {
  /** Completed when the program has started. */
  readonly started: Deferred.Deferred<boolean, BotCannotStart>
  /**
   * Run once everything is sent, before the outcomes are known. Another bot acknowledges an answer only in a turn of
   * its own, so two bots that kept their turns until then would wait for each other.
   */
  readonly endTurn: Effect.Effect<unknown>
}

/**
 * Handles one message: runs the program and sends back its output, or reports that it failed. If the sender leaves, the
 * rest of the answer is dropped, but the program keeps running until it ends.
 */
const answer = (
  message: BotMessage,
  replies: Replies,
  options: BotOptions,
  { endTurn, started }: Progress
): Effect.Effect<void, BotCannotStart> =>
  Effect.gen(function* () {
    const unsettled = yield* FiberSet.make<void>()
    const places = yield* Effect.makeSemaphore(window)
    const spoken = (settled: Effect.Effect<void>) =>
      Effect.zipRight(places.take(1), FiberSet.run(unsettled, Effect.ensuring(settled, places.release(1))))
    const log = yield* speakFor(message, replies, options, { started, spoken })
    yield* endTurn
    yield* FiberSet.awaitEmpty(unsettled)
    log()
  }).pipe(Effect.scoped)

/** Runs the program and sends its output. The returned effect waits for the outcomes and logs the failures. */
const speakFor = (
  message: BotMessage,
  replies: Replies,
  options: BotOptions,
  {
    spoken,
    started
  }: Pick<Progress, "started"> & { readonly spoken: (settled: Effect.Effect<void>) => Effect.Effect<unknown> }
): Effect.Effect<() => void, BotCannotStart> => {
  const { from } = message
  const target = targetOf(message)
  const answerLines = new AnswerLines(Math.max(1, replies.maxLineBytes - headBytes(target)))
  const failures = new Map<string, number>()
  const count = (failure: string) => failures.set(failure, (failures.get(failure) ?? 0) + 1)

  let hasLeft = false
  const left = (reason: string) => {
    if (!hasLeft) options.log(`${from} has left (${reason}); the rest of the answer is dropped`)
    hasLeft = true
  }

  const speak = (text: string) =>
    replies.send(target, text).pipe(
      Effect.map((fates) => {
        for (const fate of fates) {
          if (fate._tag === "Returned" && absences.has(fate.reason)) left(fate.reason)
          else if (fate._tag !== "Written") count(describe(fate))
        }
      }),
      Effect.catchTags({
        Unsendable: (error) => Effect.sync(() => count(error.message)),
        // The receiving half sees the same break and ends this fiber.
        LoginRefused: () => Effect.never,
        TransportError: () => Effect.never
      })
    )
  // Each line is sent immediately and in order; only waiting for outcomes is concurrent.
  const say = (text: string) => Effect.suspend(() => (hasLeft ? Effect.void : Effect.asVoid(spoken(speak(text)))))
  const sayAll = (lines: ReadonlyArray<string>) => Effect.forEach(lines, say, { discard: true })

  const follow = ({ fault, output }: RunningProgram) =>
    Effect.gen(function* () {
      for (;;) {
        const chunk = yield* Effect.orElseSucceed(Input.read(output), () => undefined)
        if (chunk === undefined) break
        yield* sayAll(answerLines.push(chunk))
      }
      yield* sayAll(answerLines.end())
      return yield* fault
    })
  const log = () => {
    if (answerLines.replaced > 0)
      options.log(`${from}: replaced characters that cannot be sent in ${lines(answerLines.replaced)}`)
    if (answerLines.tooLong > 0) options.log(`${from}: left out ${lines(answerLines.tooLong)} too long for the server`)
    for (const [failure, number] of failures) options.log(`${from}: ${lines(number)} of the answer: ${failure}`)
  }
  const untilTimeout = Effect.timeoutTo({
    duration: options.timeout,
    onSuccess: (fault: string | undefined) => fault,
    onTimeout: () => `it did not end within ${Duration.format(options.timeout)}`
  })
  return begun(message, options).pipe(
    Effect.tap(() => Deferred.succeed(started, true)),
    Effect.flatMap((program) => untilTimeout(follow(program))),
    Effect.scoped,
    Effect.tap((fault) => {
      if (fault === undefined) return Effect.void
      options.log(`${from}: the program failed (${fault})`)
      return remark(from, options, say(`the program failed (${fault})`))
    }),
    Effect.as(log)
  )
}

/** Starts the program, if necessary in several attempts: descriptors may be short, or the program is being replaced. */
const begun = (message: BotMessage, { log, patience, start }: BotOptions) => {
  let attempts = 0
  return start(message).pipe(
    Effect.tapError((reason) =>
      Effect.sync(() => {
        if (attempts++ === 0) log(`${message.from}: the program ${reason}; trying again`)
      })
    ),
    Effect.retry(pauses(patience)),
    Effect.mapError((reason) => new BotCannotStart({ reason: `the program ${reason}` }))
  )
}

const pauses = (patience: Duration.Duration) =>
  Schedule.exponential(firstPause).pipe(Schedule.union(Schedule.spaced(longestPause)), Schedule.upTo(patience))

const lines = (number: number) => (number === 1 ? "1 line" : `${number} lines`)

const describe = (fate: Exclude<Client.MessageFate, { readonly _tag: "Written" }>) => {
  switch (fate._tag) {
    case "Returned":
      return `returned, ${fate.reason}`
    case "Refused":
      return `refused, ${fate.reason}`
    case "Unknown":
      return "outcome unknown, the connection ended"
  }
}
