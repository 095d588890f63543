import * as Chunk from "effect/Chunk"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Framing, type Piece } from "../protocol/Framing.js"
import * as Wire from "../protocol/Wire.js"
import { TransportError, type Socket } from "../transport/Transport.js"
import * as Received from "./Received.js"

/** A login, recipient or text that would not travel as one line of the meaning intended; nothing of it was sent. */
export class Unsendable extends Data.TaggedError("Unsendable")<{
  readonly reason: "BadLogin" | "BadRecipient" | "NoRecipient" | "ControlCharacter"
  /** The name or text that cannot be sent. */
  readonly value: string
}> {
  override get message() {
    return `${reasons[this.reason]}: ${JSON.stringify(this.value)}`
  }
}

/** The server refused the login, or had no place: `code` is that of its line (protocol, section 2). */
export class LoginRefused extends Data.TaggedError("LoginRefused")<{
  readonly code: string
  /** For people. */
  readonly text: string
}> {
  override get message() {
    return `${this.code}: ${this.text}`
  }
}

const reasons: Record<Unsendable["reason"], string> = {
  BadLogin: "not a login",
  BadRecipient: "not a recipient",
  NoRecipient: "a message without a recipient",
  ControlCharacter: "a line break or a control character other than TAB"
}

/**
 * A client of a chat. `lines` and `received` are two views of one stream, to be run once: what the one took, the other
 * does not get. While nobody runs either, at most `readAheadBytes` are read from the server.
 */
export interface Client {
  /** The server's address, for people and logs. */
  readonly remote: string
  /** Every line, as it came. Ends when the server closes in order, fails when the connection breaks. */
  readonly lines: Stream.Stream<string, TransportError>
  /** The same lines, parsed. */
  readonly received: Stream.Stream<Received.Received, TransportError>
  /**
   * Sends a text to recipients; waits while the kernel does not take it. White space at its ends is dropped by the
   * server. Success says nothing about delivery: what did not reach a recipient comes back as `Refused`.
   */
  readonly send: (recipients: ReadonlyArray<string>, text: string) => Effect.Effect<void, TransportError | Unsendable>
  /** Sends a line as it is: a command, a labelled message. */
  readonly sendLine: (line: string) => Effect.Effect<void, TransportError | Unsendable>
  /** Ends the sending half, which is how a client leaves; what the server still has for it goes on coming. */
  readonly end: Effect.Effect<void>
}

export interface Options<E, R> {
  /** Where the socket comes from: `Tcp.connect(address)`. */
  readonly socket: Effect.Effect<Socket, E, R>
  readonly login: string
  /** Longest line accepted from the server, in bytes; 2 MiB, which no server of ours exceeds. */
  readonly maxLineBytes?: number | undefined
  /** How long the scope's end waits for the server's own end; 5 s. */
  readonly linger?: Duration.DurationInput | undefined
}

const defaultMaxLineBytes = 2 * 1024 * 1024

const defaultLinger = Duration.seconds(5)

/** How much is read before somebody wants it; then the socket is paused. */
const readAheadBytes = 65_536

/** The size of `Stream`'s own chunks; some of its sinks overflow the stack on much larger ones. */
const maxChunkLines = Stream.DefaultChunkSize

/** What a client asks after its login, and the answer that proves that the server has taken it. */
const question = "/ping login"
const confirmation = "* pong: login"

/**
 * Connects and logs in: succeeds when the server has taken the login, so that others can send to it from then on. It
 * asks with `/ping`, which an original a-chat server does not answer. The scope's end closes in order: what was sent is
 * delivered.
 */
export const connect = <E, R>(
  options: Options<E, R>
): Effect.Effect<Client, E | TransportError | Unsendable | LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { client, receiver, sender } = yield* start(options)
    const confirmed = yield* receiver.confirmed
    yield* sender.send(`${yield* encodeLogin(options.login)}\n${question}\n`)
    yield* Deferred.await(confirmed)
    return client
  })

/** Connects to any a-chat server, and sends the login without waiting: a refusal arrives as a `Refused` with `fatal`. */
export const open = <E, R>(
  options: Options<E, R>
): Effect.Effect<Client, E | TransportError | Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { client, sender } = yield* start(options)
    yield* sender.send(`${yield* encodeLogin(options.login)}\n`)
    return client
  })

const start = <E, R>(options: Options<E, R>) =>
  Effect.gen(function* () {
    yield* encodeLogin(options.login) // before anybody connects
    const receiver = yield* makeReceiver(options.maxLineBytes ?? defaultMaxLineBytes)
    const linger = Duration.decode(options.linger ?? defaultLinger)
    // One step from the socket to its handlers and its finaliser, so that no event is missed and no socket forgotten.
    const socket = yield* Effect.uninterruptibleMask((restore) =>
      restore(options.socket).pipe(
        Effect.tap((socket) => Effect.sync(() => receiver.attach(socket))),
        Effect.tap((socket) => Effect.addFinalizer(() => Effect.zipRight(socket.close(linger), receiver.end)))
      )
    )
    const sender = yield* makeSender(socket)
    const lines = receiver.lines(socket)
    const client: Client = {
      remote: socket.remote,
      lines,
      received: Stream.map(lines, Received.parse),
      send: (recipients, text) => Effect.flatMap(encodeMessage(recipients, text), sender.send),
      sendLine: (line) => Effect.flatMap(encodeText(line), (wire) => sender.send(`${wire}\n`)),
      end: sender.end
    }
    return { client, receiver, sender }
  })

/** The receiving half: lines, a read at a time; the socket is paused while nobody takes them. */
const makeReceiver = (maxLineBytes: number) =>
  Effect.map(Mailbox.make<ReadonlyArray<string>, TransportError>(), (incoming) => {
    const framing = new Framing(maxLineBytes)
    let ahead = 0
    let unconfirmed: Deferred.Deferred<void, LoginRefused | TransportError> | undefined = undefined

    const confirm = (exit: Exit.Exit<void, LoginRefused | TransportError>) => {
      if (unconfirmed !== undefined) Deferred.unsafeDone(unconfirmed, exit)
      unconfirmed = undefined
    }

    /** Takes the answer to the login out of what came; others may have written before it. */
    const withoutAnswer = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
      const at = lines.findIndex((line) => line === confirmation || isFatal(line))
      if (at < 0) return lines
      const answer = Received.parse(lines[at] ?? "")
      confirm(
        answer._tag === "Refused" ? Exit.fail(new LoginRefused({ code: answer.code, text: answer.text })) : Exit.void
      )
      return lines.toSpliced(at, 1)
    }

    const done = (exit: Exit.Exit<void, TransportError>) => {
      confirm(Exit.zipRight(exit, Exit.fail(lost)))
      incoming.unsafeDone(exit)
    }

    const attach = (socket: Socket) => {
      const offer = (pieces: ReadonlyArray<Piece>) => {
        for (const piece of pieces) {
          if (piece._tag === "TooLong") {
            const reason = `the server sent a line of more than ${maxLineBytes} bytes`
            done(Exit.fail(new TransportError({ during: "Read", reason })))
            return socket.destroy()
          }
          const read = split(Wire.decode(piece.text))
          const lines = unconfirmed === undefined ? read : withoutAnswer(read)
          for (let at = 0; at < lines.length; at += maxChunkLines) {
            incoming.unsafeOffer(lines.slice(at, at + maxChunkLines))
          }
        }
      }
      socket.attach({
        data: (bytes) => {
          ahead += bytes.length
          if (ahead >= readAheadBytes) socket.pause()
          offer(framing.push(bytes))
        },
        end: () => {
          offer(framing.end())
          done(Exit.void)
        },
        // Behind an end in order this changes nothing: a mailbox is done once.
        closed: (error) => done(Exit.fail(error ?? lost))
      })
    }

    const lines = (socket: Socket): Stream.Stream<string, TransportError> =>
      Stream.repeatEffectChunkOption(
        incoming.take.pipe(
          Effect.mapBoth({
            onFailure: (error) => (error._tag === "NoSuchElementException" ? Option.none() : Option.some(error)),
            onSuccess: (lines) => {
              if (Option.contains(incoming.unsafeSize(), 0)) {
                ahead = 0
                socket.resume()
              }
              return Chunk.unsafeFromArray(lines)
            }
          })
        )
      )

    /** From now on the answer to the login is looked for. */
    const confirmed = Effect.tap(Deferred.make<void, LoginRefused | TransportError>(), (made) => {
      unconfirmed = made
    })

    return { attach, confirmed, lines, end: incoming.end }
  })

const isFatal = (line: string) => {
  const received = Received.parse(line)
  return received._tag === "Refused" && received.fatal
}

const lost = new TransportError({ during: "Read", reason: "the connection was lost" })

const split = (block: string): ReadonlyArray<string> => {
  const lines = block.split("\n")
  lines.pop() // behind the last LF
  return block.includes("\r") ? lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line)) : lines
}

/** The sending half: lines in their wire form, and the end behind them. */
export const makeSender = (socket: Socket) =>
  Effect.map(Effect.makeSemaphore(1), (turn) => {
    let ended = false
    // A socket wakes one waiter; the others wait for their turn.
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
        // Behind those who wait: a socket that has ended does not tell any more what the kernel took.
        return turn.withPermits(1)(Effect.sync(() => socket.end()))
      })
    }
  })

const encodeText = (text: string): Effect.Effect<string, Unsendable> => {
  const wire = Wire.encode(text)
  return Wire.hasControl(wire)
    ? Effect.fail(new Unsendable({ reason: "ControlCharacter", value: text }))
    : Effect.succeed(wire)
}

/**
 * The wire form of a login. More than the original's names are none of this client's business; these characters mean
 * something in a line.
 */
export const encodeLogin = (login: string): Effect.Effect<string, Unsendable> =>
  /^\s*(?:[/!*#@]|$)/u.test(login) || Wire.hasControl(Wire.encode(login))
    ? Effect.fail(new Unsendable({ reason: "BadLogin", value: login }))
    : Effect.succeed(Wire.encode(login))

const encodeMessage = (recipients: ReadonlyArray<string>, text: string): Effect.Effect<string, Unsendable> => {
  if (recipients.length === 0) return Effect.fail(new Unsendable({ reason: "NoRecipient", value: text }))
  const bad = recipients.find((name) => /[,:]|^\s*(?:[/!*#@]|$)/u.test(name) || Wire.hasControl(Wire.encode(name)))
  if (bad !== undefined) return Effect.fail(new Unsendable({ reason: "BadRecipient", value: bad }))
  return Effect.map(encodeText(text), (wire) => `${Wire.encode(recipients.join(", "))}: ${wire}\n`)
}
