import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Readable } from "node:stream"
import type { TransportError } from "../ports/Transport.js"
import { AnswerLines } from "./AnswerLines.js"
import type * as Client from "./Client.js"
import * as Input from "./Input.js"
import * as LineConnection from "./LineConnection.js"
import type * as Received from "./Received.js"

/** A program at work on a message. */
export interface RunningProgram {
  /** What it answers, in lines. */
  readonly output: Readable
  /** Waits for its end; tells what went wrong, if something did. */
  readonly fault: Effect.Effect<string | undefined>
}

export interface BotMessage {
  readonly from: string
  readonly text: string
}

export interface BotOptions {
  /** Starts the program, whose end is the scope's; fails with what a person may know of why it cannot. */
  readonly start: (message: BotMessage) => Effect.Effect<RunningProgram, string, Scope.Scope>
  /** How many run at once. */
  readonly concurrency: number
  /** How long one may run. */
  readonly timeout: Duration.Duration
  /** Takes what its keeper should know. */
  readonly log: (line: string) => void
}

/** What a server takes that does not tell. */
const defaultMaxLineBytes = 65_536

/** How many lines of an answer are under way at once. */
const window = 256

/**
 * Answers messages by running a program for each, until the connection is over; then it fails. While as many run as may,
 * no further message is read, which holds the senders back.
 */
export const run = (client: Client.Client, options: BotOptions): Effect.Effect<never, Lost> =>
  Effect.gen(function* () {
    const voice = yield* makeVoice(client)
    const turns = yield* Effect.makeSemaphore(options.concurrency)
    const running = yield* FiberSet.make<void, never>()
    let isOver = false
    let unanswered = 0

    const over = Effect.suspend(() => {
      isOver = true
      return Effect.all([
        Effect.map(FiberSet.size(running), (size) => (unanswered += size)),
        Effect.suspend(() => Fiber.interruptAll([...running])), // all at once: each may take its time to end
        turns.release(1) // for a message that waits for its turn
      ])
    })
    // A fiber that was forked, and not yet added when this one was interrupted, would be forgotten.
    const begin = (work: Effect.Effect<void>) =>
      Effect.uninterruptibleMask((restore) => FiberSet.run(running, restore(work)))
    const take = (received: Received.Received) =>
      Effect.gen(function* () {
        if (received._tag === "Refused") return options.log(`${received.code}: ${received.text}`)
        if (received._tag !== "Message") return
        if (!isOver) yield* turns.take(1)
        if (isOver) unanswered += 1
        else yield* begin(Effect.ensuring(answer(received, voice, options), turns.release(1)))
      })
    const ending = yield* Effect.forkScoped(Effect.zipRight(client.closed, over))
    const taken = yield* Effect.raceFirst(
      Effect.exit(Stream.runForEach(client.received, take)),
      Effect.exit(FiberSet.join(running)) // a defect in one of them
    )
    if (Exit.isFailure(taken) && Cause.isDie(taken.cause)) return yield* Effect.failCause(taken.cause)
    yield* Fiber.join(ending)
    if (unanswered > 0) options.log(`the connection is over, messages that were not answered: ${unanswered}`)
    yield* taken
    return yield* LineConnection.closed
  }).pipe(Effect.scoped)

type Lost = TransportError | Client.LoginRefused

/** How answers get to the server. */
interface Voice {
  readonly maxLineBytes: number
  /** Sends a line, and tells what became of it, as far as this server does. */
  readonly say: (
    to: string,
    text: string
  ) => Effect.Effect<ReadonlyArray<Client.Fate>, TransportError | Client.LoginRefused | Client.Unsendable>
}

const makeVoice = (client: Client.Client): Effect.Effect<Voice, Lost> =>
  Effect.map(
    client.hello,
    Option.match({
      onNone: () => ({ maxLineBytes: defaultMaxLineBytes, say: send(client) }),
      onSome: ({ maxLineBytes }) => ({
        maxLineBytes,
        // It has outcomes, as its hello said.
        say: (to: string, text: string) =>
          Effect.catchTag(client.deliver([to], text), "NoOutcomes", () => send(client)(to, text))
      })
    })
  )

const send =
  (client: Client.Client): Voice["say"] =>
  (to, text) =>
    Effect.as(client.send([to], text), [])

/** Why a line comes back to whom nothing more needs to be sent. */
const absences: ReadonlySet<string> = new Set(["offline", "disconnected"])

/** A label, the recipient, and what stands between. */
const headBytes = (to: string) => `@${Number.MAX_SAFE_INTEGER} `.length + Buffer.byteLength(to) + ": ".length

/**
 * One message: runs the program, and sends back what it writes, or that it failed, as long as the sender is there. The
 * program goes on without: who asked for something need not wait for its end.
 */
const answer = (message: BotMessage, voice: Voice, options: BotOptions): Effect.Effect<void> => {
  const { from } = message
  const answerLines = new AnswerLines(Math.max(1, voice.maxLineBytes - headBytes(from)))
  const fates = new Map<string, number>()
  const count = (fate: string) => fates.set(fate, (fates.get(fate) ?? 0) + 1)

  let hasLeft = false
  const left = (reason: string) => {
    if (!hasLeft) options.log(`${from}: is not there any more (${reason}); the rest of the answer is dropped`)
    hasLeft = true
  }

  const speak = (text: string) =>
    voice.say(from, text).pipe(
      Effect.map((told) => {
        for (const fate of told) {
          if (fate._tag === "Returned" && absences.has(fate.reason)) left(fate.reason)
          else if (fate._tag !== "Written") count(describe(fate))
        }
      }),
      Effect.catchTags({
        Unsendable: (error) => Effect.sync(() => count(error.message)),
        // The reading half sees the same break, and ends this fiber.
        LoginRefused: () => Effect.never,
        TransportError: () => Effect.never
      })
    )
  const say = (text: string) => Effect.suspend(() => (hasLeft ? Effect.void : speak(text)))
  // Each is sent as soon as its turn comes, and only its outcome is waited for: they keep their order.
  const sayAll = (lines: ReadonlyArray<string>) => Effect.forEach(lines, say, { concurrency: window, discard: true })

  const speakFor = ({ fault, output }: RunningProgram) =>
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
    if (answerLines.replaced > 0) options.log(`${from}: replaced what cannot be sent in ${lines(answerLines.replaced)}`)
    if (answerLines.tooLong > 0) options.log(`${from}: left out ${lines(answerLines.tooLong)}, too long for the server`)
    for (const [fate, number] of fates) options.log(`${from}: ${lines(number)} of the answer: ${fate}`)
  }
  return options.start(message).pipe(
    Effect.flatMap(speakFor),
    Effect.scoped,
    Effect.timeoutTo({
      duration: options.timeout,
      onSuccess: (fault) => fault,
      onTimeout: (): string | undefined => `no end within ${Duration.format(options.timeout)}`
    }),
    Effect.merge,
    Effect.tap((fault) => {
      if (fault === undefined) return Effect.void
      options.log(`${from}: the program failed (${fault})`)
      return say(`the program failed (${fault})`)
    }),
    Effect.zipRight(Effect.sync(log))
  )
}

const lines = (number: number) => (number === 1 ? "1 line" : `${number} lines`)

const describe = (fate: Exclude<Client.Fate, { readonly _tag: "Written" }>) => {
  switch (fate._tag) {
    case "Returned":
      return `returned, ${fate.reason}`
    case "Refused":
      return `refused, ${fate.reason}`
    case "Unknown":
      return "nobody knows what became of it, the connection is over"
  }
}
