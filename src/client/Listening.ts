import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Socket, TransportError } from "../ports/Transport.js"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import * as Encode from "./Encode.js"
import * as Escape from "./Escape.js"
import * as LineConnection from "./LineConnection.js"
import { MessageFilter, toJson } from "./ListenFormat.js"
import * as Login from "./Login.js"
import { flushed, OutputError, readerGone, type Output } from "./Output.js"
import type * as Received from "./Received.js"
import * as Reconnect from "./Reconnect.js"

export interface ListeningOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly login: string
  /** Senders whose messages to print; all of them if empty. */
  readonly from: ReadonlyArray<string>
  /** Number of messages after which to end; no end if undefined. */
  readonly count: number | undefined
  readonly json: boolean
  readonly reconnect: boolean
  readonly output: Output
  readonly report: (event: Reconnect.ReconnectEvent) => Effect.Effect<void>
  /** Takes a warning for the user: a line was too long, or a refusal did not end the connection. */
  readonly warn: (line: string) => void
}

/** How long closing the connection waits for the server to end its half, after which the name is free again. */
const linger = Duration.seconds(2)

/** A login that is not refused within this time counts as accepted: an original server does not reply to `/ping`. */
const patience = Duration.seconds(2)

/**
 * Prints incoming messages until `count` is reached or the reader of the output has gone. Reads from the server no
 * faster than the output is read, in constant memory.
 */
export const run = (
  options: ListeningOptions
): Effect.Effect<
  void,
  TransportError | Login.LoginRefused | Encode.Unsendable | Reconnect.ConnectionGone | OutputError
> =>
  Effect.gen(function* () {
    const login = yield* Encode.login(options.login)
    const filter = new MessageFilter(options)
    const session = (up: Effect.Effect<void>) => converse(login, filter, options, up)
    yield* Effect.raceFirst(readerGone(options.output), Reconnect.keep({ ...options, session }))
    yield* flushed(options.output)
    const { errored } = options.output
    if (errored !== null && errorCode(errored) !== "EPIPE") return yield* new OutputError({ cause: errored })
  })

const errorCode = (error: NodeJS.ErrnoException) => error.code

/** One connection, until `count` is reached; fails if the connection ends before that. */
const converse = (
  login: string,
  filter: MessageFilter,
  options: ListeningOptions,
  up: Effect.Effect<void>
): Effect.Effect<void, TransportError | Login.LoginRefused, Scope.Scope> =>
  Effect.gen(function* () {
    const { socket, ended, taken } = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.map((socket) => ({ socket, ...receive(socket, filter, options) })),
        Effect.tap(({ socket }) => Effect.addFinalizer(() => socket.close(linger)))
      )
    )
    const sender = yield* LineConnection.makeSender(socket)
    yield* sender.send(`${login}\n${options.json ? "/hello auto to\n" : ""}/ping login\n`)
    yield* Effect.timeoutOption(Deferred.await(taken), patience).pipe(Effect.zipRight(up), Effect.forkScoped)
    // All messages may have arrived before that fiber has started.
    yield* Effect.onExit(Deferred.await(ended), () => Effect.whenEffect(up, Deferred.isDone(taken)))
  })

interface Reception {
  /** Done once the server has accepted the login. */
  readonly taken: Deferred.Deferred<void>
  /** Done when `count` is reached or the connection has ended. */
  readonly ended: Deferred.Deferred<void, TransportError | Login.LoginRefused>
}

/** Writes what the server sends to the output, one read at a time; while the output is full, nothing is read. */
const receive = (socket: Socket, filter: MessageFilter, { json, output, warn }: ListeningOptions): Reception => {
  const taken = Deferred.unsafeMake<void>(FiberId.none)
  const ended = Deferred.unsafeMake<void, TransportError | Login.LoginRefused>(FiberId.none)
  filter.server = "original"
  const framing = new Framing(Login.defaultMaxLineBytes)
  const write = writer(output, json, filter)

  let held = false
  const release = () => {
    held = false
    socket.resume()
  }
  const hold = () => {
    if (held) return
    held = true
    socket.pause()
    output.once("drain", release)
  }

  const report = (received: Received.Received) => {
    if (received._tag === "Notice" && received.code === "hello") filter.server = "a-chat"
    if (received._tag !== "Refused") return Deferred.unsafeDone(taken, Exit.void) // the pong
    const refusal = Login.refusedBy(received)
    return refusal === undefined ? warn(`${received.code}: ${received.text}`) : Deferred.unsafeDone(ended, refusal)
  }
  const take = (pieces: ReadonlyArray<Piece>) => {
    for (const piece of pieces) {
      if (piece._tag === "TooLong") {
        warn(`left out a message of more than ${Login.defaultMaxLineBytes} bytes`)
        continue
      }
      const lines = filter.take(piece.text, report)
      if (lines === "") continue
      Deferred.unsafeDone(taken, Exit.void)
      if (!write(lines)) hold()
      if (filter.left === 0) Deferred.unsafeDone(ended, Exit.void)
    }
  }
  socket.attach({
    data: (bytes) => take(framing.push(bytes)),
    end: () => {
      // A last line without its LF was cut off, and is dropped.
      Deferred.unsafeDone(ended, Exit.fail(LineConnection.closed))
    },
    closed: (error) => Deferred.unsafeDone(ended, Exit.fail(error ?? LineConnection.lost))
  })
  return { taken, ended }
}

/** A function that writes lines in wire form, and returns false while the output is full. */
const writer = (output: Output, json: boolean, filter: MessageFilter): ((lines: string) => boolean) => {
  const isTerminal = output.isTTY === true
  if (!json && !isTerminal) return (lines) => output.write(lines, "latin1")
  const show = isTerminal ? (json ? Escape.json : Escape.show) : (text: string) => text
  return (lines) => output.write(show(json ? toJson(lines, new Date(), filter.server) : Wire.decode(lines)))
}
