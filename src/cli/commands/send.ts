import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { fstatSync } from "node:fs"
import * as Encode from "../../client/Encode.js"
import * as Outcomes from "../../client/Outcomes.js"
import * as ExitStatus from "../ExitStatus.js"
import * as V8Heap from "../V8Heap.js"
import * as Command from "../settings/Command.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as LoginSetting from "./LoginSetting.js"
import type * as Delivery from "./Delivery.js"
import * as GuessedLogin from "./GuessedLogin.js"
import * as Secrets from "./Secrets.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  login: LoginSetting.make({
    about: "Name to send as",
    default: undefined,
    defaultText: "the user and the machine, with a suffix if that is taken"
  }),
  device: ConnectFlags.device,
  wait: Setting.choice(
    "wait",
    {
      about:
        "What to wait for: every line written to its recipients or stored for them; received by their programs, or " +
        "by a device of their accounts; or nothing",
      default: "written"
    },
    ["written", "received", "none"]
  ),
  timeout: Setting.duration("timeout", {
    about: "Time for the login, and then for each outcome or receipt, counted from the one before",
    // Longer than a server waits for a recipient that does not read.
    default: Duration.minutes(1),
    min: Duration.millis(10),
    max: Duration.days(1)
  }),
  retry: Setting.count("retry", {
    about: "How often to retry a line that may succeed later, and a connection that fails",
    default: 0,
    min: 0,
    max: 1_000_000
  }),
  waitFor: Setting.duration("wait-for", {
    about: "Time to wait for a recipient that is absent",
    default: Duration.zero,
    defaultText: "none",
    min: Duration.zero,
    max: Duration.days(1)
  }),
  join: Setting.toggle("join", "Enter the rooms among the recipients first; a guest is in a room only meanwhile"),
  json: Setting.toggle("json", "Print every outcome, one JSON object per line"),
  auto: Setting.toggle("auto", "Mark the messages as a program's, so that bots do not answer them")
}

const parameters = {
  recipients: Command.word("recipients", "Names and rooms, such as '#ops', separated by commas"),
  text: Command.rest("text", "The message; without it, each line of the input is a message")
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* ConnectFlags.resolve(settings, line.flags)
    const { auto, join, json, login, retry, timeout, wait, waitFor } = given.values
    const recipients = Outcomes.distinct(line.recipients.split(","))
    yield* Effect.mapError(Encode.recipients(recipients), ExitStatus.asMisuse)
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    const name = login ?? GuessedLogin.guess()
    const job: Omit<Delivery.DeliveryJob, "secret"> = {
      socket,
      elsewhere: servers,
      recipients,
      login: name,
      mayRename: given.origins.login !== "flag",
      text: line.text.length === 0 ? undefined : line.text.join(" "),
      timeout,
      retries: retry,
      waitFor,
      json,
      auto,
      join,
      untilReceived: wait === "received"
    }
    if (job.text?.includes("\n") === true) {
      return yield* ExitStatus.misused("a message is one line; give several lines as the input")
    }
    if (job.text === undefined && fstatSync(process.stdin.fd).isDirectory()) {
      return yield* ExitStatus.misused("the input is a directory")
    }
    const isWaiting = wait !== "none"
    if (!isWaiting && (job.json || job.retries > 0 || Duration.toMillis(waitFor) > 0)) {
      return yield* ExitStatus.misused("--json, --retry and --wait-for need outcomes; leave out --wait none")
    }
    if (isWaiting && job.text === undefined) {
      yield* V8Heap.keepSmall({ isEncrypted: false })
      yield* Effect.forkScoped(V8Heap.restoreYoung) // the input may pause
    }
    const { streamsOf, withOutcomes, withoutOutcomes } = yield* Effect.promise(() => import("./Delivery.js"))
    process.exitCode = yield* Secrets.use(given, socket, login, (secret) => {
      const whole = { ...job, secret }
      return isWaiting ? withOutcomes(whole, streamsOf(whole)) : withoutOutcomes(whole)
    })
  }).pipe(Effect.scoped)
)
