import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import type { Readable } from "node:stream"
import type { TransportError } from "../ports/Transport.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import * as Input from "./Input.js"
import type * as LineConnection from "./LineConnection.js"
import * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"

/** Sends many lines at the speed of the server, in constant memory, and reports the outcome of each. */

export interface SendingOptions {
  /** Already logged in. */
  readonly connection: LineConnection.LineConnection
  readonly recipients: ReadonlyArray<string>
  /** One text per line. A last line without its LF counts as a line. */
  readonly input: Readable
  /** Longest text that is sent, in bytes. The server may still refuse it. */
  readonly maxLineBytes: number
  /** How often a line is sent again if the server says that it may succeed later. */
  readonly retries: number
  /** The longest wait for an outcome, measured from the previous outcome. */
  readonly patience: Duration.Duration
  /** Called once for each final outcome. */
  readonly report: (outcome: LineOutcome) => void
  /** Waits while too many reports are unread. No new line is sent meanwhile, so reports take bounded memory. */
  readonly reported: Effect.Effect<void>
}

export interface LineOutcome {
  /** Number of the line, from 1. */
  readonly line: number
  readonly outcome: Outcomes.Outcome
  /** The recipients with this outcome. For a refused or unknown line, all recipients without another outcome. */
  readonly names: ReadonlyArray<string>
}

/** No outcome arrived in time. */
export class Stalled extends Data.TaggedError("Stalled")<{ readonly patience: Duration.Duration }> {
  override get message() {
    return `no outcome for ${Duration.format(this.patience)}`
  }
}

/** Progress so far: lines, and the outcomes for their recipients. */
export interface SendTotals {
  /** Lines sent, and lines too long to be sent. */
  readonly lines: number
  readonly written: number
  /** Lines returned, counted once for each recipient. */
  readonly returned: number
  /** Lines refused as a whole. */
  readonly refused: number
  /** Lines with an unknown outcome. */
  readonly unknown: number
}

/**
 * Outcomes that may be outstanding: a sixteenth of the server's limit. A larger window is faster with a distant server,
 * but slower with any other, because more waiting lines outlive V8's young generation.
 */
const windowOutcomes = 4096

/** Bytes of text that may wait for outcomes. */
const windowBytes = 4 * 1024 * 1024

/** Lines sent in one write. */
const batchLines = 512

interface Line {
  readonly number: number
  /** In wire form. */
  readonly text: string
  readonly recipients: Outcomes.Recipients
  readonly tries: number
}

/** A class rather than closures: thousands exist at any moment, and this takes one object per line. */
class Waiting implements Outcomes.AwaitedLine {
  due: Outcomes.AwaitedLine["due"] = undefined
  constructor(
    private readonly line: Line,
    private readonly settle: (outcome: LineOutcome, line: Line, isLast: boolean) => void
  ) {}
  get recipients() {
    return this.line.recipients
  }
  accept(outcome: Outcomes.Outcome, names: ReadonlyArray<string>, isLast: boolean) {
    this.settle({ line: this.line.number, outcome, names }, this.line, isLast)
  }
}

/** A line to be sent again: its last outcome, and the earliest time to send it (`performance.now`). */
interface Retry extends Line {
  readonly outcome: LineOutcome
  readonly at: number
}

/** A sending, which can be run once. `totals` is live. */
export interface Sending {
  readonly totals: SendTotals
  readonly run: Effect.Effect<SendResult, Input.InputError | Stalled>
}

/**
 * How a sending ended. `Complete`: every line has its outcomes. `Unknown`: every line was sent, but some outcome is
 * unknown. `Unsent`: the connection ended before the input did; outcomes may be missing as well.
 */
export type SendResult = "Complete" | "Unknown" | "Unsent"

export const make = (options: SendingOptions): Sending => {
  const { input, connection, maxLineBytes, patience, recipients, report, reported, retries } = options
  const everyone = new Outcomes.Recipients(recipients)
  const head = Wire.encode(recipients.join(", "))
  const tooLong: Outcomes.Outcome = {
    _tag: "Refused",
    reason: "too-long",
    retryMillis: undefined,
    text: `the line has more than ${maxLineBytes} bytes and was skipped`
  }
  const totals = { lines: 0, written: 0, returned: 0, refused: 0, unknown: 0 }
  const retryQueue: Array<Retry> = []
  const room = Effect.unsafeMakeLatch(true)
  const idle = Effect.unsafeMakeLatch(true)
  const hasRetries = Effect.unsafeMakeLatch(false)
  const noRetries = Effect.unsafeMakeLatch(true)
  let waiting = 0
  let waitingBytes = 0
  let isClosing = false
  let isAllSent = false
  let lastNews = performance.now()

  const hasRoom = () => waiting * recipients.length < windowOutcomes && waitingBytes < windowBytes

  /** Labels a line and registers that it waits for outcomes. */
  const labelled = (line: Line): string => {
    if (waiting === 0) {
      lastNews = performance.now()
      idle.unsafeClose()
    }
    waiting += 1
    waitingBytes += line.text.length
    const label = connection.outcomes.expect(new Waiting(line, settled))
    const to = line.recipients === everyone ? head : Wire.encode(line.recipients.names.join(", "))
    return `@${label} ${to}: ${line.text}\n`
  }

  const settled = (what: LineOutcome, line: Line, isLast: boolean) => {
    lastNews = performance.now()
    if (!retryLater(line, what)) final(what)
    if (!isLast) return
    waiting -= 1
    waitingBytes -= line.text.length
    if (hasRoom()) room.unsafeOpen()
    if (waiting + retryQueue.length === 0) idle.unsafeOpen()
  }

  const final = (what: LineOutcome) => {
    const { outcome } = what
    switch (outcome._tag) {
      case "Written":
        totals.written += outcome.names.length
        break
      case "Returned":
        totals.returned += outcome.names.length
        break
      case "Refused":
        totals.refused += 1
        isClosing ||= outcome.reason === "closing"
        break
      case "Unknown":
        totals.unknown += 1
    }
    report(what)
  }

  /** Queues a line to be sent again if it may succeed; returns whether it was queued. */
  const retryLater = (line: Line, what: LineOutcome): boolean => {
    const { names, outcome } = what
    if (line.tries >= retries || outcome._tag === "Written" || outcome._tag === "Unknown") return false
    if (outcome.retryMillis === undefined) return false
    // A copy: a slice would keep the whole read alive while the line waits.
    const text = Wire.copy(line.text)
    retryQueue.push({
      ...line,
      recipients: new Outcomes.Recipients(names),
      text,
      tries: line.tries + 1,
      outcome: what,
      at: performance.now() + outcome.retryMillis
    })
    hasRetries.unsafeOpen()
    noRetries.unsafeClose()
    return true
  }

  const sendRetries = Effect.gen(function* () {
    for (;;) {
      yield* hasRetries.await
      const line = retryQueue[0]
      if (line === undefined) continue
      yield* Effect.sleep(Math.max(0, line.at - performance.now()))
      const wire = labelled(line)
      retryQueue.shift()
      if (retryQueue.length === 0) {
        hasRetries.unsafeClose()
        noRetries.unsafeOpen()
      }
      yield* send(wire)
    }
  })

  /** Never fails: the receiving half sees the same break and ends the sending. */
  const send = (wire: string) => Effect.catchTag(connection.send(wire), "TransportError", () => Effect.never)

  /** Sends the lines of one read, once no earlier line has to be sent again. */
  const sendLines = (texts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      for (let at = 0; at < texts.length;) {
        yield* noRetries.await
        yield* room.await
        yield* reported
        // No further line can succeed on this connection, so wait for its end.
        if (connection.outcomes.hasEnded || isClosing) return yield* Effect.never
        let wire = ""
        const end = Math.min(texts.length, at + batchLines)
        for (; at < end && hasRoom(); at++) {
          totals.lines += 1
          wire += labelled({ number: totals.lines, text: texts[at] ?? "", recipients: everyone, tries: 0 })
        }
        if (!hasRoom()) room.unsafeClose()
        yield* send(wire)
      }
    })

  const sendInput = Effect.gen(function* () {
    yield* Effect.fork(sendRetries)
    yield* forEachPiece(input, maxLineBytes, (piece) =>
      piece._tag === "Lines"
        ? sendLines(Wire.lines(piece.text))
        : Effect.sync(() => final({ line: (totals.lines += 1), outcome: tooLong, names: recipients }))
    )
    isAllSent = true
    yield* idle.await
  })

  const watch = Effect.gen(function* () {
    for (;;) {
      const left = lastNews + Duration.toMillis(patience) - performance.now()
      if (waiting > 0 && left <= 0) return yield* new Stalled({ patience })
      yield* Effect.sleep(waiting > 0 ? left : patience)
    }
  })

  /** Returns when the connection has ended, orderly or not, after which no outcome can arrive. */
  const over = Effect.ignore(Stream.runDrain(connection.lines))

  const settle = Effect.sync(() => {
    connection.outcomes.end()
    for (const retry of retryQueue) final(retry.outcome)
  })

  // The end of the connection settles every waiting line as unknown, so `sendInput` may win the race against `over`.
  // Only the totals show whether every outcome arrived.
  const completion = (): SendResult => {
    if (!isAllSent || retryQueue.length > 0) return "Unsent"
    return totals.unknown > 0 ? "Unknown" : "Complete"
  }

  return {
    totals,
    run: Effect.raceFirst(Effect.raceFirst(sendInput, over), watch).pipe(
      Effect.ensuring(settle),
      Effect.map(completion)
    )
  }
}

/** Reads the input to its end, as lines. A last line without its LF counts as a line. */
const forEachPiece = <E>(input: Readable, maxLineBytes: number, take: (piece: Piece) => Effect.Effect<void, E>) =>
  Effect.gen(function* () {
    const framing = new Framing(maxLineBytes)
    for (;;) {
      const chunk = yield* Input.read(input)
      for (const piece of chunk === undefined ? framing.end() : framing.push(chunk)) yield* take(piece)
      if (chunk === undefined) return
    }
  })

/**
 * Sends lines without labels and leaves. Passes on every refusal and return that the server reports until it closes.
 * Succeeds with `true` if the server is known to have handled every line, or if it is an original server, which gives
 * no such proof.
 */
export const unlabelled = (
  options: Pick<SendingOptions, "connection" | "recipients" | "input" | "maxLineBytes" | "patience"> & {
    /**
     * Whether the server accepts `/quit` with a label. Its reply arrives after the last line was written or returned,
     * and is the only proof of that: the kernel also closes the connections of a killed server in an orderly way. An
     * original server gives no proof; an orderly end after ours has to suffice.
     */
    readonly confirms: boolean
    readonly refused: (line: string) => void
  }
): Effect.Effect<boolean, Input.InputError> => {
  const { confirms, input, connection, maxLineBytes, patience, recipients, refused } = options
  const head = Wire.encode(recipients.join(", "))
  let isConfirmed = false
  const leave = confirms
    ? Effect.map(quit(connection), () => {
        isConfirmed = true
      })
    : Effect.map(connection.end, () => {
        isConfirmed = true
      })
  const sendInput = Effect.gen(function* () {
    yield* forEachPiece(input, maxLineBytes, (piece) =>
      piece._tag === "Lines"
        ? connection.send(`${head}: ${Wire.lines(piece.text).join(`\n${head}: `)}\n`)
        : Effect.sync(() => refused(`! too-long max=${maxLineBytes}: a line was skipped`))
    )
    // The server closes after its last line, and `listen` reads every line before that end.
    yield* Effect.timeoutOption(Effect.zipRight(leave, Effect.never), patience)
    return isConfirmed
  }).pipe(Effect.catchTag("TransportError", () => Effect.never))
  const listen = Stream.runForEachChunk(connection.lines, (lines) =>
    Effect.sync(() => {
      for (const line of lines) if (line.startsWith("! ")) refused(line)
    })
  )
  const over = Effect.match(listen, { onSuccess: () => isConfirmed, onFailure: () => confirms && isConfirmed })
  return Effect.raceFirst(over, sendInput)
}

const quitLabel = "quit"

/** Leaves with `/quit` and waits for the reply. A server with a rate limit may refuse the `/quit` itself at first. */
const quit = (connection: LineConnection.LineConnection): Effect.Effect<void, TransportError> =>
  Effect.gen(function* () {
    for (;;) {
      const retryMillis = yield* connection.ask(`@${quitLabel} /quit\n`, (line) => {
        const received = Received.parse(line)
        if (received._tag !== "Refused" && received._tag !== "Notice") return undefined
        if (received.label !== quitLabel) return undefined
        return Exit.succeed(received._tag === "Refused" ? received.retryMillis : ("left" as const))
      })
      if (retryMillis === "left") return
      // Without a retry time, the server is shutting down and accepts no `/quit`, so it never confirms.
      if (retryMillis === undefined) return yield* Effect.never
      yield* Effect.sleep(retryMillis)
    }
  })
