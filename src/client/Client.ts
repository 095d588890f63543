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

/** The server is one that does not tell outcomes, such as the original a-chat; nothing was sent. */
export class NoOutcomes extends Data.TaggedError("NoOutcomes") {
  override get message() {
    return "this server does not tell what becomes of a message"
  }
}

/**
 * A client of a chat. `lines` and `received` are two views of one stream, to be run once: what the one took, the other
 * does not get. While nobody runs either, at most 64 KiB are read from the server, and outcomes behind that wait, too.
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
  readonly send: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /** Sends a line as it is: a command, a labelled message. */
  readonly sendLine: (line: string) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /**
   * Sends a text to recipients and waits until it is known what became of it for each of them (protocol, section 7); if
   * the connection ends before, the rest is `Unknown`. Asks for `hello` first. Fails if nothing was sent.
   */
  readonly deliver: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<ReadonlyArray<Fate>, TransportError | Encode.Unsendable | Login.LoginRefused | NoOutcomes>
  /**
   * What the server says of itself; none if it is one that does not, such as the original. It is asked once, with
   * `/hello`, after which it also sends notices: who joins and leaves, and that it closes.
   */
  readonly hello: Effect.Effect<Option.Option<Login.Hello>, TransportError | Login.LoginRefused>
  /** Ends the sending half, which is how a client leaves; what the server still has for it goes on coming. */
  readonly end: Effect.Effect<void>
  /** Waits until nothing more comes: the server has closed, or the connection broke. Lines may still be untaken. */
  readonly closed: Effect.Effect<void>
}

/** What became of a message for recipients. */
export type Fate = Exclude<Outcomes.Outcome, { readonly _tag: "Unknown" }> | Unknown

/** The connection ended before the server told. */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly names: ReadonlyArray<string>
}

/**
 * Connects and logs in: succeeds when the server has taken the login, so that others can send to it from then on. It
 * asks with `/ping`, which an original a-chat server does not answer. The scope's end closes in order: what was sent is
 * delivered.
 */
export const connect = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    yield* Login.confirm(started)
    return make(started.connection, yield* Effect.cached(Login.hello(started)))
  })

/** Connects to any a-chat server, and sends the login without waiting: a refusal arrives as a `Refused` with `fatal`. */
export const open = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    yield* started.connection.send(`${started.login}\n`)
    return make(started.connection, yield* Effect.cached(Login.hello(started)))
  })

/**
 * Connects to any a-chat server, logs in, and waits for its `hello` or the proof that it has none. An original server
 * where the name is in use never answers: give it a deadline.
 */
export const greet = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<Client, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    return make(started.connection, Effect.succeed(yield* Login.greet(started)))
  })

const make = (connection: LineConnection.LineConnection, hello: Client["hello"]): Client => ({
  remote: connection.remote,
  lines: connection.lines,
  received: Stream.map(connection.lines, Received.parse),
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
    const fates: Array<Fate> = []
    const told = yield* Deferred.make<ReadonlyArray<Fate>>()
    const label = connection.outcomes.expect({
      due: recipients.length,
      told: (outcome, isLast) => {
        fates.push(outcome._tag === "Unknown" ? { ...outcome, names: without(recipients, fates) } : outcome)
        if (isLast) Deferred.unsafeDone(told, Exit.succeed(fates))
      }
    })
    // If the connection breaks now, nobody knows how much of it went; that comes as an outcome.
    yield* Effect.catchTag(connection.send(`@${label} ${message}`), "TransportError", () => Effect.void)
    return yield* Deferred.await(told)
  })

const without = (recipients: ReadonlyArray<string>, fates: ReadonlyArray<Fate>): ReadonlyArray<string> => {
  const told = new Set(fates.flatMap((fate) => (fate._tag === "Refused" ? [] : fate.names)))
  return recipients.filter((name) => !told.has(name))
}
