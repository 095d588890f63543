import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Wire from "../protocol/Wire.js"
import type { Socket, TransportError } from "../transport/Transport.js"
import * as Link from "./Link.js"
import * as Outcomes from "./Outcomes.js"
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
  /** After how many milliseconds the same login may succeed, if it may. */
  readonly retryMillis: number | undefined
  /** For people. */
  readonly text: string
}> {
  override get message() {
    return `${this.code}: ${this.text}`
  }
}

/** The server is one that does not tell outcomes, such as the original a-chat; nothing was sent. */
export class NoOutcomes extends Data.TaggedError("NoOutcomes") {
  override get message() {
    return "this server does not tell what becomes of a message"
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
  readonly send: (recipients: ReadonlyArray<string>, text: string) => Effect.Effect<void, TransportError | Unsendable>
  /** Sends a line as it is: a command, a labelled message. */
  readonly sendLine: (line: string) => Effect.Effect<void, TransportError | Unsendable>
  /**
   * Sends a text to recipients and waits until it is known what became of it for each of them (protocol, section 7); if
   * the connection ends before, the rest is `Unknown`. Asks for `hello` first. Fails if nothing was sent.
   */
  readonly deliver: (
    recipients: ReadonlyArray<string>,
    text: string
  ) => Effect.Effect<ReadonlyArray<Fate>, TransportError | Unsendable | LoginRefused | NoOutcomes>
  /**
   * What the server says of itself; none if it is one that does not, such as the original. It is asked once, with
   * `/hello`, after which it also sends notices: who joins and leaves, and that it closes.
   */
  readonly hello: Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused>
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

/** The parameters of `* hello` (protocol, section 6). */
export interface Hello {
  /** The login as the server took it. */
  readonly name: string
  /** Longest line, in bytes. */
  readonly maxLineBytes: number
  readonly maxRecipients: number
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

/**
 * Connects and logs in: succeeds when the server has taken the login, so that others can send to it from then on. It
 * asks with `/ping`, which an original a-chat server does not answer. The scope's end closes in order: what was sent is
 * delivered.
 */
export const connect = <E, R>(
  options: Options<E, R>
): Effect.Effect<Client, E | TransportError | Unsendable | LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { link, login } = yield* start(options)
    yield* link.ask(`${login}\n/ping login\n`, (line) => (line === "* pong: login" ? Exit.void : refusal(line)))
    return yield* make(link, login)
  })

/** Connects to any a-chat server, and sends the login without waiting: a refusal arrives as a `Refused` with `fatal`. */
export const open = <E, R>(
  options: Options<E, R>
): Effect.Effect<Client, E | TransportError | Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { link, login } = yield* start(options)
    yield* link.send(`${login}\n`)
    return yield* make(link, login)
  })

/**
 * Connects to any a-chat server, logs in, and waits for its `hello` or the proof that it has none. An original server
 * where the name is in use never answers: give it a deadline.
 */
export const greet = <E, R>(
  options: Options<E, R>
): Effect.Effect<Client, E | TransportError | Unsendable | LoginRefused, R | Scope.Scope> =>
  Effect.gen(function* () {
    const { link, login } = yield* start(options)
    const client = yield* make(link, login, `${login}\n`)
    yield* client.hello
    return client
  })

const start = <E, R>(options: Options<E, R>) =>
  Effect.gen(function* () {
    const login = yield* encodeLogin(options.login) // before anybody connects
    const link = yield* Link.make({
      socket: options.socket,
      maxLineBytes: options.maxLineBytes ?? defaultMaxLineBytes,
      linger: Duration.decode(options.linger ?? defaultLinger)
    })
    return { link, login }
  })

/** @param unsent lines that go before the first `/hello` */
const make = (link: Link.Link, login: string, unsent = ""): Effect.Effect<Client> =>
  Effect.map(Effect.cached(askHello(link, login, unsent)), (hello) => ({
    remote: link.remote,
    lines: link.lines,
    received: Stream.map(link.lines, Received.parse),
    send: (recipients, text) => Effect.flatMap(encodeMessage(recipients, text), link.send),
    sendLine: (line) => Effect.flatMap(encodeText(line), (wire) => link.send(`${wire}\n`)),
    deliver: (recipients, text) =>
      Effect.zipRight(
        Effect.filterOrFail(hello, Option.isSome, () => new NoOutcomes()),
        deliver(link, Outcomes.distinct(recipients), text)
      ),
    hello,
    end: link.end,
    closed: link.closed
  }))

/** A message to oneself comes back from every server, and behind the answer to what was asked before. */
export const askHello = (
  link: Link.Link,
  login: string,
  unsent = ""
): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> =>
  Effect.suspend(() => {
    const token = `hello? ${crypto.randomUUID()}`
    let hello = Option.none<Hello>()
    return link.ask(`${unsent}/hello\n${login}: ${token}\n`, (line) => {
      if (line.startsWith("from ") && line.endsWith(`: ${token}`)) return Exit.succeed(hello)
      if (!line.startsWith("* hello ")) return refusal(line)
      hello = parseHello(Received.parse(line))
      return "part"
    })
  })

const parseHello = (received: Received.Received): Option.Option<Hello> => {
  if (received._tag !== "Notice") return Option.none()
  const { values } = received
  return Option.some({
    name: values.get("name") ?? "",
    maxLineBytes: Number(values.get("max-line")),
    maxRecipients: Number(values.get("max-recipients"))
  })
}

/** A refusal behind which the server closes, which a refused login is. */
export const refusal = (line: string): Exit.Exit<never, LoginRefused> | undefined => {
  const received = Received.parse(line)
  if (received._tag !== "Refused" || !received.fatal) return undefined
  const { code, retryMillis, text } = received
  return Exit.fail(new LoginRefused({ code, retryMillis, text }))
}

const deliver = (link: Link.Link, recipients: ReadonlyArray<string>, text: string) =>
  Effect.gen(function* () {
    const message = yield* encodeMessage(recipients, text)
    if (link.hasEnded() || link.outcomes.hasEnded) return yield* Link.lost
    const fates: Array<Fate> = []
    const told = yield* Deferred.make<ReadonlyArray<Fate>>()
    const label = link.outcomes.expect(recipients.length, (outcome, isLast) => {
      fates.push(outcome._tag === "Unknown" ? { ...outcome, names: without(recipients, fates) } : outcome)
      if (isLast) Deferred.unsafeDone(told, Exit.succeed(fates))
    })
    // If the connection breaks now, nobody knows how much of it went; that comes as an outcome.
    yield* Effect.catchTag(link.send(`@${label} ${message}`), "TransportError", () => Effect.void)
    return yield* Deferred.await(told)
  })

const without = (recipients: ReadonlyArray<string>, fates: ReadonlyArray<Fate>): ReadonlyArray<string> => {
  const told = new Set(fates.flatMap((fate) => (fate._tag === "Refused" ? [] : fate.names)))
  return recipients.filter((name) => !told.has(name))
}

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

/** The wire form of what stands before a message's colon. */
export const encodeRecipients = (recipients: ReadonlyArray<string>): Effect.Effect<string, Unsendable> => {
  if (recipients.length === 0) return Effect.fail(new Unsendable({ reason: "NoRecipient", value: "" }))
  const bad = recipients.find((name) => /[,:]|^\s*(?:[/!*#@]|$)/u.test(name) || Wire.hasControl(Wire.encode(name)))
  return bad === undefined
    ? Effect.succeed(Wire.encode(recipients.join(", ")))
    : Effect.fail(new Unsendable({ reason: "BadRecipient", value: bad }))
}

const encodeMessage = (recipients: ReadonlyArray<string>, text: string): Effect.Effect<string, Unsendable> =>
  Effect.zipWith(encodeRecipients(recipients), encodeText(text), (head, wire) => `${head}: ${wire}\n`)
