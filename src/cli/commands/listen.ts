import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Escape from "../../client/Escape.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as ConversationFlags from "./ConversationFlags.js"
import * as Secrets from "./Secrets.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  login: ConnectFlags.login,
  device: ConnectFlags.device,
  from: Setting.text("from", "name,name", {
    about: "Print only messages from these senders",
    default: undefined,
    defaultText: "all senders"
  }),
  room: ConversationFlags.rooms("Enter these rooms, and print their messages alone"),
  since: ConversationFlags.place("since", "With --room: print what is kept from this line or time on, and exit"),
  follow: Setting.toggle("follow", "With --since: continue with new messages"),
  count: Setting.count("count", {
    about: "Exit after this many messages",
    default: undefined,
    defaultText: "no limit",
    min: 1,
    max: 1_000_000_000
  }),
  timeout: Setting.duration("timeout", {
    about: "Exit after this time",
    default: undefined,
    defaultText: "no limit",
    min: Duration.millis(1),
    max: Duration.days(7)
  }),
  json: Setting.toggle(
    "json",
    `Print {"from","text","at"} for each message, and "room", "seq", "to" and others where they apply`
  ),
  noReconnect: ConnectFlags.noReconnect
}

export const command = ConnectFlags.command(settings, (given) =>
  Effect.gen(function* () {
    const { count, follow, from, json, noReconnect, room, since, timeout } = given.values
    if (room === undefined && (since !== undefined || follow)) {
      return yield* ExitStatus.misused(`--${since === undefined ? "follow" : "since"} needs --room`)
    }
    if (room !== undefined && room.length > 1 && since?._tag === "Number") {
      return yield* ExitStatus.misused("--since LINE is for one room: each has numbers of its own; give a time instead")
    }
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    const login = yield* ConnectFlags.requireLogin(given.values.login)
    let connected = false
    let hasGap = false
    const Listening = yield* Effect.promise(() => import("../../client/Listening.js"))
    const listening = ConnectFlags.orFailure(
      Secrets.use(given, socket, login, (secret) =>
        Effect.flatMap(Secrets.seenRecord(given, login, secret), (record) =>
          Listening.run({
            ...secret,
            record,
            onGap: () => (hasGap = true),
            socket: Effect.tap(socket, () => Effect.sync(() => (connected = true))),
            login,
            from: names(from ?? ""),
            rooms: room && {
              names: room,
              start: since && ConversationFlags.startOf(since),
              isPastOnly: since !== undefined && !follow
            },
            count,
            json,
            reconnect: !noReconnect,
            elsewhere: servers,
            output: process.stdout,
            report: ConnectFlags.report,
            warn: (line) => ExitStatus.say(Escape.show(line))
          })
        ).pipe(Effect.scoped)
      )
    )
    const ended = timeout === undefined ? Effect.asSome(listening) : Effect.timeoutOption(listening, timeout)
    const isOver = Option.isSome(yield* ended)
    // A gap was reported when it was found. Any other failure takes precedence.
    if (hasGap) process.exitCode = ExitStatus.failed
    if (isOver) return
    if (!connected) return yield* ExitStatus.misused("there was no connection within the time of --timeout")
    if (count === undefined) return
    yield* new ExitStatus.Failure({
      status: ExitStatus.failed,
      message: `fewer messages than --count ${count} arrived in time`
    })
  })
)

const names = (list: string): ReadonlyArray<string> =>
  list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")
