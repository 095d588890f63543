import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Socket, TransportError } from "../ports/Transport.js"
import * as Wire from "../protocol/Wire.js"
import * as Encode from "./Encode.js"
import { GreetingPause, slowDownMillis } from "./GreetingPause.js"
import * as LineConnection from "./LineConnection.js"
import type { Labels } from "./Labels.js"
import type { LastSeen } from "./LastSeen.js"
import type { LineRate } from "./Pace.js"
import * as Received from "./Received.js"

/** The server refused the login or was full; `code` is the code of the refusal (protocol, section 2). */
export class LoginRefused extends Data.TaggedError("LoginRefused")<{
  readonly code: string
  /** Milliseconds after which the same login may succeed; undefined if it never will. */
  readonly retryMillis: number | undefined
  /** For people. */
  readonly text: string
  /** Why a client was logged out, such as `replaced` (protocol, section 9); undefined for any other refusal. */
  readonly reason?: string | undefined
}> {
  override get message() {
    return `${this.code}: ${this.text}`
  }
}

/** The parameters of `* hello` (protocol, section 6). */
export interface Hello {
  /** The login as the server writes it. */
  readonly name: string
  /** Longest line, in bytes. */
  readonly maxLineBytes: number
  readonly maxRecipients: number
  /** The limits of lines per second that apply to this client; none if they are off. */
  readonly rates: ReadonlyArray<LineRate>
  /** Who can have an account: `open`, `closed` or `required`. Undefined from a server without accounts. */
  readonly accounts?: string
  /** The device of the account that the client has logged in to; undefined for a guest. */
  readonly device?: string
  /** Who may make rooms: `open`, `accounts` or `operator`. Undefined from a server without rooms. */
  readonly rooms?: string
  /** Identifies the server's log: if it changes, the numbers of kept lines start again. */
  readonly log?: string
  /** The words of `/hello` that are on for this client: `ack`, `once`, … */
  readonly words: ReadonlyArray<string>
}

export interface ClientOptions<E, R> {
  /** Opens the connection: `Tcp.connect(address)`. */
  readonly socket: Effect.Effect<Socket, E, R>
  /** A name; `alice/phone` for a device of an account. */
  readonly login: string
  /**
   * The password of the login's account, or a token of its device. It is read once per login, after the server has
   * announced accounts, and is sent only over confidential connections; see `insecure`. Default: none.
   */
  readonly secret?: Effect.Effect<string> | undefined
  /** Whether the secret may be sent over a connection that others can read. False by default. */
  readonly insecure?: boolean | undefined
  /**
   * Whether the login may be that of an account even without a secret, as with a client certificate. Default: true for
   * the login of a device, otherwise false. If false, a client that must find out the kind of server sends a message to
   * itself.
   */
  readonly hasAccount?: boolean | undefined
  /**
   * Whether the client is a program that answers messages. After `hello`, the server marks what it sends, for other
   * such programs, and messages from them have `auto` (protocol, section 6). False by default.
   */
  readonly auto?: boolean | undefined
  /**
   * Whether messages are acknowledged (protocol, section 4). True: from `hello` on, for a program that runs `lines`,
   * `received` or `feed` at once. False: never, for a program that stops reading before it disconnects. By default,
   * messages are acknowledged once the program runs that stream; a reconnecting client of an account acknowledges all.
   */
  readonly ack?: boolean | undefined
  /** Whether messages list their other recipients in `to` after `hello` (protocol, section 6). False by default. */
  readonly to?: boolean | undefined
  /**
   * Whether a line that this client sends is stored once, however often it is sent with its label (protocol, section
   * 10). Only for accounts. False by default.
   */
  readonly once?: boolean | undefined
  /**
   * Whether kept messages have `seq`, `at` and `guest`, and outcomes `seq`, `at` and `again` (protocol, section 10). By
   * default, if there is `seen`.
   */
  readonly seq?: boolean | undefined
  /**
   * Whether the client gets copies of lines that the account's other devices send: `* sent` (protocol, section 10).
   * False by default.
   */
  readonly copies?: boolean | undefined
  /** Whether the client gets receipts when accounts get its lines: `* delivered`. False by default. */
  readonly receipts?: boolean | undefined
  /**
   * The kept messages that the program has processed on earlier connections or in earlier runs: repeats are
   * acknowledged and dropped. The client adds each message that the program processes. Default: none.
   */
  readonly seen?: LastSeen | undefined
  /** The labels of the client's lines, shared by its connections. By default each connection has labels of its own. */
  readonly labels?: Labels | undefined
  /** Longest line accepted from the server, in bytes; 2 MiB by default, more than an a-chat server ever sends. */
  readonly maxLineBytes?: number | undefined
  /** How long closing the scope waits for the server to end its half; 5 s by default. */
  readonly linger?: Duration.DurationInput | undefined
}

/** Default of `maxLineBytes`. */
export const defaultMaxLineBytes = 2 * 1024 * 1024

const defaultLinger = Duration.seconds(5)

/** The words of `/hello` that an option of the same name turns on. */
const words = ["ack", "auto", "copies", "once", "receipts", "seq", "to"] as const

/** Connects, but does not send the login yet. */
export const start = <E, R>(
  options: ClientOptions<E, R>
): Effect.Effect<PendingLogin, E | Encode.Unsendable, R | Scope.Scope> =>
  Effect.gen(function* () {
    const login = yield* Encode.login(options.login) // fails before the connection is made
    let isPrivate = false
    const connection = yield* LineConnection.make({
      socket: Effect.tap(options.socket, (socket) => Effect.sync(() => (isPrivate = socket.isPrivate === true))),
      maxLineBytes: options.maxLineBytes ?? defaultMaxLineBytes,
      labels: options.labels,
      seen: options.seen,
      linger: Duration.decode(options.linger ?? defaultLinger)
    })
    const mayAcknowledge = options.ack !== false
    const { hasAccount = login.includes("/"), insecure = false, secret } = options
    return {
      connection,
      login,
      account: secret === undefined && !hasAccount ? undefined : { secret, mayBeSent: isPrivate || insecure },
      mayAcknowledge,
      seen: options.seen,
      words: words.filter((word) => options[word] ?? (word === "seq" && options.seen !== undefined))
    }
  })

export interface PendingLogin {
  readonly connection: LineConnection.LineConnection
  /** In wire form. */
  readonly login: string
  /** How to log in to an account; undefined for a guest. */
  readonly account:
    | {
        readonly secret: Effect.Effect<string> | undefined
        /** Whether the secret may be sent: the connection is confidential, or the user has allowed it. */
        readonly mayBeSent: boolean
      }
    | undefined
  /** Whether the program wants to acknowledge messages. */
  readonly mayAcknowledge: boolean
  /** The words to send with `/hello`. */
  readonly words: ReadonlyArray<string>
  readonly seen: LastSeen | undefined
}

/**
 * Logs in, and confirms with `/ping` that the server has accepted the login; an original server does not reply. Returns
 * the server's `hello` if the login needed it.
 */
export const confirm = (
  started: PendingLogin
): Effect.Effect<Option.Option<Hello> | undefined, TransportError | LoginRefused> => {
  const { account, connection, login } = started
  if (account !== undefined) return greetAccount(started)
  return Effect.as(
    connection.ask(`${login}\n/ping login\n`, (line) => (line === "* pong: login" ? Exit.void : refusalOf(line))),
    undefined
  )
}

/** Logs in and requests the server's `hello`; none if the server has none. */
export const greet = (started: PendingLogin): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> =>
  started.account === undefined
    ? untilRefused(started, askHello(started, `${started.login}\n${helloLine(started)}`))
    : greetAccount(started)

/** Requests the server's `hello`; none if the server has none. */
export const hello = (started: PendingLogin): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> =>
  askHello(started, helloLine(started))

/** `greetFirst` for a client that only sends. */
export const greetOnlySending = (
  started: PendingLogin
): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> =>
  greetFirst({ ...started, words: ["send-only", ...started.words] })

/**
 * Greets with the words before the login, and requests the server's `hello` after it; none if the server is an original
 * one. An original server takes the first line, `/hello`, as the login, and never gets the real one.
 *
 * Only an original server sends the second line back, because it is addressed to that login. To any other server it is
 * another `/hello`. The token makes the login unique.
 */
export const greetFirst = (
  started: PendingLogin
): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> => {
  const { account, connection, login, words } = started
  if (account !== undefined) return greetAccount(started)
  const { ask, first } = greeting(started)
  const greeted = Effect.gen(function* () {
    if (words.includes("ack")) yield* connection.acknowledge("asked")
    return yield* untilNamed(started, yield* ask(`${first}\n${first}: hello?\n${login}\n/hello\n`, 3), login)
  })
  return untilRefused(started, greeted)
}

/**
 * Logs in to an account. The secret is sent only once the server has announced accounts: to an original server it would
 * be a message. Nothing else is sent to such a server, and the secret is not kept.
 */
const greetAccount = (started: PendingLogin): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> => {
  const { account, connection, login, words } = started
  const { ask, first } = greeting(started)
  const greeted = Effect.gen(function* () {
    if (words.includes("ack")) yield* connection.acknowledge("asked")
    let answer = yield* ask(`${first}\n${first}: hello?\n`, 2)
    while (typeof answer === "number") {
      yield* Effect.sleep(answer)
      answer = yield* ask(`${first}\n`, 1)
    }
    const found = Option.getOrUndefined(answer)
    const mistake = account?.secret === undefined ? undefined : whyNot(found, account.mayBeSent)
    if (mistake !== undefined) return yield* mistake
    if (found === undefined) return yield* noAccounts
    const secret = account?.secret === undefined ? "" : `: ${Wire.encode(yield* account.secret)}`
    const line = `${login}${secret}`
    return yield* untilNamed(started, yield* ask(`${line}\n/hello\n`, 1), line)
  })
  return untilRefused(started, greeted)
}

/** Why a secret must not be sent to this server, or on this connection; undefined if it may be. */
export const whyNot = (hello: Pick<Hello, "accounts"> | undefined, mayBeSent: boolean): LoginRefused | undefined => {
  if (hello?.accounts === undefined) return noAccounts
  return mayBeSent ? undefined : readable
}

const noAccounts = new LoginRefused({
  code: "no-accounts",
  retryMillis: undefined,
  text: "this server has no accounts; the password was not sent"
})

const readable = new LoginRefused({
  code: "tls-required",
  retryMillis: undefined,
  text: "others could read this connection; the password was not sent"
})

/** The questions of a greeting, and how it recognises an original server. */
const greeting = ({ connection, seen, words }: PendingLogin) => {
  const first = `/hello ${words.join(" ")} ${crypto.randomUUID()}`
  /** Returns the last of `replies` replies to `/hello`, or the time to wait after a line that was sent too fast. */
  const ask = (lines: string, replies: number) => {
    let missing = replies
    const look: LineConnection.Look<Option.Option<Hello> | number, LoginRefused> = (line) => {
      if (line.startsWith(`from ${first}: `)) return Exit.succeed(Option.none())
      const received = Received.parse(line)
      if (received._tag === "Refused" && received.code === "slow-down") {
        return Exit.succeed(received.retryMillis ?? slowDownMillis)
      }
      if (!line.startsWith("* hello ")) return refusedBy(received)
      const hello = parseHello(received)
      if (Option.isSome(hello)) seen?.useLog(hello.value.log)
      missing -= 1
      return missing > 0 ? "part" : Exit.succeed(hello)
    }
    return connection.ask(lines, look)
  }
  return { ask, first }
}

/** Waits for the `hello` that contains the name. Sends the login line again if it was sent too fast. */
const untilNamed = (started: PendingLogin, first: Option.Option<Hello> | number, line: string) =>
  Effect.gen(function* () {
    const { ask } = greeting(started)
    const pause = new GreetingPause()
    let answer = first
    let isSentAgain = false
    for (;;) {
      if (typeof answer === "number") pause.refused(answer)
      else if (Option.isNone(answer) || answer.value.name !== "") return answer
      else {
        // The login is announced unless it was the line that came too fast.
        if (isSentAgain) pause.refused(0)
        yield* Effect.delay(started.connection.send(`${line}\n`), pause.millis)
        isSentAgain = true
      }
      yield* Effect.sleep(pause.millis)
      answer = yield* ask("/hello\n", 1)
    }
  })

/**
 * A login that fails once the server refuses it, even while the client waits for the server's pace. The program also
 * sees the refusal: it may be a logout that arrives in one read with the end of the login.
 */
const untilRefused = <A, E>({ connection }: PendingLogin, login: Effect.Effect<A, E>) =>
  Effect.suspend(() => {
    const refused = Deferred.unsafeMake<never, LoginRefused>(FiberId.none)
    const see = (line: string): undefined => {
      const found = refusalOf(line)
      if (found !== undefined) Deferred.unsafeDone(refused, found)
    }
    const ended = connection.ask<never, never>("", see)
    return Deferred.await(refused).pipe(Effect.raceFirst(ended), Effect.raceFirst(login))
  })

const helloLine = ({ words }: PendingLogin) => `${["/hello", ...words].join(" ")}\n`

/**
 * Every server delivers a client's message to itself after the replies to earlier lines. If it arrives first, the
 * server has no `hello`.
 */
const askHello = (
  started: PendingLogin,
  lines: string
): Effect.Effect<Option.Option<Hello>, TransportError | LoginRefused> =>
  Effect.suspend(() => {
    const { connection, login } = started
    const token = `hello? ${crypto.randomUUID()}`
    let hello = Option.none<Hello>()
    const look: LineConnection.Look<Option.Option<Hello> | number, LoginRefused> = (line) => {
      if (line.startsWith("from ") && line.endsWith(`: ${token}`)) return Exit.succeed(hello)
      if (line.startsWith("! slow-down ")) {
        // The server's rate is below the lines of a greeting. After a `hello`, the line to itself has nothing left to
        // prove.
        const received = Received.parse(line)
        const retryMillis = received._tag === "Refused" ? received.retryMillis : undefined
        return Exit.succeed(Option.isSome(hello) ? hello : (retryMillis ?? slowDownMillis))
      }
      if (!line.startsWith("* hello ")) return refusalOf(line)
      hello = parseHello(Received.parse(line))
      if (Option.isSome(hello)) started.seen?.useLog(hello.value.log)
      return "part"
    }
    const expected = started.words.includes("ack") ? connection.acknowledge("asked") : Effect.void
    const asked = Effect.zipRight(expected, connection.ask(`${lines}${login}: ${token}\n`, look))
    return Effect.flatMap(asked, (answer) =>
      typeof answer === "number" ? Effect.delay(askHello(started, helloLine(started)), answer) : Effect.succeed(answer)
    )
  })

const parseHello = (received: Received.Received): Option.Option<Hello> => {
  if (received._tag !== "Notice") return Option.none()
  const { values } = received
  return Option.some({
    name: values.get("name") ?? "",
    maxLineBytes: Number(values.get("max-line")),
    maxRecipients: Number(values.get("max-recipients")),
    ...optional("accounts", accountsIn(values)),
    ...optional("device", values.get("device")),
    ...optional("rooms", values.get("rooms")),
    ...optional("log", values.get("log")),
    words: values.get("on")?.split("+") ?? [],
    rates: [
      // The burst of the rate per client is one second's worth.
      { perSecond: Number(values.get("rate")), burst: Number(values.get("rate")) },
      { perSecond: Number(values.get("address-rate")), burst: Number(values.get("address-burst")) }
    ].filter(({ burst, perSecond }) => perSecond > 0 && burst > 0)
  })
}

const optional = <Key extends string>(key: Key, value: string | undefined) =>
  value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: string })

/** Who can have an account, from the parameters of a `hello`; undefined if the server has no accounts. */
export const accountsIn = (values: ReadonlyMap<string, string>): string | undefined => {
  const found = values.get("accounts")
  return found === "off" ? undefined : found
}

/** The refusal in a line, if the server closes the connection after it. A refused login is such a refusal. */
export const refusalOf = (line: string): Exit.Exit<never, LoginRefused> | undefined => refusedBy(Received.parse(line))

/** The logout in a line, after which a client does not connect again by itself; undefined if it is another line. */
export const logoutIn = (received: Received.Received): LoginRefused | undefined => {
  if (received._tag !== "Refused" || received.code !== "logged-out") return undefined
  const { code, text, values } = received
  return new LoginRefused({ code, retryMillis: undefined, text, reason: values.get("reason") })
}

export const refusedBy = (received: Received.Received): Exit.Exit<never, LoginRefused> | undefined => {
  if (received._tag !== "Refused" || !received.fatal) return undefined
  const { code, retryMillis, text } = received
  return Exit.fail(logoutIn(received) ?? new LoginRefused({ code, retryMillis, text }))
}
