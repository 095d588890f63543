import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Readable } from "node:stream"
import * as Wire from "../protocol/Wire.js"
import * as Input from "./Input.js"
import type * as LineConnection from "./LineConnection.js"
import * as Outcomes from "./Outcomes.js"
import type { Pace } from "./Pace.js"
import * as Received from "./Received.js"
import { RetryQueue } from "./RetryQueue.js"
import { AwaitedSentLine, type LineOutcome, type SentLine } from "./SentLine.js"

/** Sends many lines at the speed of the server, in constant memory, and reports the outcome of each. */

/** A connection that is logged in, and the pace that its server allows. */
export interface Link {
  readonly connection: LineConnection.LineConnection
  readonly pace: Pace
}

export interface SendingOptions<E> {
  readonly link: Link
  /**
   * Connects again after the server has shut down. Run only if `retries` is greater than 0. Its argument is the number of
   * connections before, in a row, on which no line got its final outcome.
   */
  readonly reconnect: (inVain: number) => Effect.Effect<Link, E, Scope.Scope>
  readonly recipients: ReadonlyArray<string>
  /** One text per line. A last line without its LF counts as a line. */
  readonly input: Readable
  /** Longest text that is sent, in bytes. The server may still refuse it. */
  readonly maxLineBytes: number
  /** How often a line is sent again if the server says that it may succeed later, or shuts down. */
  readonly retries: number
  /** How long to wait for a recipient that is absent, in milliseconds; 0 returns its lines at once. */
  readonly absenceMillis: number
  /** The longest wait for an outcome, measured from the previous outcome. */
  readonly patience: Duration.Duration
  /** Called once for each final outcome. */
  readonly report: (outcome: LineOutcome) => void
  /** Waits while too many reports are unread. No new line is sent meanwhile, so reports take bounded memory. */
  readonly reported: Effect.Effect<void>
  /**
   * Takes what the server sends besides outcomes, until the connection ends. By default, that is dropped, and the run ends
   * when every outcome has arrived. With this, it ends only with the connection.
   */
  readonly receive?: ((connection: LineConnection.LineConnection) => Effect.Effect<void>) | undefined
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

/** A sending, which can be run once. `totals` is live. */
export interface Sending<E> {
  readonly totals: SendTotals
  readonly run: Effect.Effect<SendResult, Input.InputError | Stalled | E>
}

/**
 * How a sending ended. `Complete`: every line has its outcomes. `Unknown`: every line was sent, but some outcome is
 * unknown. `Unsent`: the connection ended before the input did; outcomes may be missing as well.
 */
export type SendResult = "Complete" | "Unknown" | "Unsent"

export const make = <E>(options: SendingOptions<E>): Sending<E> => {
  const { absenceMillis, input, maxLineBytes, patience, receive, recipients, report, reported, retries } = options
  const everyone = new Outcomes.Recipients(recipients)
  const head = Wire.encode(recipients.join(", "))
  const tooLong: Outcomes.Outcome = {
    _tag: "Refused",
    reason: "too-long",
    retryMillis: undefined,
    text: `the line has more than ${maxLineBytes} bytes and was skipped`
  }
  const totals = { lines: 0, written: 0, returned: 0, refused: 0, unknown: 0 }
  const mayResend = retries > 0 || absenceMillis > 0
  const retryQueue = new RetryQueue(absenceMillis, (what) => final(what))
  /** Open while a line of the input may be sent. */
  const clear = Effect.unsafeMakeLatch(true)
  /** Open while the first line of `retryQueue` may be sent. */
  const retryClear = Effect.unsafeMakeLatch(false)
  const idle = Effect.unsafeMakeLatch(true)
  let link = options.link
  /** Whether the server takes lines on this connection. */
  let isUp = true
  /** Whether the server has announced its shutdown and has not closed this connection yet. */
  let isClosing = false
  /** Whether the server has sent its last line in order: what has no outcome was not accepted. */
  let hasSaidBye = false
  /**
   * Lines that may wait for outcomes. If a line may be sent again, the window starts with one line, and returns to one
   * when a line is refused, so that a refusal finds as few later lines under way as possible. Where a rate is announced,
   * it stays at one: any line may be refused, and no later line may overtake it.
   */
  let window = mayResend ? 1 : windowOutcomes
  let waiting = 0
  let waitingBytes = 0
  let isAllSent = false
  /** Whether a line got its final outcome on this connection; and the number of connections before without one. */
  let hasProgressed = true
  let inVain = 0
  let lastNews = performance.now()

  const hasRoom = () => waiting < window && waiting * recipients.length < windowOutcomes && waitingBytes < windowBytes

  const isClear = () => isUp && retryQueue.size === 0 && hasRoom()

  const isRetryClear = () => isUp && retryQueue.size > 0 && hasRoom()

  /** Notices an end of the connection that `untilEnd` has not seen yet: a line registered after it would wait for ever. */
  const checkEnd = () => {
    if (!isUp || !link.connection.outcomes.hasEnded) return
    isUp = false
    refresh()
  }

  /** The server shuts down: nothing is sent until there is another connection. */
  const closing = () => {
    if (!isClosing) lastNews = performance.now()
    isUp = false
    isClosing = true
  }

  /** Sets the latches after a change. */
  const refresh = () => {
    if (isClear()) clear.unsafeOpen()
    else clear.unsafeClose()
    if (isRetryClear()) retryClear.unsafeOpen()
    else retryClear.unsafeClose()
    if (waiting + retryQueue.size === 0) idle.unsafeOpen()
    else idle.unsafeClose()
  }

  /** Labels a line and registers that it waits for outcomes. */
  const labelled = (line: SentLine): string => {
    if (waiting === 0) lastNews = performance.now()
    waiting += 1
    waitingBytes += line.text.length
    const label = link.connection.outcomes.expect(new AwaitedSentLine(line, settled))
    const to = line.recipients === everyone ? head : Wire.encode(line.recipients.names.join(", "))
    return `@${label} ${to}: ${line.text}\n`
  }

  const settled = (what: LineOutcome, line: SentLine, isLast: boolean) => {
    lastNews = performance.now()
    const isAgain = mayResend && retryLater(line, what)
    if (isAgain) window = 1
    else final(what)
    if (isLast) {
      waiting -= 1
      waitingBytes -= line.text.length
      if (!isAgain && window < windowOutcomes && !link.pace.isLimited) window += 1
    }
    refresh()
  }

  const final = (what: LineOutcome) => {
    const { outcome } = what
    hasProgressed = true
    switch (outcome._tag) {
      case "Written":
        totals.written += outcome.names.length
        retryQueue.reached(outcome.names)
        break
      case "Returned":
        totals.returned += outcome.names.length
        break
      case "Refused":
        totals.refused += 1
        if (outcome.reason === "closing") closing()
        break
      case "Unknown":
        totals.unknown += 1
    }
    report(what)
  }

  /** Queues a line to be sent again if it may succeed; returns whether it was queued. */
  const retryLater = (line: SentLine, what: LineOutcome): boolean => {
    const { names, outcome } = what
    if (outcome._tag === "Written") return false
    if (outcome._tag === "Returned" && outcome.reason === "offline") return retryQueue.addForAbsent(line, what)
    if (line.tries >= retries) return false
    const isShutDown = outcome._tag === "Unknown" ? isUnaccepted(line, names) : outcome.reason === "closing"
    if (isShutDown) {
      closing()
      const refusal: Outcomes.Outcome =
        outcome._tag === "Refused"
          ? outcome
          : { _tag: "Refused", reason: "closing", retryMillis: undefined, text: shutDown }
      retryQueue.add(line, { ...what, outcome: refusal }, { tries: line.tries + 1, at: 0 })
      return true
    }
    if (outcome._tag === "Unknown" || outcome.retryMillis === undefined) return false
    // A server may ask for any delay; the user has set how long an outcome may take.
    if (outcome.retryMillis > Duration.toMillis(patience)) return false
    if (outcome.reason === "slow-down") link.pace.refused(outcome.retryMillis, performance.now())
    retryQueue.add(line, what, { tries: line.tries + 1, at: performance.now() + outcome.retryMillis })
    return true
  }

  /** Whether a line without an outcome was not accepted: the outcomes of accepted lines precede the server's last line. */
  const isUnaccepted = (line: SentLine, names: ReadonlyArray<string>) =>
    hasSaidBye && link.connection.outcomes.hasEnded && names.length === line.recipients.names.length

  const sendRetries = Effect.gen(function* () {
    for (;;) {
      yield* retryClear.await
      const line = retryQueue.first
      checkEnd()
      if (line === undefined || !isRetryClear()) continue
      const now = performance.now()
      const wait = Math.max(line.at - now, link.pace.wait(now))
      if (wait > 0) {
        yield* Effect.raceFirst(Effect.sleep(wait), retryQueue.joined.await)
        retryQueue.joined.unsafeClose()
        continue
      }
      link.pace.spend(1)
      const wire = labelled(line)
      retryQueue.shift()
      refresh()
      yield* send(wire)
    }
  })

  /** Never fails: the receiving half sees the same break. */
  const send = (wire: string) => Effect.catchTag(link.connection.send(wire), "TransportError", () => Effect.void)

  /** Sends the lines of one read, once no earlier line has to be sent again. */
  const sendLines = (texts: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      for (let at = 0; at < texts.length;) {
        yield* clear.await
        yield* reported
        checkEnd()
        if (!isClear()) continue
        const now = performance.now()
        const wait = link.pace.wait(now)
        if (wait > 0) {
          yield* Effect.sleep(wait)
          continue
        }
        let wire = ""
        const start = at
        const end = Math.min(texts.length, at + Math.min(batchLines, link.pace.available(now)))
        for (; at < end && hasRoom(); at++) {
          totals.lines += 1
          wire += labelled({ number: totals.lines, text: texts[at] ?? "", recipients: everyone, tries: 0 })
        }
        link.pace.spend(at - start)
        refresh()
        yield* send(wire)
      }
    })

  const sendInput = Effect.gen(function* () {
    yield* Effect.fork(sendRetries)
    yield* Input.forEachPiece(input, maxLineBytes, (piece) =>
      piece._tag === "Lines"
        ? sendLines(Wire.lines(piece.text))
        : Effect.sync(() => final({ line: (totals.lines += 1), outcome: tooLong, names: recipients }))
    )
    isAllSent = true
    yield* receive === undefined ? idle.await : Effect.never
  })

  const watch = Effect.gen(function* () {
    for (;;) {
      const isExpecting = waiting > 0 || isClosing
      const left = lastNews + Duration.toMillis(patience) - performance.now()
      if (isExpecting && left <= 0) return yield* new Stalled({ patience })
      yield* Effect.sleep(isExpecting ? left : patience)
    }
  })

  /** Sees the server's notices in order with the outcomes. */
  const notice = (line: string) => {
    if (line.startsWith("* joined ")) {
      const received = Received.parse(line)
      retryQueue.hasJoined(received._tag === "Notice" ? (received.words[0] ?? "") : "")
    } else if (line.startsWith("* closing ") && retries > 0) {
      closing()
      refresh()
    } else if (line.startsWith("* bye ")) hasSaidBye = true
    return undefined
  }

  /** Returns when the connection has ended, orderly or not, after which no outcome can arrive. */
  const untilEnd = ({ connection }: Link) =>
    Effect.suspend(() => {
      const lines = receive?.(connection) ?? Effect.ignore(Stream.runDrain(connection.lines))
      const notices = Effect.catchAll(connection.ask("", notice), () => Effect.never)
      return Effect.raceFirst(lines, notices)
    }).pipe(
      Effect.zipRight(
        Effect.sync(() => {
          isUp = false
          isClosing = false
          connection.outcomes.end()
          refresh()
        })
      ),
      // A server that shuts down waits for this end, and so does the next server on its port.
      Effect.zipRight(connection.end)
    )

  const connected = Effect.suspend(() => {
    inVain = hasProgressed ? 0 : inVain + 1
    hasProgressed = false
    return options.reconnect(inVain)
  })

  const next = Effect.flatMap(connected, (made) => {
    link = made
    isUp = true
    hasSaidBye = false
    window = 1
    retryQueue.reconnected()
    refresh()
    return untilEnd(made)
  })

  // An unknown outcome ends the sending: the user has to decide whether that line is sent again.
  const mayContinue = () => retries > 0 && totals.unknown === 0 && !(isAllSent && retryQueue.size === 0)

  const over = Effect.gen(function* () {
    yield* untilEnd(link)
    while (mayContinue()) yield* Effect.scoped(next)
  })

  const settle = Effect.sync(() => {
    link.connection.outcomes.end()
    for (const outcome of retryQueue.outcomes) final(outcome)
  })

  // The end of the connection settles every waiting line as unknown, so `sendInput` may win the race against `over`.
  // Only the totals show whether every outcome arrived.
  const completion = (): SendResult => {
    if (!isAllSent || retryQueue.size > 0) return "Unsent"
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

const shutDown = "the server shut down"
