import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { TransportError } from "../ports/Transport.js"
import * as ClientConnection from "./ClientConnection.js"
import type { Envelope } from "./AcknowledgedFeed.js"
import type { ConversationsHandle } from "./ConversationHandle.js"
import type * as Encode from "./Encode.js"
import * as Login from "./Login.js"
import type * as Outcomes from "./Outcomes.js"
import type * as Received from "./Received.js"

export type { Envelope } from "./AcknowledgedFeed.js"
export { NoOutcomes } from "./ClientConnection.js"
export { LoginRefused, type ClientOptions, type Hello } from "./Login.js"
export { Unsendable } from "./Encode.js"
export { RequestRefused } from "./Request.js"
export type { ConversationHandle, RoomHandle } from "./ConversationHandle.js"
export type { AccountDevice, HistoryRange, MembersPage, RoomChange, SearchRange } from "./Requests.js"

/**
 * A client of a chat server. `lines`, `received` and `feed` are views of one stream: run only one of them, and only
 * once (`feed` repeatedly). Until then, the client reads at most 64 KiB from the server, so later outcomes do not
 * arrive either.
 *
 * While that stream runs, the client acknowledges each message that the program has processed, so that its sender gets
 * the outcome `received` (protocol, section 6). A message counts as processed when the program pulls the next line, or
 * when the run ends successfully. During a long pause between two pulls, the client repeats its last acknowledgement
 * every second, so that the server does not close it as unreachable. A program that stops reading before it disconnects
 * is closed as unreachable while messages wait, unless it connects with `ack: false`.
 */
export interface ClientHandle extends ConversationsHandle {
  /** The server's address, for people and logs. */
  readonly remote: string
  /** Every line, unparsed. Ends when the server closes in an orderly way, fails when the connection breaks. */
  readonly lines: Stream.Stream<string, TransportError>
  /** The same lines, parsed. */
  readonly received: Stream.Stream<Received.Received, TransportError>
  /**
   * The same lines, for a program that acknowledges each itself, for example after writing it to a database.
   * Unacknowledged lines are delivered again. The next run of this stream begins with those of earlier runs, in order.
   * If the server keeps the line (protocol, section 10), the device's next connection also gets it, even if the program
   * was killed. So a program may process a line twice, but never misses one.
   *
   * With `ack: true`, this holds from the login on, as it does for a client of an account that reconnects; by default,
   * from the start of the first run on.
   *
   * Lines can be acknowledged in any order, and concurrently. The acknowledgement of a line reaches the server once all
   * lines before it are acknowledged. Meanwhile, the server sends only some thousands more, so acknowledge ignored
   * lines as well.
   */
  readonly feed: Stream.Stream<Envelope, TransportError>
  /**
   * Sends a text to recipients, and waits until the kernel has taken it. The server trims white space at both ends.
   * Success does not mean delivery: a message that did not reach a recipient returns as `Refused`.
   */
  readonly send: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /** Sends a line unchanged, such as a command or a labelled message. */
  readonly sendLine: (line: string) => Effect.Effect<void, TransportError | Encode.Unsendable>
  /**
   * Sends a text to recipients and waits for the outcome for each of them (protocol, section 7). Outcomes that are
   * missing when the connection ends are `Unknown`. Runs `hello` first. Fails only if nothing was sent. With `seq`, the
   * outcome for an account has the number of the line and the time at which it was stored.
   */
  readonly deliver: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<
    ReadonlyArray<MessageFate>,
    TransportError | Encode.Unsendable | Login.LoginRefused | ClientConnection.NoOutcomes
  >
  /**
   * The server's description of itself; none from a server without `/hello`, such as the original. Requested only once.
   * Afterwards, the server also sends notices when clients join or leave and when it shuts down.
   */
  readonly hello: Effect.Effect<Option.Option<Login.Hello>, TransportError | Login.LoginRefused>
  /** Leaves: the client sends nothing more, but still receives what is queued for it. */
  readonly end: Effect.Effect<void>
  /** Waits until the connection has ended, orderly or not. Earlier lines may still be unread. */
  readonly closed: Effect.Effect<void>
}

/** The client of a program that has only one. A program with several declares a tag for each. */
export class Client extends Context.Tag("a-chat/Client")<Client, ClientHandle>() {}

/** `connect` as a layer: a client that is logged in for the lifetime of the layer. */
export const layer = <E, R>(
  options: Login.ClientOptions<E, R>
): Layer.Layer<Client, E | TransportError | Encode.Unsendable | Login.LoginRefused, Exclude<R, Scope.Scope>> =>
  Layer.scoped(Client, connect(options))

/** The outcome of a message for some of its recipients. */
export type MessageFate = Exclude<Outcomes.Outcome, { readonly _tag: "Unknown" }> | Unknown

/** The connection ended before the outcome arrived, or the outcome was invalid. */
export interface Unknown {
  readonly _tag: "Unknown"
  readonly names: ReadonlyArray<string>
  /** Whether there was an outcome that does not parse, or that names another client. Left out if there was none. */
  readonly isInvalid?: true
}

/**
 * Connects and logs in. Succeeds once the server has accepted the login; from then on, messages reach this client.
 * Needs the reply to `/ping`, which an original a-chat server does not send. Closing the scope closes the connection in
 * an orderly way, so that sent lines reach the server.
 */
export const connect = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<ClientHandle, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    const known = yield* Login.confirm(started)
    if (known !== undefined) return ClientConnection.greeted(started, known, { areWanted: false })
    const hello = yield* Effect.cached(Login.hello(started))
    return ClientConnection.handle({ started, hello, stage: "confirmed", server: "a-chat" })
  })

/**
 * Connects to any a-chat server and sends the login without waiting. A refusal arrives as a `Refused` with `fatal`.
 * Only for guests: the login to an account has to wait for the server's `hello`.
 */
export const open = <E, R>(
  options: Omit<Login.ClientOptions<E, R>, "secret" | "insecure" | "hasAccount">
): Effect.Effect<ClientHandle, E | TransportError | Encode.Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    yield* started.connection.send(`${started.login}\n`)
    // Only a server that knows words sends parameters.
    const server = started.words.length > 0 ? "a-chat" : "original"
    const hello = yield* Effect.cached(Login.hello(started))
    return ClientConnection.handle({ started, hello, stage: "sent", server })
  })

/**
 * Connects to any a-chat server, logs in, and waits for its `hello` or the proof that it has none. An original server
 * never replies if the name is in use, so set a deadline.
 */
export const greet = <E, R>(
  options: Login.ClientOptions<E, R>
): Effect.Effect<ClientHandle, E | TransportError | Encode.Unsendable | Login.LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const started = yield* Login.start(options)
    return ClientConnection.greeted(started, yield* Login.greet(started))
  })
