import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Time from "../ports/Time.js"
import { TransportError, type Socket } from "../ports/Transport.js"
import type { FeedSource } from "./AcknowledgedFeed.js"
import { Acknowledgement } from "./Acknowledgement.js"
import { LineReceiver, ownLabel, type ClientMemory, type Look } from "./LineReceiver.js"
import type { Outcomes } from "./Outcomes.js"
import * as Quit from "./Quit.js"
import type * as Received from "./Received.js"

export { lost, type Look } from "./LineReceiver.js"

/** A connection to a server, as lines. Every client is built on it. */
export interface LineConnection {
  /** The server's address, for people and logs. */
  readonly remote: string
  /**
   * The lines from the server, as ordinary text and without terminators, except replies to `ask` and `outcomes`. Ends
   * when the server closes in an orderly way, fails when the connection breaks. Must be run only once; until then at
   * most 64 KiB are read. A message is acknowledged when the next line is pulled, or when the run ends successfully.
   * Kept lines that the client has processed on an earlier connection are left out (`ClientMemory`).
   */
  readonly lines: Stream.Stream<string, TransportError>
  /** The same lines, for a program that acknowledges each itself. */
  readonly source: (parse: (line: string) => Received.Received) => FeedSource
  /**
   * The number of lines that have arrived for `lines`, taken or not. Outcomes and replies overtake lines that wait to
   * be taken; this number shows their order of arrival.
   */
  readonly passedOn: () => number
  /** The number of reads so far. While it grows, the server is alive. */
  readonly reads: () => number
  /** The labelled lines that wait for outcomes. The end of the connection ends them. */
  readonly outcomes: Outcomes
  /** Sends whole lines in wire form (`Wire`), each with its LF; waits until the kernel has taken them. */
  readonly send: (wire: string) => Effect.Effect<void, TransportError>
  /** Sends a line of a few bytes in wire form, with its LF, without waiting. Does nothing after the end. */
  readonly post: (wire: string) => void
  /** Like `post`, but in one write with other lines queued before the next microtask. */
  readonly queue: (wire: string) => void
  /** Sends lines in wire form and waits for the first line that `look` recognises as the reply. */
  readonly ask: <A, E>(wire: string, look: Look<A, E>) => Effect.Effect<A, E | TransportError>
  /**
   * Turns acknowledgements on. An a-chat server that does not know them does not count them, and an original server
   * ignores this. `own` sends `/hello ack` and withholds the reply; `labelled` does so on a connection that has
   * greeted, and also withholds a refusal; `asked` is for a caller that uses this line as a question.
   */
  readonly acknowledge: (whose: "own" | "labelled" | "asked") => Effect.Effect<void, TransportError>
  /**
   * Leaves after everything that was sent; `send` fails from now on. Ends the sending half; if the server waits for
   * acknowledgements, only after all of them.
   */
  readonly end: Effect.Effect<void>
  readonly hasEnded: () => boolean
  /** Waits until the connection has ended, orderly or not. Earlier lines may still be unread. */
  readonly closed: Effect.Effect<void>
  /** What broke the connection; undefined while it lasts, and after an orderly end. */
  readonly failure: () => TransportError | undefined
  /** Whether reading is paused because too many lines are unread. */
  readonly isHeld: () => boolean
}

export interface LineConnectionOptions<E, R> extends ClientMemory {
  readonly socket: Effect.Effect<Socket, E, R>
  /** Longest line accepted from the server, in bytes. */
  readonly maxLineBytes: number
  /** How long closing the scope waits for the server to end its half. */
  readonly linger: Duration.Duration
}

/** The server closed in an orderly way, but before the client was done. */
export const closed = new TransportError({ during: "Read", reason: "the server closed the connection" })

/** Connects. Closing the scope closes the connection in an orderly way, so that sent lines reach the server. */
export const make = <E, R>(options: LineConnectionOptions<E, R>): Effect.Effect<LineConnection, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    let sender: Sender | undefined = undefined
    const acknowledgement = new Acknowledgement((wire) => sender?.post(wire))
    const receiver = yield* LineReceiver.make(options.maxLineBytes, acknowledgement, options)
    const close = (socket: Socket) =>
      Effect.clockWith((clock) =>
        Effect.suspend(() => {
          acknowledgement.stop()
          sender?.flush()
          const stop = Time.onStandstill(clock, () => socket.destroy())
          return Effect.ensuring(socket.close(options.linger), Effect.sync(stop))
        })
      ).pipe(Effect.zipRight(receiver.end))
    // Uninterruptible from the socket to its handlers and finaliser, so that no event is missed and no socket leaks.
    const socket = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.tap((socket) => Effect.sync(() => receiver.attach(socket))),
        Effect.tap((socket) => Effect.addFinalizer(() => close(socket)))
      )
    )
    const scope = yield* Effect.scope
    const { end, hasEnded, post, queue, send } = (sender = yield* makeSender(socket))
    const closed = Deferred.await(receiver.closed)
    const ask: LineConnection["ask"] = (wire, look) =>
      Effect.flatMap(receiver.answer(look), (answer) => Effect.zipRight(send(wire), answer))
    let hasQuit = false

    /** The sending half stays open, because lines that are yet to arrive have to be acknowledged. */
    const quit = Effect.suspend(() => {
      hasQuit = true
      acknowledgement.flush()
      return Quit.run({ ask }).pipe(
        Effect.ignore, // the receiving half sees the same break
        Effect.raceFirst(closed),
        Effect.zipRight(closed),
        Effect.zipRight(end),
        Effect.forkIn(scope)
      )
    })
    return {
      remote: socket.remote,
      closed,
      lines: receiver.lines,
      source: (parse) => receiver.source(parse),
      passedOn: () => receiver.passedOn,
      reads: () => receiver.reads,
      failure: () => receiver.failure,
      isHeld: () => receiver.isHeld,
      outcomes: receiver.outcomes,
      ask,
      acknowledge: (whose) =>
        Effect.suspend(() => {
          receiver.expectHello(whose === "asked" ? "asked" : "own")
          if (whose === "asked") return Effect.void
          return send(whose === "labelled" ? `@${ownLabel} /hello ack\n` : "/hello ack\n")
        }),
      send: (wire) => (hasQuit ? Effect.fail(ended) : send(wire)),
      post: (wire) => {
        if (!hasQuit) post(wire)
      },
      queue: (wire) => {
        if (!hasQuit) queue(wire)
      },
      end: Effect.suspend(() => {
        if (hasQuit) return Effect.void
        return acknowledgement.isOn && !hasEnded() ? Effect.zipRight(quit, Effect.yieldNow()) : end
      }),
      hasEnded: () => hasQuit || hasEnded()
    }
  })

const ended = new TransportError({ during: "Write", reason: "the sending half has ended" })

/** The sending half: lines in wire form, and the end after them. */
export interface Sender extends Pick<LineConnection, "end" | "hasEnded" | "send"> {
  /** Sends a line of a few bytes, without waiting until the kernel has taken it. Does nothing after the end. */
  readonly post: (wire: string) => void
  /** Like `post`, but in one write with other lines queued before the next microtask (benchmark: exec). */
  readonly queue: (wire: string) => void
  /** Writes what is queued. */
  readonly flush: () => void
}

export const makeSender = (socket: Socket): Effect.Effect<Sender> =>
  Effect.map(Effect.makeSemaphore(1), (turn) => {
    let hasEnded = false
    let queued = ""
    const flush = () => {
      const wire = queued
      queued = ""
      if (wire !== "") socket.write(wire)
    }
    /** Writes after the queued lines. */
    const write = (wire: string) => {
      flush()
      return socket.write(wire)
    }
    // A socket wakes only one waiter, so senders wait one after another.
    const taken = turn.withPermits(1)(Effect.suspend(() => socket.taken))
    return {
      send: (wire: string): Effect.Effect<void, TransportError> =>
        Effect.suspend(() => {
          if (hasEnded) return Effect.fail(ended)
          return write(wire) ? Effect.void : taken
        }),
      end: Effect.suspend(() => {
        if (hasEnded) return Effect.void
        hasEnded = true
        flush()
        // After every waiting sender: an ended socket no longer reports what the kernel has taken.
        return turn.withPermits(1)(Effect.sync(() => socket.end()))
      }),
      hasEnded: () => hasEnded,
      post: (wire) => {
        if (!hasEnded) write(wire)
      },
      queue: (wire) => {
        if (hasEnded) return
        if (queued === "") queueMicrotask(flush)
        queued += wire
      },
      flush
    }
  })
