import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import type * as Scope from "effect/Scope"
import type { Readable } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { TransportError, type Socket } from "../transport/Transport.js"
import { inOrder, type Ending } from "./Ending.js"
import * as Escape from "./Escape.js"
import * as Input from "./Input.js"
import * as Link from "./Link.js"
import { flushed, OutputError, type Output } from "./Output.js"
import * as Received from "./Received.js"
import * as Sendable from "./Sendable.js"
import { Splitter } from "./Splitter.js"

export interface Options {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** Sent before the input; without it, the first line of the input is the login. */
  readonly login: string | undefined
  readonly input: Readable
  readonly output: Output
  /** Where the lines go that start with `!`. */
  readonly refusals: Output
}

/** How long an end of ours waits for the server's own, so that it takes what was sent. */
const linger = Duration.seconds(5)

/**
 * The client in a pipe: the input goes to the server and the server's lines to the output, at the same time, each as
 * fast as its taker and in constant memory. At the input's end it half-closes and goes on until the server closes.
 * Works in chunks: nothing here happens once a line.
 */
export const run = (
  options: Options
): Effect.Effect<Ending, TransportError | Sendable.Unsendable | Input.InputError | OutputError, Scope.Scope> =>
  Effect.gen(function* () {
    // An error between two reads ends no process; the next read tells of it.
    options.input.on("error", () => {})
    const login = options.login === undefined ? "" : `${yield* Sendable.encodeLogin(options.login)}\n`
    const { ended, socket } = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.map((socket) => ({ socket, ended: receive(socket, options) })),
        Effect.tap(({ socket }) => Effect.addFinalizer(() => socket.close(linger)))
      )
    )
    const sender = yield* Link.makeSender(socket)
    let left = false

    const sendInput = Effect.gen(function* () {
      if (login !== "") yield* sender.send(login)
      for (;;) {
        const chunk = yield* Input.read(options.input)
        if (chunk === undefined) break
        yield* sender.send(chunk.toString("latin1"))
      }
      left = true
      yield* sender.end
    }).pipe(
      // The receiving half sees the same break, and what the server said before it.
      Effect.catchTag("TransportError", () => Effect.void),
      Effect.zipRight(Effect.never)
    )

    const end = yield* Effect.raceFirst(Deferred.await(ended), sendInput)
    yield* flushed(options.output)
    if (end._tag !== "InOrder") return end
    return inOrder(Received.parse(end.lastLine), left, end.refused)
  })

type End =
  | { readonly _tag: "InOrder"; readonly lastLine: string; readonly refused: boolean }
  | Extract<Ending, { _tag: "Left" | "Lost" }>

/** Takes what the server sends to the outputs until it ends, breaks, or nobody reads the output any more. */
const receive = (socket: Socket, options: Options): Deferred.Deferred<End, OutputError> => {
  const ended = Deferred.unsafeMake<End, OutputError>(FiberId.none)
  const done = (end: End) => Deferred.unsafeDone(ended, Effect.succeed(end))
  const splitter = new Splitter()
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
    // `| head -1` has what it wanted; a full disk has not.
    if (cause.code === "EPIPE") done({ _tag: "Left" })
    else Deferred.unsafeDone(ended, Effect.fail(new OutputError({ cause })))
  })
  options.refusals.on("drain", release(options.refusals))
  options.refusals.on("error", release(options.refusals)) // the exit status tells of them, too
  socket.attach({
    data: (bytes) => {
      for (const part of splitter.push(bytes)) {
        if (part.refused) {
          if (options.refusals.errored === null && !writeRefusal(part.bytes)) hold(options.refusals)
        } else if (!writeOutput(part.bytes)) hold(options.output)
      }
    },
    end: () => done({ _tag: "InOrder", lastLine: splitter.lastLine, refused: splitter.refused }),
    closed: (error) =>
      done({ _tag: "Lost", error: error ?? new TransportError({ during: "Read", reason: "the connection was lost" }) })
  })
  return ended
}

const writer = (stream: Output): ((bytes: Buffer) => boolean) => {
  if (stream.isTTY !== true) return (bytes) => stream.write(bytes)
  const decoder = new StringDecoder("utf8") // a character may be split between two reads
  return (bytes) => stream.write(Escape.show(decoder.write(bytes)))
}
