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
import type * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"

/** Sends many lines at the speed of the server, in constant memory, and accounts for each of them. */

export interface SendingOptions {
  /** Logged in. */
  readonly connection: LineConnection.LineConnection
  readonly recipients: ReadonlyArray<string>
  /** The texts, a line each; what stands behind the last LF counts as a line. */
  readonly input: Readable
  /** Longest text that is tried, in bytes; the server has the last word. */
  readonly maxLineBytes: number
  /** How often a line is sent again after the server named a time when it may succeed. */
  readonly retries: number
  /** How long an outcome may take; it counts from the last outcome that came. */
  readonly patience: Duration.Duration
  /** LineOutcome of each outcome that is final, once. */
  readonly report: (told: LineOutcome) => void
  /** Waits until what was reported is taken, as far as to bound what waits; no new line is sent before. */
  readonly reported: Effect.Effect<void>
}

export interface LineOutcome {
  /** The number of the line, from 1. */
  readonly line: number
  readonly outcome: Outcomes.Outcome
  /** Whom it concerns: who has this outcome, or for whom the whole line was refused, or of whom nothing is known. */
  readonly names: ReadonlyArray<string>
}

/** No outcome came in time. */
export class Stalled extends Data.TaggedError("Stalled")<{ readonly patience: Duration.Duration }> {
  override get message() {
    return `no outcome for ${Duration.format(this.patience)}`
  }
}

/** Where the sending stands: lines, and the outcomes of their recipients. */
export interface SendTotals {
  /** Lines that were sent, or too long to be. */
  readonly lines: number
  readonly written: number
  /** Recipients that did not get a line. */
  readonly returned: number
  /** Lines that were refused as a whole. */
  readonly refused: number
  /** Lines of which nobody knows. */
  readonly unknown: number
}

/**
 * How many outcomes are waited for: a sixteenth of what the server allows. More would be faster to servers far away,
 * and slower to all others, since what waits survives in the heap.
 */
const windowOutcomes = 4096

/** How many bytes of text wait for their outcomes. */
const windowBytes = 4 * 1024 * 1024

/** How many lines go out in one write. */
const batchLines = 512

interface Line {
  readonly number: number
  /** In its wire form. */
  readonly text: string
  readonly names: ReadonlyArray<string>
  readonly tries: number
}

/** A class, since there are thousands of them at any moment: one object a line, and no closure. */
class Waiting implements Outcomes.AwaitedLine {
  due: number
  /** Who had an outcome, if not all have it at once. */
  private settled: Set<string> | undefined = undefined
  constructor(
    private readonly line: Line,
    private readonly settle: (told: LineOutcome, line: Line, isLast: boolean) => void
  ) {
    this.due = line.names.length
  }
  told(outcome: Outcomes.Outcome, isLast: boolean) {
    const { names, number } = this.line
    if (outcome._tag === "Refused" || outcome._tag === "Unknown") {
      const { settled } = this
      const rest = settled === undefined ? names : names.filter((name) => !settled.has(name))
      return this.settle({ line: number, outcome, names: rest }, this.line, isLast)
    }
    if (!isLast) for (const name of outcome.names) (this.settled ??= new Set()).add(name)
    return this.settle({ line: number, outcome, names: outcome.names }, this.line, isLast)
  }
}

/** A line that the server did not take, what it said, and the time (of `performance.now`) from which it may. */
interface Repeat extends Line {
  readonly told: LineOutcome
  readonly at: number
}

/** One sending, of which `totals` is a view that moves. */
export interface Sending {
  readonly totals: SendTotals
  readonly run: Effect.Effect<SendResult, Input.InputError | Stalled>
}

/**
 * How a sending ended. `Complete`: every line has its outcomes. `Unknown`: every line was sent, but the connection ended
 * before every outcome came. `Unsent`: the connection ended before the input did; outcomes may be missing as well.
 */
export type SendResult = "Complete" | "Unknown" | "Unsent"

export const make = (options: SendingOptions): Sending => {
  const { input, connection, maxLineBytes, patience, recipients, report, reported, retries } = options
  const head = Wire.encode(recipients.join(", "))
  const tooLong: Outcomes.Outcome = {
    _tag: "Refused",
    reason: "too-long",
    retryMillis: undefined,
    text: `the line has more than ${maxLineBytes} bytes and was skipped`
  }
  const totals = { lines: 0, written: 0, returned: 0, refused: 0, unknown: 0 }
  const repeats: Array<Repeat> = []
  const room = Effect.unsafeMakeLatch(true)
  const idle = Effect.unsafeMakeLatch(true)
  const hasRepeats = Effect.unsafeMakeLatch(false)
  const noRepeats = Effect.unsafeMakeLatch(true)
  let waiting = 0
  let waitingBytes = 0
  let isClosing = false
  let isAllSent = false
  let lastNews = performance.now()

  const hasRoom = () => waiting * recipients.length < windowOutcomes && waitingBytes < windowBytes

  /** The line with a label, and counted as one that waits for its outcomes. */
  const labelled = (line: Line): string => {
    if (waiting === 0) {
      lastNews = performance.now()
      idle.unsafeClose()
    }
    waiting += 1
    waitingBytes += line.text.length
    const label = connection.outcomes.expect(new Waiting(line, told))
    return `@${label} ${line.names === recipients ? head : Wire.encode(line.names.join(", "))}: ${line.text}\n`
  }

  const told = (what: LineOutcome, line: Line, isLast: boolean) => {
    lastNews = performance.now()
    if (!mayGoAgain(line, what)) final(what)
    if (!isLast) return
    waiting -= 1
    waitingBytes -= line.text.length
    if (hasRoom()) room.unsafeOpen()
    if (waiting + repeats.length === 0) idle.unsafeOpen()
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

  const mayGoAgain = (line: Line, what: LineOutcome): boolean => {
    const { names, outcome } = what
    if (line.tries >= retries || outcome._tag === "Written" || outcome._tag === "Unknown") return false
    if (outcome.retryMillis === undefined) return false
    // A copy, since the whole read that it was cut from would stay as long as it waits.
    const text = Wire.copy(line.text)
    repeats.push({
      ...line,
      names,
      text,
      tries: line.tries + 1,
      told: what,
      at: performance.now() + outcome.retryMillis
    })
    hasRepeats.unsafeOpen()
    noRepeats.unsafeClose()
    return true
  }

  const sendRepeats = Effect.gen(function* () {
    for (;;) {
      yield* hasRepeats.await
      const line = repeats[0]
      if (line === undefined) continue
      yield* Effect.sleep(Math.max(0, line.at - performance.now()))
      const wire = labelled(line)
      repeats.shift()
      if (repeats.length === 0) {
        hasRepeats.unsafeClose()
        noRepeats.unsafeOpen()
      }
      yield* send(wire)
    }
  })

  /** If the connection breaks, the receiving half sees it, too, and ends all this. */
  const send = (wire: string) => Effect.catchTag(connection.send(wire), "TransportError", () => Effect.never)

  /** Sends the lines of one read; new ones wait for those that are sent again, which come first in order. */
  const sendLines = (texts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      for (let at = 0; at < texts.length;) {
        yield* noRepeats.await
        yield* room.await
        yield* reported
        // Nothing more can succeed on this connection; what remains is to wait for its end.
        if (connection.outcomes.hasEnded || isClosing) return yield* Effect.never
        let wire = ""
        const end = Math.min(texts.length, at + batchLines)
        for (; at < end && hasRoom(); at++) {
          totals.lines += 1
          wire += labelled({ number: totals.lines, text: texts[at] ?? "", names: recipients, tries: 0 })
        }
        if (!hasRoom()) room.unsafeClose()
        yield* send(wire)
      }
    })

  const sendInput = Effect.gen(function* () {
    yield* Effect.fork(sendRepeats)
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

  /** Returns when the connection has ended, in order or not: no outcome comes any more. */
  const over = Effect.ignore(Stream.runDrain(connection.lines))

  const settle = Effect.sync(() => {
    connection.outcomes.end()
    for (const repeat of repeats) final(repeat.told)
  })

  // The end of the connection settles every waiting line as unknown, so `sendInput` may win the race against `over`.
  // Only the totals show whether every outcome came.
  const completion = (): SendResult => {
    if (!isAllSent || repeats.length > 0) return "Unsent"
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

/** Reads the input to its end, as lines; what stands behind the last LF is one. */
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
 * Sends lines without labels and leaves. Every refusal and return that the server reports until it closes is passed on.
 * Succeeds with `true` if the server is known to have dealt with every line, or if it is one that never says so.
 */
export const unlabelled = (
  options: Pick<SendingOptions, "connection" | "recipients" | "input" | "maxLineBytes" | "patience"> & {
    /**
     * Whether the server takes `/quit` with a label. Its answer comes after the last line was written or returned, and
     * is the only proof of that: the kernel closes the connections of a killed server in order as well. An original
     * server gives no proof; there the end of the connection after ours has to do.
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
    // The server closes after its last line, and `listen` takes every line before that end.
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

/** Leaves with `/quit` and waits for the answer. A server that limits rates may refuse the line itself at first. */
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
      // Without a time to retry, the server is shutting down and takes no `/quit`: it never confirms.
      if (retryMillis === undefined) return yield* Effect.never
      yield* Effect.sleep(retryMillis)
    }
  })
