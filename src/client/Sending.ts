import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Wire from "../protocol/Wire.js"
import * as Input from "./Input.js"
import * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"
import { PendingReceipts } from "./PendingReceipts.js"
import { RetryQueue } from "./RetryQueue.js"
import { type SendingLink, type SendingOptions, type SendResult, type SendTotals, Stalled } from "./SendingOptions.js"
import { SendWindow } from "./SendWindow.js"
import { AwaitedSentLine, type SentLineOutcome, type SentLine } from "./SentLine.js"

/** Sends many lines at the speed of the server, in constant memory, and reports the outcome of each. */

/** Lines sent in one write. */
const batchLines = 512

/** Can be run once. `totals` is live. */
export interface Sending<E> {
  readonly totals: SendTotals
  readonly run: Effect.Effect<SendResult, Input.InputError | Stalled | E>
}

export const make = <E>(options: SendingOptions<E>): Sending<E> => new LineSending(options)

class LineSending<E> implements Sending<E> {
  readonly totals = { lines: 0, written: 0, returned: 0, refused: 0, unknown: 0, unreceived: 0 }
  private readonly everyone: Outcomes.Recipients
  /** The recipients in wire form. */
  private readonly head: string
  private readonly mayResend: boolean
  private readonly retryQueue: RetryQueue
  private readonly window: SendWindow
  /** The stored lines that have not been received yet. */
  private readonly receipts = new PendingReceipts()
  /** Open while a line of the input may be sent. */
  private readonly clear = Effect.unsafeMakeLatch(true)
  /** Open while the first line of `retryQueue` may be sent. */
  private readonly retryClear = Effect.unsafeMakeLatch(false)
  private readonly idle = Effect.unsafeMakeLatch(true)
  private link: SendingLink
  /** Whether the server takes lines on this connection. */
  private isUp = true
  /** Whether the server has announced its shutdown and has not closed this connection yet. */
  private isClosing = false
  /** Whether the server has sent its last line in order: lines without an outcome were not accepted. */
  private hasSaidBye = false
  private isAllSent = false
  /**
   * Whether a line got its final outcome on this connection, and the number of earlier connections in a row without
   * one.
   */
  private hasProgressed = true
  private inVain = 0
  private lastNews = performance.now()

  constructor(private readonly options: SendingOptions<E>) {
    const { absenceMillis, link, recipients, retries } = options
    this.link = link
    this.everyone = new Outcomes.Recipients(recipients)
    this.head = Wire.encode(recipients.join(", "))
    this.mayResend = retries > 0 || absenceMillis > 0
    this.retryQueue = new RetryQueue(absenceMillis, (what) => this.final(what))
    this.window = new SendWindow(recipients.length, this.mayResend)
  }

  get run(): Effect.Effect<SendResult, Input.InputError | Stalled | E> {
    return Effect.raceFirst(Effect.raceFirst(this.sendInput, this.over), this.watch).pipe(
      Effect.ensuring(Effect.sync(() => this.settleRest())),
      Effect.map(() => this.result)
    )
  }

  /**
   * The end of the connection settles every waiting line as unknown, so `sendInput` may win the race against `over`.
   * Only the totals show whether every outcome arrived.
   */
  private get result(): SendResult {
    const unsent = this.retryQueue.outcomes.filter(({ outcome }) => outcome._tag !== "Written")
    if (!this.isAllSent || unsent.length > 0) return "Unsent"
    if (this.totals.unknown > 0) return "Unknown"
    return this.totals.unreceived > 0 ? "Unreceived" : "Complete"
  }

  // What may be sent.

  private get isClear(): boolean {
    return this.isUp && this.retryQueue.size === 0 && this.window.hasRoom && this.receipts.hasRoom
  }

  private get isRetryClear(): boolean {
    return this.isUp && this.retryQueue.size > 0 && this.window.hasRoom
  }

  /** Sets the latches after a change. */
  private refresh() {
    if (this.isClear) this.clear.unsafeOpen()
    else this.clear.unsafeClose()
    if (this.isRetryClear) this.retryClear.unsafeOpen()
    else this.retryClear.unsafeClose()
    if (this.window.isEmpty && this.retryQueue.size === 0 && this.receipts.isEmpty) this.idle.unsafeOpen()
    else this.idle.unsafeClose()
  }

  /**
   * Handles an end of the connection that `untilEnd` has not seen yet: a line registered after it would wait forever.
   */
  private checkEnd() {
    if (!this.isUp || !this.link.connection.outcomes.hasEnded) return
    this.isUp = false
    this.refresh()
  }

  /** The server is shutting down: nothing is sent until there is another connection. */
  private closing() {
    if (!this.isClosing) this.lastNews = performance.now()
    this.isUp = false
    this.isClosing = true
  }

  // The outcomes.

  private readonly settled = (what: SentLineOutcome, line: SentLine, isLast: boolean, label: number) => {
    this.lastNews = performance.now()
    const isAgain = this.mayResend && this.retryLater(line, what, label)
    if (isAgain) this.window.shrink()
    else if (!this.awaitsReceipt(what, line, label)) this.final(what)
    if (isLast) {
      this.window.remove(line.text.length)
      if (!isAgain && !this.link.pace.isLimited) this.window.grow()
    }
    this.refresh()
  }

  private final(what: SentLineOutcome) {
    const { totals } = this
    const { outcome } = what
    this.hasProgressed = true
    switch (outcome._tag) {
      case "Written":
        totals.written += outcome.names.length
        if (this.options.untilReceived === true && outcome.code !== "received")
          totals.unreceived += outcome.names.length
        this.retryQueue.reached(outcome.names)
        break
      case "Returned":
        totals.returned += outcome.names.length
        break
      case "Refused":
        totals.refused += 1
        if (outcome.reason === "closing") this.closing()
        break
      case "Unknown":
        totals.unknown += 1
    }
    this.options.report(what)
  }

  /** Queues a line to be sent again if it may succeed; returns whether it was queued. */
  private retryLater(line: SentLine, what: SentLineOutcome, label: number): boolean {
    const { patience, retries } = this.options
    const { names, outcome } = what
    if (outcome._tag === "Written") return false
    if (outcome._tag === "Returned" && outcome.reason === "offline") return this.retryQueue.addForAbsent(line, what)
    if (line.tries >= retries) return false
    const isShutDown = outcome._tag === "Unknown" ? this.isUnaccepted(line, names) : outcome.reason === "closing"
    if (isShutDown) {
      this.closing()
      const refusal: Outcomes.Outcome =
        outcome._tag === "Refused"
          ? outcome
          : { _tag: "Refused", reason: "closing", retryMillis: undefined, text: shutDown }
      // With the label, in case the server was wrong.
      const again = names.every((name) => this.link.kept.has(name)) ? label : undefined
      this.retryQueue.add(line, { ...what, outcome: refusal }, { tries: line.tries + 1, at: 0, label: again })
      return true
    }
    if (outcome._tag === "Unknown") return this.retryUnknown(line, what, label)
    if (outcome.retryMillis === undefined) return false
    // A server may ask for any delay; the user has set how long an outcome may take.
    if (outcome.retryMillis > Duration.toMillis(patience)) return false
    if (outcome.reason === "slow-down") this.link.pace.refused(outcome.retryMillis, performance.now())
    const at = performance.now() + outcome.retryMillis
    this.retryQueue.add(line, what, { tries: line.tries + 1, at, label: undefined })
    return true
  }

  /** Queues a line without an outcome, with its label, for the recipients that will not store it twice. */
  private retryUnknown(line: SentLine, what: SentLineOutcome, label: number): boolean {
    const { kept } = this.link
    const names = what.names.filter((name) => kept.has(name))
    if (names.length === 0) return false
    const others = what.names.filter((name) => !kept.has(name))
    if (others.length > 0) this.final({ ...what, names: others })
    this.retryQueue.add(line, { ...what, names }, { tries: line.tries + 1, at: 0, label })
    return true
  }

  /** Keeps a stored line until it is received; returns whether it has to wait. */
  private awaitsReceipt(what: SentLineOutcome, line: SentLine, label: number): boolean {
    const { outcome } = what
    if (this.options.untilReceived !== true || outcome._tag !== "Written") return false
    const [name] = outcome.names
    if (outcome.code !== "stored" || outcome.seq === undefined || name === undefined) return false
    if (this.receipts.isReceived(name, outcome.seq)) this.received(what)
    else this.receipts.add({ name, seq: outcome.seq, what, line, label })
    return true
  }

  /** A stored line was received. */
  private received(what: SentLineOutcome) {
    const { outcome } = what
    if (outcome._tag === "Written") this.final({ ...what, outcome: { ...outcome, code: "received" } })
  }

  /**
   * Whether a line without an outcome was not accepted: the outcomes of accepted lines precede the server's last line.
   */
  private isUnaccepted(line: SentLine, names: ReadonlyArray<string>): boolean {
    const hasEnded = this.hasSaidBye && this.link.connection.outcomes.hasEnded
    return hasEnded && names.length === line.recipients.names.length
  }

  /** Settles the lines that still wait, once nothing more is sent. */
  private settleRest() {
    this.link.connection.outcomes.end()
    for (const outcome of this.retryQueue.outcomes) this.final(outcome)
    for (const { what } of this.receipts.takeAll()) this.final(what)
  }

  // The sending half.

  /** Labels a line and registers it for its outcomes. */
  private labelled(line: SentLine): string {
    if (this.window.isEmpty) this.lastNews = performance.now()
    this.window.add(line.text.length)
    const number = line.label ?? this.options.labels.next()
    const label = this.link.connection.outcomes.expect(new AwaitedSentLine(line, number, this.settled), number)
    const to = line.recipients === this.everyone ? this.head : Wire.encode(line.recipients.names.join(", "))
    return `@${label} ${to}: ${line.text}\n`
  }

  /** Never fails: the receiving half sees the same break. */
  private send(wire: string): Effect.Effect<void> {
    return Effect.catchTag(this.link.connection.send(wire), "TransportError", () => Effect.void)
  }

  private readonly sendRetries: Effect.Effect<never> = Effect.gen(this, function* () {
    for (;;) {
      yield* this.retryClear.await
      const { retryQueue } = this
      const line = retryQueue.first
      this.checkEnd()
      if (line === undefined || !this.isRetryClear) continue
      const now = performance.now()
      const wait = Math.max(line.at - now, this.link.pace.wait(now))
      if (wait > 0) {
        yield* Effect.raceFirst(Effect.sleep(wait), retryQueue.joined.await)
        retryQueue.joined.unsafeClose()
        continue
      }
      this.link.pace.spend(1)
      const wire = this.labelled(line)
      retryQueue.shift()
      this.refresh()
      yield* this.send(wire)
    }
  })

  /** Sends the lines of one read, once no earlier line has to be sent again. */
  private sendLines(texts: ReadonlyArray<string>): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      for (let at = 0; at < texts.length;) {
        yield* this.clear.await
        yield* this.options.reported
        this.checkEnd()
        if (!this.isClear) continue
        const now = performance.now()
        const { pace } = this.link
        const wait = pace.wait(now)
        if (wait > 0) {
          yield* Effect.sleep(wait)
          continue
        }
        let wire = ""
        const start = at
        const end = Math.min(texts.length, at + Math.min(batchLines, pace.available(now)))
        for (; at < end && this.window.hasRoom; at++) {
          this.totals.lines += 1
          wire += this.labelled({
            number: this.totals.lines,
            text: texts[at] ?? "",
            recipients: this.everyone,
            tries: 0
          })
        }
        pace.spend(at - start)
        this.refresh()
        yield* this.send(wire)
      }
    })
  }

  private readonly sendInput = Effect.gen(this, function* () {
    const { input, maxLineBytes, receive } = this.options
    yield* Effect.fork(this.sendRetries)
    yield* Input.forEachPiece(input, maxLineBytes, (piece) =>
      piece._tag === "Lines" ? this.sendLines(Wire.lines(piece.text)) : Effect.sync(() => this.skip())
    )
    this.isAllSent = true
    yield* receive === undefined ? this.idle.await : Effect.never
  })

  /** Skips a line that is too long. */
  private skip() {
    const { maxLineBytes, recipients } = this.options
    this.totals.lines += 1
    const text = `the line has more than ${maxLineBytes} bytes and was skipped`
    const outcome = { _tag: "Refused", reason: "too-long", retryMillis: undefined, text } as const
    this.final({ line: this.totals.lines, outcome, names: recipients })
  }

  /** Ends the sending when outcomes stop arriving: successfully if only receipts are missing. */
  private readonly watch: Effect.Effect<void, Stalled> = Effect.gen(this, function* () {
    const { patience } = this.options
    for (;;) {
      const isOwed = !this.window.isEmpty || this.isClosing
      const isExpecting = isOwed || !this.receipts.isEmpty
      const left = this.lastNews + Duration.toMillis(patience) - performance.now()
      if (isExpecting && left <= 0) {
        if (!isOwed && this.isAllSent) return
        return yield* new Stalled({ patience })
      }
      yield* Effect.sleep(isExpecting ? left : patience)
    }
  })

  // The connections.

  private readonly over: Effect.Effect<void, E> = Effect.gen(this, function* () {
    yield* this.untilEnd(this.link)
    while (this.mayContinue) yield* Effect.scoped(this.next)
  })

  /** An unknown outcome ends the sending: the user has to decide whether that line is sent again. */
  private get mayContinue(): boolean {
    const isDone = this.isAllSent && this.retryQueue.size === 0
    return this.options.retries > 0 && this.totals.unknown === 0 && !isDone && !this.link.isLoggedOut()
  }

  private readonly next: Effect.Effect<void, E, Scope.Scope> = Effect.suspend(() => {
    this.inVain = this.hasProgressed ? 0 : this.inVain + 1
    this.hasProgressed = false
    return Effect.flatMap(this.options.reconnect(this.inVain), (made) => {
      this.link = made
      const unsafe = this.retryQueue.takeUnsafe((names) => names.every((name) => made.kept.has(name)))
      for (const { outcome } of unsafe) this.final(outcome)
      if (this.totals.unknown > 0) return made.connection.end
      this.isUp = true
      this.hasSaidBye = false
      this.window.shrink()
      this.retryQueue.reconnected()
      this.refresh()
      return this.untilEnd(made)
    })
  })

  /** Returns when the connection has ended, orderly or not, after which no outcome can arrive. */
  private untilEnd({ connection }: SendingLink): Effect.Effect<void> {
    return Effect.suspend(() => {
      const lines = this.options.receive?.(connection) ?? Effect.ignore(Stream.runDrain(connection.lines))
      const notices = Effect.catchAll(connection.ask("", this.notice), () => Effect.never)
      return Effect.raceFirst(lines, notices)
    }).pipe(
      Effect.zipRight(
        Effect.sync(() => {
          this.isUp = false
          this.isClosing = false
          connection.outcomes.end()
          this.receiptsLost()
          this.refresh()
        })
      ),
      // A server that shuts down waits for this end, and so does its successor on the port.
      Effect.zipRight(connection.end)
    )
  }

  /**
   * A receipt arrives only on the connection that sent the line. So a line that waits for one is sent again on the next
   * connection, where it is not stored again.
   */
  private receiptsLost() {
    const { retries } = this.options
    for (const { label, line, name, what } of this.receipts.takeAll()) {
      const isAgain = this.link.kept.has(name) && line.tries < retries && !this.link.isLoggedOut()
      if (isAgain) this.retryQueue.add(line, what, { tries: line.tries + 1, at: 0, label })
      else this.final(what)
    }
  }

  /** Sees the server's notices in order with the outcomes. */
  private readonly notice = (line: string): undefined => {
    if (line.startsWith("* joined ")) {
      const received = Received.parse(line)
      this.retryQueue.hasJoined(received._tag === "Notice" ? (received.words[0] ?? "") : "")
    } else if (line.startsWith("* closing ") && this.options.retries > 0) {
      this.closing()
      this.refresh()
    } else if (line.startsWith("* bye ")) this.hasSaidBye = true
    else if (line.startsWith("* delivered ")) this.receipt(line)
  }

  private receipt(line: string) {
    const receipt = Received.receiptIn(Received.parse(line))
    if (receipt === undefined || !this.everyone.shown.includes(receipt.name)) return
    const settled = this.receipts.received(receipt)
    if (settled.length > 0) this.lastNews = performance.now()
    for (const { what } of settled) this.received(what)
    this.refresh()
  }
}

const shutDown = "the server shut down"
