import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { TransportError } from "../ports/Transport.js"
import * as Encode from "./Encode.js"
import * as LineConnection from "./LineConnection.js"
import * as Login from "./Login.js"
import * as Outcomes from "./Outcomes.js"
import * as Received from "./Received.js"

export { LoginRefused, type ClientOptions, type Hello } from "./Login.js"
export { Unsendable } from "./Encode.js"

/** The server reports no outcomes, like the original a-chat; nothing was sent. */
export class NoOutcomes extends Data.TaggedError("NoOutcomes") {
  override get message() {
    return "this server does not report outcomes of messages"
  }
}

/**
 * A client of a chat server. `lines` and `received` are two views of one stream; run only one of them, and only once.
 * Until then, at most 64 KiB are read from the server, so later outcomes do not arrive either.
 *
 * While that stream runs, a message is acknowledged once the program has processed it, so that its sender learns that it
 * was received (protocol, section 6): when the program asks for the next line, or when the run ends well. While a program
 * is busy with one line for long, the client repeats its last acknowledgement every second, or the server would take it for
 * unreachable. A program that stops reading before it disconnects is closed as unreachable when messages wait, unless it
 * connects with `ack: false`.
 */
export interface Client {
  /** The server's address, for people and logs. */
  readonly remote: string
  /** Every line, unparsed. Ends when the server closes in an orderly way, fails when the connection breaks. */
  readonly lines: Stream.Stream<string, TransportError>
  /** The same lines, parsed. */
  readonly received: Stream.Stream<Received.Received, TransportError>
  /**
   * Sends a text to recipients; waits until the kernel has taken it. The server trims white space at both ends. Success
   * does not mean delivery: a message that did not reach a recipient comes back as `Refused`.
   */
  readonly send: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /** Sends a line unchanged, such as a command or a labelled message. */
  readonly sendLine: (line: string) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /**
   * Sends a text to recipients and waits for the outcome for each of them (protocol, section 7). Outcomes that are
   * missing when the connection ends are `Unknown`. Runs `hello` first. Fails only if nothing was sent.
   */
  readonly deliver: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<ReadonlyArray<MessageFate>, TransportError | Encode.Unsendable | Login.LoginRefused | NoOutcomes>
  /**
   * The server's description of itself; none from a server without `/hello`, such as the original. Requested only once;
   * after that, the server also sends notices when clients join or leave and when it shuts down.
   */
  readonly hello: Effect.Effect<Option.Option<Login.Hello>, TransportError | Login.LoginRefused>
  /** Leaves: the client sends nothing more, but still receives what is queued for it. */
  readonly end: Effect.Effect<void>
  /** Waits until the connection has ended, orderly or not. Earlier lines may still be unread then. */
  readonly closed: Effect.Effect<void>
}

/** The outcome of a message for some of its recipients. */
export type MessageFate = Exclude<Outcomes.Outcome, { readonly _tag: "Unknown" }> | Unknown

/** The connection ended before the outcome arrived, or the outcome was invalid. */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly names: ReadonlyArray<string>
}

/**
 * Connects and logs in. Succeeds once the server has accepted the login; from then on, messages reach this client.
 * Needs the reply to `/ping`, which an original a-chat server does not send. Closing the scope closes the connection in
 * an orderly way, so that sent lines reach the server.
 */
export const connect = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    yield* Login.confirm(started)
    const hello = yield* Effect.cached(Login.hello(started))
    return make(started.connection, acknowledging(started, hello, "confirmed"), "a-chat")
  })

/** Connects to any a-chat server and sends the login without waiting. A refusal arrives as a `Refused` with `fatal`. */
export const open = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    yield* started.connection.send(`${started.login}\n`)
    // Only a server that knows words sends parameters.
    const server = started.words.length > 0 ? "a-chat" : "original"
    const hello = yield* Effect.cached(Login.hello(started))
    return make(started.connection, acknowledging(started, hello, "sent"), server)
  })

/**
 * Connects to any a-chat server, logs in, and waits for its `hello` or the proof that it has none. An original server
 * never replies if the name is in use, so set a deadline.
 */
export const greet = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    const hello = yield* Login.greet(started)
    const server = Option.isSome(hello) ? "a-chat" : "original"
    return make(
      started.connection,
      acknowledging(started, Effect.succeed(hello), Option.isSome(hello) ? "greeted" : "sent"),
      server
    )
  })

/**
 * Turns acknowledgements on when the program runs the stream, and the server is known not to be an original one. Before
 * that the server would wait for acknowledgements that do not come. The notices that follow from it are withheld until
 * the program requests `hello`.
 *
 * @param stage what the client knows: that the server replied to a command (`confirmed`) or to `hello` (`greeted`), or
 *   nothing yet (`sent`)
 */
const acknowledging = (
  { connection, mayAcknowledge, words }: Login.PendingLogin,
  hello: Client["hello"],
  stage: "sent" | "confirmed" | "greeted"
): Pick<Client, "hello" | "lines"> => {
  let isKnown = stage !== "sent"
  let isRunning = false
  let isOn = words.includes("ack") || !mayAcknowledge
  let wantsNotices = stage === "greeted"
  const turnOn = Effect.suspend(() => {
    if (isOn || !isRunning || !isKnown) return Effect.void
    isOn = true
    // Only a client that has greeted may label lines. The stream sees the same break.
    return Effect.ignore(connection.acknowledge(wantsNotices ? "labelled" : "own"))
  })
  const isWanted = (line: string): boolean => {
    if (wantsNotices || !line.startsWith("* ")) return true
    if (line.startsWith("* hello ")) wantsNotices = true // the program asked with `sendLine`
    return !unrequested.test(line)
  }
  return {
    hello: Effect.suspend(() => {
      wantsNotices = true
      return Effect.tap(hello, (found) => {
        isKnown = Option.isSome(found)
        return turnOn
      })
    }),
    lines: Stream.unwrap(
      Effect.suspend(() => {
        isRunning = true
        return Effect.as(turnOn, stage === "greeted" ? connection.lines : Stream.filter(connection.lines, isWanted))
      })
    )
  }
}

/** Notices, which a server sends after `/hello` without being asked. */
const unrequested = /^\* (?:joined|left|closing|bye reason=shutdown)\b/u

/** @param server the kind of server, as far as it is known; an original one sends no parameters with messages */
const make = (
  connection: LineConnection.LineConnection,
  { hello, lines }: Pick<Client, "hello" | "lines">,
  server: Received.ServerKind
): Client => ({
  remote: connection.remote,
  lines,
  received: Stream.map(lines, (line) => Received.parse(line, server)),
  send: (recipients, text) => Effect.flatMap(Encode.message(recipients, text), connection.send),
  sendLine: (line) => Effect.flatMap(Encode.text(line), (wire) => connection.send(`${wire}\n`)),
  deliver: (recipients, text) =>
    Effect.zipRight(
      Effect.filterOrFail(hello, Option.isSome, () => new NoOutcomes()),
      deliver(connection, Outcomes.distinct(recipients), text)
    ),
  hello,
  end: connection.end,
  closed: connection.closed
})

const deliver = (connection: LineConnection.LineConnection, recipients: ReadonlyArray<string>, text: string) =>
  Effect.gen(function* () {
    const message = yield* Encode.message(recipients, text)
    if (connection.hasEnded() || connection.outcomes.hasEnded) return yield* LineConnection.lost
    const fates: Array<MessageFate> = []
    const settled = yield* Deferred.make<ReadonlyArray<MessageFate>>()
    const label = connection.outcomes.expect({
      recipients: new Outcomes.Recipients(recipients),
      due: undefined,
      accept: (outcome, names, isLast) => {
        fates.push(outcome._tag === "Unknown" ? { ...outcome, names } : outcome)
        if (isLast) Deferred.unsafeDone(settled, Exit.succeed(fates))
      }
    })
    // If the connection breaks here, part of the line may have been sent. The outcome is then unknown.
    yield* Effect.catchTag(connection.send(`@${label} ${message}`), "TransportError", () => Effect.void)
    return yield* Deferred.await(settled)
  })
