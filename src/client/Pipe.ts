import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import type { Socket, TransportError } from "../ports/Transport.js"
import { Confirmation } from "./Confirmation.js"
import * as Encode from "./Encode.js"
import * as Escape from "./Escape.js"
import { ofOrderlyEnd, type ExitReason } from "./ExitReason.js"
import * as Input from "./Input.js"
import * as LineConnection from "./LineConnection.js"
import { flushed, OutputError, type Output } from "./Output.js"
import * as Received from "./Received.js"
import { RefusalSplitter, type Part } from "./RefusalSplitter.js"

export interface PipeOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** Sent before the input. If undefined, the first line of the input is the login. */
  readonly login: string | undefined
  readonly input: Readable
  readonly output: Output
  /** Gets the lines that start with `!`. */
  readonly refusals: Output
}

/** How long closing the scope waits for the server to close, so that the server receives everything that was sent. */
const linger = Duration.seconds(5)

/** A server that has sent no line of its own for this long after the end of the input is an original one. */
const patience = Duration.seconds(1)

const LF = 0x0a

/**
 * The client in a pipe: sends the input to the server and the server's lines to the output, at the same time, each as
 * fast as its reader and in constant memory. At the end of the input it leaves, and continues until the server closes.
 * `Confirmation` explains how it knows that the server took everything. Works in chunks: no code here runs per message.
 */
export const run = (
  options: PipeOptions
): Effect.Effect<ExitReason, TransportError | Encode.Unsendable | Input.InputError | OutputError, Scope.Scope> =>
  Effect.gen(function* () {
    // An 'error' without a listener would end the process. The next read reports it.
    options.input.on("error", () => {})
    const login = options.login === undefined ? "" : `${yield* Encode.login(options.login)}\n`
    const confirmation = new Confirmation()
    const { ended, socket } = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.map((socket) => ({ socket, ended: receive(socket, confirmation, options) })),
        Effect.tap(({ socket }) => Effect.addFinalizer(() => socket.close(linger)))
      )
    )
    const sender = yield* LineConnection.makeSender(socket)
    let left = false

    const sendInput = Effect.gen(function* () {
      const { hasLogin, isLineStart } = yield* sendAll(login, options.input, confirmation.greeting, sender.send)
      // Without any input there is nothing to confirm.
      const isEmpty = isLineStart && !hasLogin
      if (!isLineStart) yield* sender.send("\n")
      if (!isEmpty && !hasLogin) yield* sender.send(confirmation.greeting)
      if (!isEmpty) yield* Effect.timeoutOption(confirmation.expected.await, patience)
      left = true
      if (isEmpty) return yield* sender.end
      if (confirmation.isExpected) return yield* confirmation.ask(sender.send)
      // An original server ignores both lines, and closes only after the end of our sending half.
      yield* sender.send(confirmation.farewell)
      yield* sender.end
    }).pipe(
      // The receiving half sees the same break, after everything that the server sent before it.
      Effect.catchTag("TransportError", () => Effect.void),
      Effect.zipRight(Effect.never)
    )

    const end = yield* Effect.raceFirst(Deferred.await(ended), sendInput)
    yield* flushed(options.output)
    if (end._tag !== "InOrder") return end
    const confirmed = confirmation.isGiven || !confirmation.isExpected
    return ofOrderlyEnd({ ...end, lastLine: Received.parse(end.lastLine), left, confirmed })
  })

/**
 * Sends the login, if it is known, then the input, with the greeting after the first line. Returns whether there was a
 * first line, and whether everything sent ends with an LF.
 */
const sendAll = (
  login: string,
  input: Readable,
  greeting: string,
  send: (wire: string) => Effect.Effect<void, TransportError>
) =>
  Effect.gen(function* () {
    let hasLogin = login !== ""
    let isLineStart = true
    if (hasLogin) yield* send(login + greeting)
    for (;;) {
      const chunk = yield* Input.read(input)
      if (chunk === undefined) return { hasLogin, isLineStart }
      const wire = chunk.toString("latin1")
      isLineStart = chunk.at(-1) === LF
      const end = hasLogin ? 0 : chunk.indexOf(LF) + 1
      if (end === 0) yield* send(wire)
      else {
        hasLogin = true
        yield* send(wire.slice(0, end) + greeting + wire.slice(end))
      }
    }
  })

type End =
  | { readonly _tag: "InOrder"; readonly lastLine: string; readonly refused: boolean }
  | Extract<ExitReason, { _tag: "Left" | "Lost" }>

/** Passes what the server sends to the outputs until the connection ends or the reader of the output has gone. */
const receive = (
  socket: Socket,
  confirmation: Confirmation,
  options: PipeOptions
): Deferred.Deferred<End, OutputError> => {
  const ended = Deferred.unsafeMake<End, OutputError>(FiberId.none)
  const done = (end: End) => Deferred.unsafeDone(ended, Effect.succeed(end))
  const splitter = new RefusalSplitter((line) => confirmation.replace(line))
  const writeOutput = writer(options.output)
  const writeRefusal = writer(options.refusals)

  const full = new Set<Output>()
  const hold = (stream: Output) => {
    full.add(stream)
    socket.pause()
  }
  const release = (stream: Output) => () => {
    if (full.delete(stream) && full.size === 0) socket.resume()
  }
  options.output.on("drain", release(options.output))
  options.output.on("error", (cause: NodeJS.ErrnoException) => {
    // A reader that has gone (`| head -1`) needs no more output. A full disk is an error.
    if (cause.code === "EPIPE") done({ _tag: "Left" })
    else Deferred.unsafeDone(ended, Effect.fail(new OutputError({ cause })))
  })
  options.refusals.on("drain", release(options.refusals))
  options.refusals.on("error", release(options.refusals)) // the exit status also reports refusals
  const take = (parts: ReadonlyArray<Part>) => {
    for (const { bytes, refused } of parts) {
      if (refused) {
        if (options.refusals.errored === null && !writeRefusal.write(bytes)) hold(options.refusals)
      } else if (!writeOutput.write(bytes)) hold(options.output)
    }
  }
  const takeRest = () => {
    const rest = confirmation.rest()
    take(rest === "" ? splitter.end() : [...splitter.end(), { refused: true, bytes: Buffer.from(rest) }])
    if (options.refusals.errored === null) writeRefusal.end()
    writeOutput.end()
    return { _tag: "InOrder", lastLine: splitter.lastOwnLine, refused: splitter.refused || rest !== "" } as const
  }
  socket.attach({
    data: (bytes) => take(splitter.push(bytes)),
    end: () => done(takeRest()),
    closed: (error) => {
      const end = takeRest()
      // Nothing follows the server's reply to `/quit`, so it does not matter how the connection ends.
      done(confirmation.isGiven ? end : { _tag: "Lost", error: error ?? LineConnection.lost })
    }
  })
  return ended
}

interface Writer {
  /** Returns false while the stream is full. */
  readonly write: (bytes: Buffer) => boolean
  /** Writes what waited for the rest of a character. */
  readonly end: () => void
}

const writer = (stream: Output): Writer => {
  if (stream.isTTY !== true) return { write: (bytes) => stream.write(bytes), end: () => {} }
  // A character may be split across two reads, and so may characters that depend on each other.
  const decoder = new StringDecoder("utf8")
  const parts = new Escape.Parts()
  return {
    write: (bytes) => stream.write(parts.push(decoder.write(bytes))),
    end: () => stream.write(parts.push(decoder.end()) + parts.end())
  }
}
