import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { TransportError, type Socket } from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import { Acknowledgement } from "./Acknowledgement.js"
import { Confirmation } from "./Confirmation.js"
import * as Encode from "./Encode.js"
import * as Escape from "./Escape.js"
import { ofOrderlyEnd, type ExitReason } from "./ExitReason.js"
import * as Input from "./Input.js"
import * as LineConnection from "./LineConnection.js"
import * as Login from "./Login.js"
import { flushed, OutputError, type Output } from "./Output.js"
import * as Received from "./Received.js"
import { RefusalSplitter, type Part } from "./RefusalSplitter.js"
import { WholeLines } from "./WholeLines.js"

export interface PipeOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** Sent before the input. If undefined, the first line of the input is the login. */
  readonly login: string | undefined
  /** As in the options of a client, for a login that is given. */
  readonly secret?: Effect.Effect<string> | undefined
  readonly insecure?: boolean | undefined
  /**
   * Further words for our `/hello`, which precedes any message: a `/hello` in the input may be too late for those that
   * waited.
   */
  readonly words?: ReadonlyArray<string> | undefined
  readonly input: Readable
  readonly output: Output
  /** Gets the lines that start with `!`. */
  readonly refusals: Output
}

/** How long closing the scope waits for the server to close, so that the server receives everything that was sent. */
const linger = Duration.seconds(5)

/** A server counts as an original one if it sends no line of its own for this time after the end of the input. */
const patience = Duration.seconds(1)

/**
 * The client in a pipe: sends the input to the server and the server's lines to the output, at the same time, each as
 * fast as its reader and in constant memory. At the end of the input it leaves, and continues until the server closes.
 * `Confirmation` explains how it knows that the server handled everything. Acknowledges a message once the output has
 * taken it. Drops a last line that was cut off. Works in chunks; no code here runs per message.
 */
export const run = (
  options: PipeOptions
): Effect.Effect<
  ExitReason,
  TransportError | Login.LoginRefused | Encode.Unsendable | Input.InputError | OutputError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    // An 'error' without a listener would end the process. The next read reports it.
    options.input.on("error", () => {})
    const login = options.login === undefined ? undefined : yield* Encode.login(options.login)
    const confirmation = new Confirmation(options.words)
    let sender: LineConnection.Sender | undefined = undefined
    const acknowledgement = new Acknowledgement((wire) => sender?.post(wire))
    const { ended, socket } = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.map((socket) => ({ socket, ended: receive(socket, confirmation, acknowledgement, options) })),
        Effect.tap(({ socket }) =>
          Effect.addFinalizer(() =>
            Effect.zipRight(
              Effect.sync(() => acknowledgement.stop()),
              socket.close(linger)
            )
          )
        )
      )
    )
    const { end: endSending, send } = (sender = yield* LineConnection.makeSender(socket))
    let left = false

    const logIn = Effect.gen(function* () {
      const { insecure = false, secret } = options
      if (login === undefined) return
      if (secret === undefined) return yield* send(`${login}\n${confirmation.greeting}`)
      yield* send(confirmation.greeting)
      // An original server does not reply, and must not get the secret.
      yield* Effect.timeoutOption(confirmation.expected.await, patience)
      const mistake = Login.whyNot(confirmation.facts, socket.isPrivate === true || insecure)
      if (mistake !== undefined) return yield* mistake
      yield* send(`${login}: ${Wire.encode(yield* secret)}\n`)
    })

    const sendInput = Effect.gen(function* () {
      yield* logIn
      const { hasLogin, isEmpty } = yield* sendAll(
        login !== undefined,
        options.input,
        confirmation.greeting,
        send,
        acknowledgement
      )
      // Without any input there is nothing to confirm.
      if (!isEmpty && !hasLogin) yield* send(confirmation.greeting)
      if (!isEmpty) yield* Effect.timeoutOption(confirmation.expected.await, patience)
      left = true
      if (isEmpty) return yield* endSending
      if (confirmation.isExpected) return yield* confirmation.ask(send)
      // An original server ignores both lines, and closes only after the end of our sending half.
      yield* send(confirmation.farewell)
      yield* endSending
    }).pipe(
      // The receiving half sees the same break, after everything that the server sent before it.
      Effect.catchTag("TransportError", () => Effect.void),
      Effect.zipRight(Effect.never)
    )

    const end = yield* Effect.raceFirst(Deferred.await(ended), sendInput)
    yield* flushed(options.output)
    // A kept token that is refused must not be used again.
    const { wrongSecret } = confirmation
    if (options.secret !== undefined && wrongSecret !== undefined) return yield* wrongSecret
    if (end._tag !== "InOrder") return end
    const confirmed = confirmation.isGiven || !confirmation.isExpected
    return ofOrderlyEnd({ ...end, lastLine: Received.parse(end.lastLine), left, confirmed })
  })

/** The longest part of a line that waits for the rest of the line. */
const maxRest = 65_536

/**
 * Sends the input, with the greeting after the first line if that is the login. A last line without its LF counts as a
 * line. Returns whether the first line had an LF, and whether the input was empty.
 *
 * Sends whole lines, because an acknowledgement may follow what was sent. While a part of a long line is sent, nothing
 * is acknowledged.
 */
const sendAll = (
  isLoggedIn: boolean,
  input: Readable,
  greeting: string,
  send: (wire: string) => Effect.Effect<void, TransportError>,
  acknowledgement: Acknowledgement
) =>
  Effect.gen(function* () {
    let hasLogin = isLoggedIn
    let rest = ""
    for (;;) {
      const chunk = yield* Input.read(input)
      if (chunk === undefined) {
        const isCut = rest !== "" || acknowledgement.isPaused
        acknowledgement.isPaused = false
        if (isCut) yield* send(`${rest}\n`)
        return { hasLogin, isEmpty: !hasLogin && !isCut }
      }
      let wire = rest + chunk.toString("latin1")
      const whole = wire.lastIndexOf("\n") + 1
      const isLong = wire.length - whole > maxRest
      rest = isLong ? "" : wire.slice(whole)
      if (!isLong) wire = wire.slice(0, whole)
      if (wire === "") continue
      const end = hasLogin ? 0 : wire.indexOf("\n") + 1
      if (end > 0) hasLogin = true
      // Before the send, which may wait.
      acknowledgement.isPaused = !wire.endsWith("\n")
      yield* send(end === 0 ? wire : wire.slice(0, end) + greeting + wire.slice(end))
      acknowledgement.flush()
    }
  })

const cutOff = new TransportError({ during: "Read", reason: "the connection ended in the middle of a line" })

type End =
  | { readonly _tag: "InOrder"; readonly lastLine: string; readonly refused: boolean }
  | Extract<ExitReason, { _tag: "Left" | "Lost" }>

/** Passes the server's lines to the outputs until the connection ends or the reader of the output has gone. */
const receive = (
  socket: Socket,
  confirmation: Confirmation,
  acknowledgement: Acknowledgement,
  options: PipeOptions
): Deferred.Deferred<End, OutputError> => {
  const ended = Deferred.unsafeMake<End, OutputError>(FiberId.none)
  const done = (end: End) => Deferred.unsafeDone(ended, Effect.succeed(end))
  const splitter: RefusalSplitter = new RefusalSplitter((line) => {
    const replacement = confirmation.replace(line)
    if (confirmation.acknowledges) splitter.countsMessages = acknowledgement.isOn = true
    return replacement
  })
  const lines = new WholeLines()
  const writeOutput = writer(options.output)
  const writeRefusal = writer(options.refusals)

  const full = new Set<Output>()
  const hold = (stream: Output) => {
    full.add(stream)
    acknowledgement.startRepeating()
    socket.pause()
  }
  const release = (stream: Output) => () => {
    if (!full.delete(stream) || full.size > 0) return
    acknowledgement.stopRepeating()
    socket.resume()
  }
  options.output.on("drain", release(options.output))
  options.output.on("error", (cause: NodeJS.ErrnoException) => {
    // A reader that has gone (`| head -1`) needs no more output. A full disk is an error.
    if (cause.code === "EPIPE") done({ _tag: "Left" })
    else Deferred.unsafeDone(ended, Effect.fail(new OutputError({ cause })))
  })
  options.refusals.on("drain", release(options.refusals))
  options.refusals.on("error", release(options.refusals)) // the exit status also reports refusals
  const processed = (error: Error | null | undefined, messages: number) => {
    if (error === null || error === undefined) acknowledgement.add(messages)
  }
  const take = (parts: ReadonlyArray<Part>) => {
    for (const { bytes, messages, refused } of parts) {
      if (refused) {
        if (options.refusals.errored === null && !writeRefusal.write(bytes)) hold(options.refusals)
        // Returned stored lines count as messages, after those that the output has not taken yet.
        if (messages > 0) options.output.write("", (error) => processed(error, messages))
        continue
      }
      const isFree = writeOutput.write(bytes, (error) => processed(error, messages))
      if (!isFree) hold(options.output)
    }
  }
  const takeRest = () => {
    const rest = confirmation.rest()
    take(rest === "" ? splitter.end() : [...splitter.end(), { refused: true, bytes: Buffer.from(rest), messages: 0 }])
    if (options.refusals.errored === null) writeRefusal.end()
    writeOutput.end()
    return { _tag: "InOrder", lastLine: splitter.lastOwnLine, refused: splitter.refused || rest !== "" } as const
  }
  socket.attach({
    data: (bytes) => {
      for (const whole of lines.push(bytes)) take(splitter.push(whole))
    },
    end: () => {
      const end = takeRest()
      // The kernel also closes the connections of a killed server in an orderly way.
      done(lines.isCut ? { _tag: "Lost", error: cutOff } : end)
    },
    closed: (error) => {
      const end = takeRest()
      // Nothing follows the server's reply to `/quit`, so it does not matter how the connection ends.
      done(confirmation.isGiven ? end : { _tag: "Lost", error: error ?? LineConnection.lost })
    }
  })
  return ended
}

interface Writer {
  /** Returns false while the stream is full. Calls `taken` once the stream has taken the bytes. */
  readonly write: (bytes: Buffer, taken?: (error: Error | null | undefined) => void) => boolean
  /** Writes bytes that waited for the rest of a character. */
  readonly end: () => void
}

const writer = (stream: Output): Writer => {
  if (stream.isTTY !== true) return { write: (bytes, taken) => stream.write(bytes, taken), end: () => {} }
  // A character may be split across two reads, and so may characters that depend on each other.
  const decoder = new StringDecoder("utf8")
  const parts = new Escape.Parts()
  return {
    write: (bytes, taken) => stream.write(parts.push(decoder.write(bytes)), taken),
    end: () => stream.write(parts.push(decoder.end()) + parts.end())
  }
}
