import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { TransportError, type Socket } from "../ports/Transport.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import type { FeedSource, GivenLine } from "./AcknowledgedFeed.js"
import * as Acknowledgement from "./Acknowledgement.js"
import { InOrder } from "./InOrder.js"
import type { Labels } from "./Labels.js"
import { type KeptPlace, type LastSeen, placeOf } from "./LastSeen.js"
import { Outcomes } from "./Outcomes.js"
import * as Received from "./Received.js"

/** How a caller of `ask` classifies a line: the reply, a part of it (withheld from `lines`), or neither. */
export type Look<A, E> = (line: string) => Exit.Exit<A, E> | "part" | undefined

/** Unread bytes at which the socket is paused. */
const readAheadBytes = 65_536

/** The chunk size of Effect's own streams. Some of its sinks overflow the stack on much larger chunks. */
const maxChunkLines = Stream.DefaultChunkSize

/** Lines that arrived together. */
interface Arrival {
  readonly lines: ReadonlyArray<string>
  /** Whether the server waits for an acknowledgement of the messages among them. */
  readonly isCounted: boolean
  /** Earlier messages that answered a question, and are in no arrival. */
  readonly withheld: number
}

/** What a client remembers over all its connections. */
export interface ClientMemory {
  readonly labels?: Labels | undefined
  /** The kept lines that the client has processed: repetitions are dropped. */
  readonly seen?: LastSeen | undefined
}

export const lost = new TransportError({ during: "Read", reason: "the connection was lost" })

/** The receiving half of a connection: lines, one read at a time. The socket is paused while too many are unread. */
export class LineReceiver {
  readonly outcomes: Outcomes
  readonly closed = Deferred.unsafeMake<void>(FiberId.none)
  private readonly framing: Framing
  private readonly seen: LastSeen | undefined
  private readonly questions = new Set<{ readonly takes: (line: string) => boolean; readonly fail: () => void }>()
  private socket: Socket | undefined = undefined
  private ahead = 0
  /** The number of reads. */
  reads = 0
  /** The number of lines that answered no question. */
  passedOn = 0
  /** What broke the connection; undefined while it lasts, and after an orderly end. */
  failure: TransportError | undefined = undefined
  private readonly hasLines = Effect.unsafeMakeLatch(false)
  private readonly processing: InOrder
  /** Whether `/hello ack` was sent, and whether its reply is only for this class. */
  private hello: "none" | "asked" | "own" = "none"

  constructor(
    private readonly maxLineBytes: number,
    private readonly incoming: Mailbox.Mailbox<Arrival, TransportError>,
    private readonly acknowledgement: Acknowledgement.Acknowledgement,
    { labels, seen }: ClientMemory
  ) {
    this.framing = new Framing(maxLineBytes)
    this.outcomes = new Outcomes(labels)
    this.seen = seen
    this.processing = new InOrder(acknowledgement, seen)
  }

  static make(
    maxLineBytes: number,
    acknowledgement: Acknowledgement.Acknowledgement,
    memory: ClientMemory = {}
  ): Effect.Effect<LineReceiver> {
    return Effect.map(
      Mailbox.make<Arrival, TransportError>(),
      (incoming) => new LineReceiver(maxLineBytes, incoming, acknowledgement, memory)
    )
  }

  /** Call before `/hello ack` is sent. Its reply is withheld if it is `own`. */
  expectHello(whose: "asked" | "own"): void {
    this.hello = whose
  }

  attach(socket: Socket): void {
    this.socket = socket
    socket.attach({
      data: (bytes) => {
        this.reads += 1
        for (const piece of this.framing.push(bytes)) this.take(piece, socket)
        // A read that contains only replies must not pause the socket: without a line to take, nothing would resume it.
        this.ahead = this.isEmpty ? 0 : this.ahead + bytes.length
        if (this.ahead >= readAheadBytes) socket.pause()
      },
      // A last line without its LF was cut off, for example because the server was killed. It is dropped: a partial
      // outcome or reply must not be taken for a complete one.
      end: () => this.done(Exit.void),
      // No effect after an orderly end: a mailbox is done only once.
      closed: (error) => this.broken(error ?? lost)
    })
  }

  /** Ends the lines and everything that waits for the server: a socket reports no end if its owner closes it. */
  get end(): Effect.Effect<void> {
    return Effect.sync(() => this.done(Exit.void))
  }

  /**
   * The lines that answer no question. A message is acknowledged when the next line is pulled, or when the run of the
   * stream ends successfully: by then, the program has processed it.
   */
  get lines(): Stream.Stream<string, TransportError> {
    return Stream.unwrapScoped(
      Effect.gen(this, function* () {
        const pull = new Pull(this.incoming, this.acknowledgement, this.seen, () => this.isEmpty && this.readOn())
        yield* Effect.forkScoped(this.keepAlive(pull))
        return Stream.repeatEffectChunkOption(pull.next).pipe(
          Stream.ensuringWith((exit) => Effect.sync(() => pull.end(Exit.isSuccess(exit))))
        )
      })
    )
  }

  /**
   * The same lines, for a program that acknowledges each itself. Lines not processed by the end stay unacknowledged.
   *
   * @param parse gives the meaning of a line
   */
  source(parse: (line: string) => Received.Received): FeedSource {
    let before = -1
    return {
      poll: () => {
        if (this.isEmpty) {
          this.hasLines.unsafeClose()
          return undefined
        }
        const arrival = Effect.runSyncExit(this.incoming.take) // there is one, or the end
        if (Exit.isSuccess(arrival)) {
          if (this.isEmpty) this.readOn()
          return this.given(arrival.value, parse)
        }
        return Option.match(Cause.failureOption(arrival.cause), {
          onNone: () => Exit.void,
          onSome: (error) => (error._tag === "NoSuchElementException" ? Exit.void : Exit.fail(error))
        })
      },
      wait: this.hasLines.await,
      keepAlive: () => {
        const { isBusy, progress } = this.processing
        if (isBusy && progress === before) this.acknowledgement.repeat()
        before = progress
      }
    }
  }

  private given(arrival: Arrival, parse: (line: string) => Received.Received): ReadonlyArray<GivenLine> {
    const { processing, seen } = this
    processing.add(arrival.withheld)()
    return arrival.lines.flatMap((line) => {
      const place = seen === undefined ? undefined : placeIn(line)
      const isCounted = arrival.isCounted && Acknowledgement.isMessage(line)
      const processed = processing.add(isCounted ? 1 : 0, place)
      if (place === undefined || seen?.isRepeat(place) !== true) return [{ line, received: parse(line), processed }]
      processed()
      return []
    })
  }

  /** Starts to look for a reply; the inner effect waits for it. */
  answer<A, E>(look: Look<A, E>): Effect.Effect<Effect.Effect<A, E | TransportError>> {
    return Effect.map(Deferred.make<A, E | TransportError>(), (made) => {
      const settle = (exit: Exit.Exit<A, E | TransportError>) => {
        this.questions.delete(question)
        Deferred.unsafeDone(made, exit)
      }
      const question = {
        takes: (line: string) => {
          const found = look(line)
          if (found !== undefined && found !== "part") settle(found)
          return found !== undefined
        },
        fail: () => settle(Exit.fail(lost))
      }
      if (this.outcomes.hasEnded) question.fail()
      else this.questions.add(question)
      return Effect.onInterrupt(Deferred.await(made), () => Effect.sync(() => this.questions.delete(question)))
    })
  }

  private take(piece: Piece, socket: Socket) {
    if (piece._tag === "TooLong") {
      const reason = `the server sent a line of more than ${this.maxLineBytes} bytes`
      this.broken(new TransportError({ during: "Read", reason }))
      return socket.destroy()
    }
    const read = Wire.lines(Wire.decode(piece.text))
    const isPlain = this.outcomes.size + this.questions.size === 0
    if (isPlain && (this.acknowledgement.isOn || this.hello === "none")) {
      this.passedOn += read.length
      this.offer(read, 0)
    } else this.takeEach(read)
  }

  private takeEach(read: ReadonlyArray<string>) {
    const { acknowledgement } = this
    let lines: Array<string> = []
    let withheld = 0
    const cut = () => {
      this.offer(lines, withheld)
      lines = []
      withheld = 0
    }
    for (const line of read) {
      if (!acknowledgement.isOn && this.hello !== "none" && isHello(line)) {
        cut()
        acknowledgement.isOn = true
        if (this.hello === "own") continue
      }
      if (this.hello === "own" && isOwnRefusal(line)) continue
      if (!this.isTaken(line)) {
        this.passedOn += 1
        lines.push(line)
      } else if (acknowledgement.isOn && Acknowledgement.isMessage(line)) {
        if (lines.length > 0) cut()
        withheld += 1
      }
    }
    cut()
  }

  private offer(lines: ReadonlyArray<string>, withheld: number) {
    const isCounted = this.acknowledgement.isOn
    for (let at = 0; at < lines.length; at += maxChunkLines) {
      const some = lines.length <= maxChunkLines ? lines : lines.slice(at, at + maxChunkLines)
      this.incoming.unsafeOffer({ lines: some, isCounted, withheld: at === 0 ? withheld : 0 })
    }
    if (lines.length === 0 && withheld > 0) this.incoming.unsafeOffer({ lines, isCounted, withheld })
    this.hasLines.unsafeOpen()
  }

  private isTaken(line: string): boolean {
    if (this.outcomes.accept(line)) return true
    for (const question of this.questions) if (question.takes(line)) return true
    return false
  }

  /** Whether reading is paused because too much is unread. */
  get isHeld(): boolean {
    return this.ahead >= readAheadBytes
  }

  private broken(error: TransportError) {
    if (!this.outcomes.hasEnded) this.failure = error
    this.done(Exit.fail(error))
  }

  private done(exit: Exit.Exit<void, TransportError>) {
    for (const question of this.questions) question.fail()
    this.outcomes.end()
    this.incoming.unsafeDone(exit)
    this.hasLines.unsafeOpen()
    Deferred.unsafeDone(this.closed, Exit.void)
  }

  private get isEmpty() {
    return Option.contains(this.incoming.unsafeSize(), 0)
  }

  private readOn() {
    this.ahead = 0
    this.socket?.resume()
  }

  /** Shows the server that the client is alive while the program is busy with one line. */
  private keepAlive(pull: Pull): Effect.Effect<never> {
    let before = -1
    const look = Effect.sync(() => {
      if (pull.isBusy && pull.handed === before) this.acknowledgement.repeat()
      before = pull.handed
    })
    return Effect.forever(Effect.zipRight(Effect.sleep(Acknowledgement.repeatMillis), look))
  }
}

/** The label of the connection's own line, which tells its refusal from those of the program's lines. */
export const ownLabel = "achat-ack"

const isOwnRefusal = (line: string): boolean => {
  const received = line.startsWith("! ") ? Received.parse(line) : undefined
  return received?._tag === "Refused" && received.label === ownLabel
}

const isHello = (line: string) => line.startsWith("* hello ") && Acknowledgement.turnsOn(Received.parse(line))

/** Takes lines for a program: all at once, or one by one if they have to be acknowledged. */
class Pull {
  /** Lines handed over so far, one by one. */
  handed = 0
  /** Whether the program has a line and has not asked for the next. */
  isBusy = false
  private arrival: Arrival = { lines: [], isCounted: false, withheld: 0 }
  private at = 0
  /** Messages to acknowledge when the next line is pulled. */
  private messages = 0
  /** The place of the kept line that the program has. */
  private place: KeptPlace | undefined = undefined

  constructor(
    private readonly incoming: Mailbox.Mailbox<Arrival, TransportError>,
    private readonly acknowledgement: Acknowledgement.Acknowledgement,
    private readonly seen: LastSeen | undefined,
    private readonly onTaken: () => void
  ) {}

  readonly next: Effect.Effect<Chunk.Chunk<string>, Option.Option<TransportError>> = Effect.suspend(() => {
    this.processed()
    const line = this.one()
    return line === undefined ? this.more : Effect.succeed(Chunk.of(line))
  })

  private readonly more: Effect.Effect<Chunk.Chunk<string>, Option.Option<TransportError>> = Effect.suspend(() =>
    this.incoming.take.pipe(
      Effect.mapBoth({
        onFailure: (error) => (error._tag === "NoSuchElementException" ? Option.none() : Option.some(error)),
        onSuccess: (arrival) => {
          this.onTaken()
          if (!arrival.isCounted && this.seen === undefined) {
            this.isBusy = true
            return Chunk.unsafeFromArray(arrival.lines)
          }
          this.acknowledgement.add(arrival.withheld)
          this.arrival = arrival
          this.at = 0
          const line = this.one()
          return line === undefined ? Chunk.empty() : Chunk.of(line)
        }
      })
    )
  )

  /** @param isWell whether the program has processed what it was given */
  end(isWell: boolean): void {
    if (isWell) this.processed()
    this.acknowledgement.flush()
  }

  private processed() {
    this.isBusy = false
    this.acknowledgement.add(this.messages)
    this.messages = 0
    if (this.place !== undefined) this.seen?.passed(this.place)
    this.place = undefined
  }

  /** The next line; undefined if there is none. A kept line that the program has processed before is dropped. */
  private one(): string | undefined {
    const { isCounted, lines } = this.arrival
    while (this.at < lines.length) {
      const line = lines[this.at++] as string // in range
      const messages = isCounted && Acknowledgement.isMessage(line) ? 1 : 0
      const place = this.seen === undefined ? undefined : placeIn(line)
      if (place !== undefined && this.seen?.isRepeat(place) === true) {
        this.acknowledgement.add(messages)
        continue
      }
      this.handed += 1
      this.isBusy = true
      this.messages = messages
      this.place = place
      return line
    }
    return undefined
  }
}

/** The place of a kept line. Most lines have none. */
const placeIn = (line: string): KeptPlace | undefined =>
  line.includes(" seq=") && (line.startsWith("from ") || line.startsWith("* sent "))
    ? placeOf(Received.parse(line))
    : undefined
