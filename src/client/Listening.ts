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
import { flushed, gone, OutputError, type Output } from "./Output.js"
import type * as Received from "./Received.js"
import * as Reconnect from "./Reconnect.js"

export interface ListeningOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  readonly login: string
  /** Whose messages to print; nobody named: everybody's. */
  readonly from: ReadonlyArray<string>
  /** After how many messages to end. */
  readonly count: number | undefined
  readonly json: boolean
  readonly reconnect: boolean
  readonly output: Output
  readonly tell: (event: Reconnect.ReconnectEvent) => Effect.Effect<void>
  /** Takes what a person should know: a line that was too long, a refusal that did not end the connection. */
  readonly warn: (line: string) => void
}

/** How long the end of ours waits for the server's own, behind which the name is free again. */
const linger = Duration.seconds(2)

/** After this time without a word a login counts as taken: an original server never says so. */
const patience = Duration.seconds(2)

/**
 * Prints the messages that come until there were enough of them, or nobody reads the output any more. The server is
 * read as fast as the output takes, in constant memory.
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
    yield* Effect.raceFirst(gone(options.output), Reconnect.keep({ ...options, session }))
    yield* flushed(options.output)
    const { errored } = options.output
    if (errored !== null && errorCode(errored) !== "EPIPE") return yield* new OutputError({ cause: errored })
  })

const errorCode = (error: NodeJS.ErrnoException) => error.code

/** One connection, until there were enough messages; fails when it is over before. */
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
    yield* sender.send(`${login}\n/ping login\n`)
    yield* Effect.timeoutOption(Deferred.await(taken), patience).pipe(Effect.zipRight(up), Effect.forkScoped)
    // All of it may have come before that fiber did.
    yield* Effect.onExit(Deferred.await(ended), () => Effect.whenEffect(up, Deferred.isDone(taken)))
  })

interface Reception {
  /** Done when something shows that the login was taken. */
  readonly taken: Deferred.Deferred<void>
  /** Done when there were enough messages, or the connection is over. */
  readonly ended: Deferred.Deferred<void, TransportError | Login.LoginRefused>
}

/** Takes what the server sends to the output, a read at a time; while the output is full, nothing is read. */
const receive = (socket: Socket, filter: MessageFilter, { json, output, warn }: ListeningOptions): Reception => {
  const taken = Deferred.unsafeMake<void>(FiberId.none)
  const ended = Deferred.unsafeMake<void, TransportError | Login.LoginRefused>(FiberId.none)
  const framing = new Framing(Login.defaultMaxLineBytes)
  const write = writer(output, json)

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
    if (received._tag !== "Refused") return Deferred.unsafeDone(taken, Exit.void) // the pong
    const refusal = Login.refusedBy(received)
    return refusal === undefined ? warn(`${received.code}: ${received.text}`) : Deferred.unsafeDone(ended, refusal)
  }
  const take = (pieces: ReadonlyArray<Piece>) => {
    for (const piece of pieces) {
      if (piece._tag === "TooLong") {
        warn(`a message of more than ${Login.defaultMaxLineBytes} bytes was left out`)
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

/** Writes lines in wire form; false while the output is full. */
const writer = (output: Output, json: boolean): ((lines: string) => boolean) => {
  const isTerminal = output.isTTY === true
  if (!json && !isTerminal) return (lines) => output.write(lines, "latin1")
  const show = isTerminal ? (json ? Escape.json : Escape.show) : (text: string) => text
  return (lines) => output.write(show(json ? toJson(lines, new Date()) : Wire.decode(lines)))
}
