import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import { turnsOn } from "./Acknowledgement.js"
import * as Login from "./Login.js"
import * as Received from "./Received.js"

/**
 * Proves that the server handled everything that was sent, for a client that sends its input unchanged.
 *
 * An orderly end proves nothing: the kernel also closes the connections of a killed server in an orderly way, once the
 * server has read all input. So the client sends `/ping` after the login; only an original server does not reply. At
 * the end of its input it sends `/ping` again, whose reply proves that every earlier line was handled, and then
 * `/quit`, to which the server replies after the last of those lines was written or returned.
 *
 * The user did not send these commands, so the replies are not shown. A rate limit may refuse them. A refusal does not
 * say which line it refuses, but refusals arrive in the order of the lines, so counting distinguishes ours from the
 * user's.
 *
 * The first of our lines is `/hello ack`, which turns acknowledgements on (`Acknowledgement`). The notices that this
 * turns on are not shown until the user has sent `/hello` as well.
 */
export class Confirmation {
  /** Whether the server replies to commands: known once it has sent a line of its own. */
  isExpected = false
  /** Whether the server has replied to our `/quit`. */
  isGiven = false
  /** Whether the server waits for acknowledgements. */
  acknowledges = false
  /** Who can have an account: known once the server has replied to our `/hello`. */
  facts: { readonly accounts?: string } = {}
  /** The refusal of the login's secret. */
  wrongSecret: Login.LoginRefused | undefined = undefined
  /** Opens when the server is known to reply to commands. */
  readonly expected = Effect.unsafeMakeLatch(false)
  private readonly token = randomUUID()
  private readonly allSeen = Effect.unsafeMakeLatch(false)
  private readonly refusal = Effect.unsafeMakeLatch(false)
  private retryMillis = 0
  /** Number of our lines after the login that have no reply yet. */
  private greetings = 2
  private showsNotices = false
  /** The name as the server writes it. */
  private name = ""
  /** Number of pings sent at the end of the input. */
  private pings = 0
  private hasSeenAll = false
  /** The latest refusals since the first of these pings, at most one for each ping, with their terminators. */
  private held: Array<string> = []

  /** @param words further words of `/hello` */
  constructor(private readonly words: ReadonlyArray<string> = []) {}

  /** The line to send after the login. */
  get greeting(): string {
    return `/hello ${["ack", ...this.words].join(" ")}\n${this.ping(0)}`
  }

  /** The lines to send before the sending half ends, to a server that may never reply. */
  get farewell(): string {
    return `${this.closingPing()}/quit\n`
  }

  /**
   * The replacement of a line of the server's own (`RefusalSplitter`): empty if it replies to one of our commands;
   * undefined if the line is for the user.
   */
  replace(line: string): string | undefined {
    this.isExpected = true
    this.expected.unsafeOpen()
    const received = Received.parse(line)
    if (received._tag === "Notice") {
      if (received.code === "pong") return this.pong(received.text)
      if (received.code === "hello") return this.hello(received)
      if (!this.showsNotices && Received.isUnrequested(received, this.name)) return ""
      if (!this.hasSeenAll || received.code !== "bye" || received.values.get("reason") !== "quit") return undefined
      this.isGiven = true
      return ""
    }
    if (received._tag === "Refused" && received.code === "wrong-password") {
      this.wrongSecret = new Login.LoginRefused({ code: received.code, retryMillis: undefined, text: received.text })
    }
    if (received._tag !== "Refused" || received.fatal || received.retryMillis === undefined) return undefined
    if (received.code !== "slow-down") return undefined
    if (this.greetings > 0) {
      this.greetings -= 1 // no line of the user's was sent before ours, except the login
      return ""
    }
    if (this.pings === 0) return undefined
    this.retryMillis = received.retryMillis
    this.refusal.unsafeOpen()
    if (this.hasSeenAll) return ""
    this.held.push(`${line}\n`)
    return this.held.length > this.pings ? this.held.shift() : ""
  }

  /** The refusals that are still held when the connection has ended. */
  rest(): string {
    const rest = this.held.join("")
    this.held = []
    return rest
  }

  /** Asks the server to confirm that it has handled everything that was sent; never returns. */
  ask<E>(send: (wire: string) => Effect.Effect<void, E>): Effect.Effect<never, E> {
    const until = (isOver: () => boolean, over: Effect.Effect<void>, line: () => string) =>
      Effect.gen(this, function* () {
        for (;;) {
          yield* this.refusal.close
          yield* send(line())
          yield* Effect.raceFirst(over, this.refusal.await)
          if (isOver()) return
          yield* Effect.raceFirst(over, Effect.sleep(this.retryMillis))
          if (isOver()) return
        }
      })
    return until(
      () => this.hasSeenAll,
      this.allSeen.await,
      () => this.closingPing()
    ).pipe(
      Effect.zipRight(
        until(
          () => false,
          Effect.never,
          () => "/quit\n"
        )
      ),
      Effect.zipRight(Effect.never)
    )
  }

  /** The first `hello` with acknowledgements replies to ours. */
  private hello(received: Received.Received): string | undefined {
    if (received._tag === "Notice") this.name = received.values.get("name") ?? this.name
    if (!this.acknowledges && turnsOn(received)) {
      this.acknowledges = true
      const accounts = received._tag === "Notice" ? Login.accountsIn(received.values) : undefined
      this.facts = accounts === undefined ? {} : { accounts }
      this.greetings = Math.min(this.greetings, 1)
      return ""
    }
    this.showsNotices = true
    return undefined
  }

  private ping(number: number) {
    return `/ping ${this.token} ${number}\n`
  }

  private closingPing() {
    this.pings += 1
    return this.ping(this.pings)
  }

  private pong(text: string): string | undefined {
    const [token, number] = text.split(" ")
    if (token !== this.token) return undefined
    if (Number(number) === 0) this.greetings = 0
    if (Number(number) === 0 || this.hasSeenAll) return ""
    this.hasSeenAll = true
    this.allSeen.unsafeOpen()
    // The server replies in order: the pings before this one were refused, and their refusals are the latest.
    const refused = Number(number) - 1
    const users = this.held.slice(0, this.held.length - refused)
    this.held = []
    return users.join("")
  }
}
