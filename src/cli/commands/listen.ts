import * as Command from "@effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Escape from "../../client/Escape.js"
import * as Listening from "../../client/Listening.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Remote from "./ConnectFlags.js"
import * as Status from "../ExitStatus.js"

const flags = {
  ...Remote.flags,
  login: Remote.loginFlag,
  from: Flags.text("from", "name,name", { about: "Whose messages to print, and no others", fallback: "everybody's" }),
  count: Flags.count(
    "count",
    { about: "Messages after which to end", fallback: "no end" },
    { min: 1, max: 1_000_000_000 }
  ),
  timeout: Flags.duration(
    "timeout",
    { about: "Time after which to end", fallback: "no end" },
    { min: 1, max: 7 * 24 * 3_600_000 }
  ),
  json: Flags.toggle("json", `Print {"from","text","at"} for each message`),
  noReconnect: Remote.reconnectFlag
}

export const listen = Command.make("listen", flags, (given) =>
  Effect.gen(function* () {
    const socket = Endpoint.socket(given)
    const login = yield* Remote.login(given.login)
    const count = Flags.value(given.count)
    let connected = false
    const listening = Remote.orFailure(
      Listening.run({
        socket: Effect.tap(socket, () => Effect.sync(() => (connected = true))),
        login,
        from: names(Flags.value(given.from) ?? ""),
        count,
        json: Flags.valueOr(given.json, false),
        reconnect: !Flags.valueOr(given.noReconnect, false),
        output: process.stdout,
        tell: Remote.tell,
        warn: (line) => Status.say(Escape.show(line))
      })
    )
    const timeout = Flags.value(given.timeout)
    const ended = timeout === undefined ? Effect.asSome(listening) : Effect.timeoutOption(listening, timeout)
    if (Option.isSome(yield* ended)) return
    if (!connected) return yield* Status.misused("there was no connection within the time of --timeout")
    if (count === undefined) return
    yield* new Status.Failure({ status: Status.failed, message: `fewer messages than --count ${count} came in time` })
  })
)

const names = (list: string): ReadonlyArray<string> =>
  list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
