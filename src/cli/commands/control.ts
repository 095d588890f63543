import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Escape from "../../client/Escape.js"
import * as LineConnection from "../../client/LineConnection.js"
import { print } from "../../client/Output.js"
import { TransportError } from "../../ports/Transport.js"
import * as Wire from "../../protocol/Wire.js"
import * as Unix from "../../transport/Unix.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as ControlAnswer from "../serve/ControlAnswer.js"
import * as ControlRequest from "../serve/ControlRequest.js"
import * as Command from "../settings/Command.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"

export const settings = {
  socket: Setting.text("socket", "path", {
    about: "The Unix socket of serve --control",
    default: undefined,
    defaultText: "none; required"
  }),
  for: Setting.text("for", "time", {
    about: "With ban: how long, such as 10m or 24h",
    default: undefined,
    defaultText: "until the server stops"
  }),
  timeout: ConnectFlags.replyTimeout,
  json: Setting.toggle("json", "Print the answer of the server, a JSON object")
}

const parameters = {
  request: Command.rest("request", `One of: ${ControlRequest.usages.join(", ").replace("[for=TIME]", "[--for TIME]")}`)
}

/** The longest answer. A list of 100,000 connections takes less. */
const maxAnswerBytes = 64 * 1024 * 1024

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const { for: time, json, socket, timeout } = (yield* Flags.resolve(settings, line.flags)).values
    if (socket === undefined) return yield* ExitStatus.misused("a socket is required: --socket, or ACHAT_SOCKET")
    const request = [...line.request, ...(time === undefined ? [] : [`for=${time}`])].join(" ")
    // The server checks this too, but a mistake on the command line must be reported even if no server runs.
    if (/^\s*account\b/u.test(request)) {
      return yield* ExitStatus.misused("use a-chat account: everybody could see a password on the command line")
    }
    const checked = ControlRequest.parse(request)
    if (Either.isLeft(checked)) return yield* ExitStatus.misused(checked.left)
    return yield* show(yield* ask(socket, request, timeout), json)
  }).pipe(Effect.mapError(asFailure))
)

/** An answer, and its line. */
export interface Answered {
  readonly answer: ControlAnswer.ControlAnswer
  readonly line: string
}

/** Prints an answer, and sets the exit status. */
export const show = ({ answer, line }: Answered, json: boolean) => {
  if (!answer.ok) process.exitCode = ExitStatus.failed
  if (json) return print(process.stdout, `${line}\n`)
  if (answer.ok) return print(process.stdout, ControlAnswer.text(answer))
  return Effect.sync(() => ExitStatus.say(Escape.show(answer.error ?? "the server refused the request")))
}

/** The error text comes from outside, so its control characters are shown as text. */
export const asFailure = (error: ExitStatus.Failure | { readonly message: string }): ExitStatus.Failure =>
  error instanceof ExitStatus.Failure ? error : ExitStatus.asMisuse({ message: Escape.show(error.message) })

/** Sends a request, once the server has shown that this is its control socket, and waits for the answer. */
export const ask = (path: string, request: string, timeout: Duration.Duration) =>
  Effect.gen(function* () {
    let isSent = false
    const connection = yield* LineConnection.make({
      socket: Effect.mapError(Unix.connect(path, timeout), TransportAdvice.toConnectToControl),
      maxLineBytes: maxAnswerBytes,
      linger: Duration.zero
    })
    const next = (line: string) =>
      Effect.gen(function* () {
        if (isSent) return ControlAnswer.parse(line)
        const version = ControlAnswer.versionIn(line)
        if (version === undefined) return yield* ExitStatus.misused(notControl(path))
        if (version !== ControlRequest.version) {
          const versions = `${version}, and this program speaks version ${ControlRequest.version}`
          return yield* ExitStatus.misused(`the server speaks version ${versions}; use the program of the server`)
        }
        isSent = true
        yield* connection.send(Wire.encode(`${request}\n`))
        return undefined
      })
    const answer = connection.lines.pipe(
      Stream.mapEffect((line) => Effect.map(next(line), (answer) => ({ answer, line }))),
      Stream.filter((found): found is Answered => found.answer !== undefined),
      Stream.runHead,
      Effect.timeoutFail({ duration: timeout, onTimeout: () => noAnswer(isSent, path, timeout) }),
      Effect.mapError((error) => (isSent && error instanceof TransportError ? lost(error.message) : error))
    )
    return Option.getOrUndefined(yield* answer) ?? (yield* lost("the server closed the connection"))
  }).pipe(Effect.scoped)

const notControl = (path: string) => `${path} is not the socket of a-chat serve --control`

/** The server may have carried out the request. */
const lost = (why: string) =>
  new ExitStatus.Failure({ status: ExitStatus.lost, message: `${why}, before it answered the request` })

const noAnswer = (isSent: boolean, path: string, timeout: Duration.Duration) =>
  isSent
    ? lost(`no answer within ${Duration.format(timeout)}`)
    : ExitStatus.asMisuse({
        message: `nothing within ${Duration.format(timeout)}; ${notControl(path)}, or it is stuck`
      })
