import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { Unsendable } from "../../client/Encode.js"
import * as Escape from "../../client/Escape.js"
import * as PastObject from "../../client/PastObject.js"
import type { PastLine } from "../../client/PastReports.js"
import * as Request from "../../client/Request.js"
import * as Requests from "../../client/Requests.js"
import * as RoomReports from "../../client/RoomReports.js"
import type { Elsewhere } from "../../client/Servers.js"
import type { Socket, TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as LoginAttempts from "./LoginAttempts.js"
import type { LoginSecret } from "./Secrets.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as LoginSetting from "./LoginSetting.js"

/** Shared by the commands that read kept lines: logging in, entering a room, and printing lines. */

export const settings = {
  login: LoginSetting.make({
    about: "Name to read as; the lines of a direct conversation are for its account alone",
    default: undefined,
    defaultText: "a guest, of the user and the machine"
  }),
  device: ConnectFlags.device,
  join: Setting.toggle("join", "Enter the room first, as an account that is not a member; a guest always does"),
  timeout: Setting.duration("timeout", {
    about: "Time for the login, and for each reply",
    default: Duration.seconds(10),
    min: Duration.millis(10),
    max: Duration.hours(1)
  }),
  json: Setting.toggle("json", "Print an object for each line")
}

export interface ReadingOptions {
  readonly socket: Effect.Effect<Socket, TransportError>
  /** The other servers of the same chat; none by default. */
  readonly elsewhere?: Elsewhere | undefined
  /** Undefined for a guest with a guessed name. */
  readonly login: string | undefined
  readonly secret: LoginSecret
  /** Whether an account enters rooms that it is not in. */
  readonly join: boolean
  readonly timeout: Duration.Duration
}

/** A connection that only sends commands: it is not announced, and takes no messages away from other devices. */
export interface Reading {
  /** Sends a request, and enters the room first if the client may not read it otherwise. */
  readonly ask: <A>(
    conversation: string | undefined,
    request: (ask: Request.Requester) => Effect.Effect<A, Request.RequestError | Unsendable>
  ) => Effect.Effect<A, ExitStatus.Failure>
}

export const open = (options: ReadingOptions): Effect.Effect<Reading, ExitStatus.Failure, Scope.Scope> =>
  Effect.gen(function* () {
    const { elsewhere, join, secret, socket, timeout } = options
    const login = options.login ?? GuessedLogin.guess()
    const isGuessed = options.login === undefined
    const { connection, server } = yield* LoginAttempts.logIn(
      {
        socket,
        elsewhere,
        login,
        secret,
        alternative: isGuessed ? () => GuessedLogin.alternative(login) : undefined,
        use: "send-only",
        kept: { seq: true },
        timeout,
        retries: 0
      },
      "first"
    )
    if (Option.isNone(server))
      return yield* ExitStatus.misused("this server keeps no lines: it is an original a-chat server")
    const isGuest = server.value.device === undefined
    const requester = Request.on(connection)
    const inTime = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.timeoutFail(effect, { duration: timeout, onTimeout: () => noReply(timeout) })
    return {
      ask: (conversation, request) => {
        const isRoom = conversation !== undefined && RoomReports.isRoom(conversation)
        const asked = inTime(request(requester))
        const entered =
          isRoom && (isGuest || join)
            ? Effect.catchIf(asked, isNotMember, () =>
                Effect.zipRight(inTime(Requests.join(requester, conversation)), inTime(request(requester)))
              )
            : asked
        return Effect.mapError(entered, (error) => failureOf(error, isRoom && !isGuest ? conversation : undefined))
      }
    }
  })

const noReply = (timeout: Duration.Duration) =>
  new ExitStatus.Failure({ status: ExitStatus.lost, message: `no reply within ${Duration.format(timeout)}` })

const isNotMember = (error: { readonly _tag: string; readonly reason?: unknown }) =>
  error._tag === "RequestRefused" && error.reason === "not-member"

/** @param room a room that the client could enter */
const failureOf = (
  error: ExitStatus.Failure | Request.RequestError | Unsendable,
  room: string | undefined
): ExitStatus.Failure => {
  switch (error._tag) {
    case "Failure":
      return error
    case "Unsendable":
      return ExitStatus.asMisuse(error)
    case "TransportError":
      return new ExitStatus.Failure({ status: ExitStatus.lost, message: Escape.show(error.message) })
    case "RequestRefused": {
      const advice =
        isNotMember(error) && room !== undefined ? `; add --join to enter ${room}` : (reasons.get(error.reason) ?? "")
      return new ExitStatus.Failure({ status: ExitStatus.failed, message: Escape.show(`${error.message}${advice}`) })
    }
  }
}

/** Advice for each refusal. */
const reasons = new Map([
  ["unknown-command", "; this server keeps no lines"],
  ["guest", "; log in to an account with --login"]
])

/** Reports lines that the output lacks, and sets the exit status. */
export const leftOut = (what: string): void => {
  process.exitCode = ExitStatus.failed
  ExitStatus.say(what)
}

export interface LineFormat {
  readonly json: boolean
  /** Whether the output is a terminal, which gets escaped text. */
  readonly isTerminal: boolean
  /** Whether all lines are of the conversation that the user has named. */
  readonly isOneConversation: boolean
}

/** Lines as text, or as JSON. */
export const format = (lines: ReadonlyArray<PastLine>, { isOneConversation, isTerminal, json }: LineFormat): string => {
  const text = lines.map((line) => (json ? objectOf(line) : textOf(line, isOneConversation))).join("")
  if (!isTerminal) return text
  return json ? Escape.json(text) : Escape.show(text)
}

/** `2026-11-27T08:00:00.000Z alice: text`, or `2026-11-27T08:00:00.000Z #ops alice: text` */
const textOf = ({ at, conversation, from, text }: PastLine, isOneConversation: boolean) => {
  const where = isOneConversation ? "" : ` ${conversation}`
  return `${new Date(at).toISOString()}${where} ${from}: ${text}\n`
}

const objectOf = (line: PastLine) => `${JSON.stringify(PastObject.of(line))}\n`
