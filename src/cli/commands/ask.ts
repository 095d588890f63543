import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import { fstatSync } from "node:fs"
import * as Encode from "../../client/Encode.js"
import * as Input from "../../client/Input.js"
import * as Outcomes from "../../client/Outcomes.js"
import * as RoomReports from "../../client/RoomReports.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Command from "../settings/Command.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as LoginSetting from "./LoginSetting.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as Secrets from "./Secrets.js"
import * as Send from "./send.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  login: LoginSetting.make({
    about: "Name to ask as",
    default: undefined,
    defaultText: "the user and the machine, with a random suffix"
  }),
  device: ConnectFlags.device,
  timeout: Setting.duration("timeout", {
    about: "Time for everything: the login, the delivery and the answer",
    default: Duration.minutes(1),
    min: Duration.millis(10),
    max: Duration.days(1)
  }),
  lines: Setting.count("lines", {
    about: "Lines of an answer, each of which is one message",
    default: undefined,
    defaultText: "1, or no limit with --quiet",
    min: 1,
    max: 1_000_000_000
  }),
  quiet: Setting.duration("quiet", {
    about: "Take an answer of several lines: it ends when no other line has come for this time",
    default: undefined,
    defaultText: "none",
    min: Duration.millis(1),
    max: Duration.hours(1)
  }),
  any: Setting.toggle("any", "With several recipients: the first complete answer is enough"),
  retry: Send.settings.retry,
  waitFor: Send.settings.waitFor,
  json: Setting.toggle("json", `Print {"from","text","at"} for each line, and {"to","outcome"} where no answer came`),
  auto: Setting.toggle("auto", "Mark the question as a program's, so that bots do not answer it")
}

const parameters = {
  recipients: Command.word("recipients", "Names, separated by commas"),
  text: Command.rest("text", "The question; without it, the input is the question")
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* ConnectFlags.resolve(settings, line.flags)
    const { any, auto, json, lines, login, quiet, retry, timeout, waitFor } = given.values
    const recipients = Outcomes.distinct(line.recipients.split(","))
    yield* Effect.mapError(Encode.recipients(recipients), ExitStatus.asMisuse)
    if (recipients.some(RoomReports.isRoom)) {
      return yield* ExitStatus.misused(
        "a room does not answer: ask one of its members, or write to it with a-chat send"
      )
    }
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    const text = line.text.length === 0 ? yield* question : line.text.join(" ")
    if (text.includes("\n")) return yield* ExitStatus.misused("a question is one line")
    const base = login ?? GuessedLogin.guess()
    const Asking = yield* Effect.promise(() => import("./Asking.js"))
    // A unique name, so that a late answer to an earlier question is not taken for the answer to this one.
    const name = login ?? GuessedLogin.alternative(base)
    const job = {
      socket,
      elsewhere: servers,
      recipients,
      login: name,
      alternative: given.origins.login === "flag" ? undefined : () => GuessedLogin.alternative(base),
      text,
      timeout,
      lines: lines ?? (quiet === undefined ? 1 : Infinity),
      quiet: quiet ?? Duration.infinity,
      any,
      retries: retry,
      waitFor,
      json,
      auto
    }
    process.exitCode = yield* Secrets.use(given, socket, login, (secret) =>
      Asking.run({ ...job, secret }, { output: process.stdout, errors: process.stderr })
    )
  }).pipe(Effect.scoped)
)

/** Longer input cannot be one line. */
const maxQuestionBytes = 2 * 1024 * 1024

/** The input, without the end of its last line. */
const question = Effect.gen(function* () {
  if (fstatSync(process.stdin.fd).isDirectory()) return yield* ExitStatus.misused("the input is a directory")
  const chunks: Array<Buffer> = []
  for (let bytes = 0; bytes <= maxQuestionBytes;) {
    const chunk = yield* Effect.mapError(Input.read(process.stdin), ExitStatus.asMisuse)
    if (chunk === undefined) break
    chunks.push(chunk)
    bytes += chunk.length
  }
  const input = Buffer.concat(chunks)
  if (!isUtf8(input)) return yield* ExitStatus.misused("the question is not UTF-8")
  const text = input.toString().replace(/\r?\n$/u, "")
  return text === "" ? yield* ExitStatus.misused("there is no question: neither a text nor an input") : text
})
