import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TransportError, type Socket } from "../ports/Transport.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import { Outcomes } from "./Outcomes.js"

/** A connection to a server, as lines. Every client is built on it. */
export interface LineConnection {
  /** The server's address, for people and logs. */
  readonly remote: string
  /**
   * The lines from the server, as ordinary text and without terminators, except replies to `ask` and `outcomes`. Ends
   * when the server closes in an orderly way, fails when the connection breaks. Must be run only once; until then at
   * most `readAheadBytes` are read.
   */
  readonly lines: Stream.Stream<string, TransportError>
  /** The labelled lines that wait for outcomes. The end of the connection ends them. */
  readonly outcomes: Outcomes
  /** Sends whole lines in wire form (`Wire`), each with its LF; waits until the kernel has taken them. */
  readonly send: (wire: string) => Effect.Effect<void, TransportError>
  /** Sends lines in wire form and waits for the first line that `look` recognises as the reply. */
  readonly ask: <A, E>(wire: string, look: Look<A, E>) => Effect.Effect<A, E | TransportError>
  /** Ends the sending half after everything that was sent; `send` fails from now on. */
  readonly end: Effect.Effect<void>
  readonly hasEnded: () => boolean
  /** Waits until the connection has ended, orderly or not. Earlier lines may still be unread then. */
  readonly closed: Effect.Effect<void>
}

/** How a caller of `ask` classifies a line: the reply, a part of it (withheld from `lines`), or neither. */
export type Look<A, E> = (line: string) => Exit.Exit<A, E> | "part" | undefined

export interface LineConnectionOptions<E, R> {
  readonly socket: Effect.Effect<Socket, E, R>
  /** Longest line accepted from the server, in bytes. */
  readonly maxLineBytes: number
  /** How long closing the scope waits for the server to end its half. */
  readonly linger: Duration.Duration
}

/** Unread bytes at which the socket is paused. */
const readAheadBytes = 65_536

/** The chunk size of Effect's own streams. Some of its sinks overflow the stack on much larger chunks. */
const maxChunkLines = Stream.DefaultChunkSize

export const lost = new TransportError({ during: "Read", reason: "the connection was lost" })

/** The server closed in an orderly way, but before the client was done. */
export const closed = new TransportError({ during: "Read", reason: "the server closed the connection" })

/** Connects. Closing the scope closes the connection in an orderly way, so that sent lines reach the server. */
export const make = <E, R>(options: LineConnectionOptions<E, R>): Effect.Effect<LineConnection, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const receiver = yield* makeReceiver(options.maxLineBytes)
    // Uninterruptible from the socket to its handlers and finaliser, so that no event is missed and no socket leaks.
    const socket = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.tap((socket) => Effect.sync(() => receiver.attach(socket))),
        Effect.tap((socket) => Effect.addFinalizer(() => Effect.zipRight(socket.close(options.linger), receiver.end)))
      )
    )
    const sender = yield* makeSender(socket)
    return {
      remote: socket.remote,
      closed: Deferred.await(receiver.closed),
      lines: receiver.lines(socket),
      outcomes: receiver.outcomes,
      ask: (wire, look) =>
        Effect.flatMap(receiver.answer(look), (answer) => Effect.zipRight(sender.send(wire), answer)),
      ...sender
    }
  })

/** The receiving half: lines, one read at a time. The socket is paused while too many are unread. */
const makeReceiver = (maxLineBytes: number) =>
  Effect.map(Mailbox.make<ReadonlyArray<string>, TransportError>(), (incoming) => {
    const framing = new Framing(maxLineBytes)
    const outcomes = new Outcomes()
    const closed = Deferred.unsafeMake<void>(FiberId.none)
    const questions = new Set<{ readonly takes: (line: string) => boolean; readonly fail: () => void }>()
    let ahead = 0

    const isEmpty = () => Option.contains(incoming.unsafeSize(), 0)

    const isTaken = (line: string) => {
      if (outcomes.accept(line)) return true
      for (const question of questions) if (question.takes(line)) return true
      return false
    }

    const done = (exit: Exit.Exit<void, TransportError>) => {
      for (const question of questions) question.fail()
      outcomes.end()
      incoming.unsafeDone(exit)
      Deferred.unsafeDone(closed, Exit.void)
    }

    const attach = (socket: Socket) => {
      const offer = (pieces: ReadonlyArray<Piece>) => {
        for (const piece of pieces) {
          if (piece._tag === "TooLong") {
            const reason = `the server sent a line of more than ${maxLineBytes} bytes`
            done(Exit.fail(new TransportError({ during: "Read", reason })))
            return socket.destroy()
          }
          const read = Wire.lines(Wire.decode(piece.text))
          const lines = outcomes.size + questions.size === 0 ? read : read.filter((line) => !isTaken(line))
          for (let at = 0; at < lines.length; at += maxChunkLines) {
            incoming.unsafeOffer(lines.slice(at, at + maxChunkLines))
          }
        }
      }
      socket.attach({
        data: (bytes) => {
          offer(framing.push(bytes))
          // A read of nothing but replies must not pause the socket: without a line to take, nothing would resume it.
          ahead = isEmpty() ? 0 : ahead + bytes.length
          if (ahead >= readAheadBytes) socket.pause()
        },
        // A last line without its LF was cut off, for example because the server was killed. It is dropped: a partial
        // outcome or reply must not be taken for a complete one.
        end: () => done(Exit.void),
        // No effect after an orderly end: a mailbox is done only once.
        closed: (error) => done(Exit.fail(error ?? lost))
      })
    }

    const lines = (socket: Socket): Stream.Stream<string, TransportError> =>
      Stream.repeatEffectChunkOption(
        incoming.take.pipe(
          Effect.mapBoth({
            onFailure: (error) => (error._tag === "NoSuchElementException" ? Option.none() : Option.some(error)),
            onSuccess: (lines) => {
              if (isEmpty()) {
                ahead = 0
                socket.resume()
              }
              return Chunk.unsafeFromArray(lines)
            }
          })
        )
      )

    /** Starts to look for the reply; the inner effect waits for it. */
    const answer = <A, E>(look: Look<A, E>) =>
      Effect.map(Deferred.make<A, E | TransportError>(), (made) => {
        const settle = (exit: Exit.Exit<A, E | TransportError>) => {
          questions.delete(question)
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
        if (outcomes.hasEnded) question.fail()
        else questions.add(question)
        return Effect.onInterrupt(Deferred.await(made), () => Effect.sync(() => questions.delete(question)))
      })

    return { attach, answer, lines, outcomes, closed, end: incoming.end }
  })

/** The sending half: lines in wire form, and the end after them. */
export const makeSender = (socket: Socket) =>
  Effect.map(Effect.makeSemaphore(1), (turn) => {
    let ended = false
    // A socket wakes only one waiter, so senders wait one after another.
    const taken = turn.withPermits(1)(Effect.suspend(() => socket.taken))
    return {
      send: (wire: string): Effect.Effect<void, TransportError> =>
        Effect.suspend(() => {
          if (ended) return Effect.fail(new TransportError({ during: "Write", reason: "the sending half has ended" }))
          return socket.write(wire) ? Effect.void : taken
        }),
      end: Effect.suspend(() => {
        if (ended) return Effect.void
        ended = true
        // After every waiting sender: an ended socket no longer reports what the kernel has taken.
        return turn.withPermits(1)(Effect.sync(() => socket.end()))
      }),
      hasEnded: () => ended
    }
  })
