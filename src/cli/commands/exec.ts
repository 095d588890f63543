import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Bot from "../../client/Bot.js"
import * as Client from "../../client/Client.js"
import * as Escape from "../../client/Escape.js"
import type { SeenRecord } from "../../client/LastSeen.js"
import { LoopGuard } from "../../client/LoopGuard.js"
import * as Reconnect from "../../client/Reconnect.js"
import * as Child from "../../process/Child.js"
import { TransportError } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as Command from "../settings/Command.js"
import * as Setting from "../settings/Setting.js"
import * as ConnectFlags from "./ConnectFlags.js"
import * as ConversationFlags from "./ConversationFlags.js"
import * as Secrets from "./Secrets.js"

export const settings = {
  ...ConnectFlags.settings,
  ...Secrets.settings,
  login: ConnectFlags.login,
  device: ConnectFlags.device,
  room: ConversationFlags.rooms(
    "Enter these rooms, and answer there what begins with the name of the bot: `bot: status`"
  ),
  all: Setting.toggle("all", "With --room: handle every line, not only those that begin with the name"),
  concurrency: Setting.count("concurrency", {
    about: "Programs that run at once; with more than one, answers can overtake each other",
    default: 1,
    min: 1,
    max: 1000
  }),
  timeout: Setting.duration("timeout", {
    about: "Time that the program has for one message",
    default: Duration.minutes(1),
    min: Duration.millis(1),
    max: Duration.hours(24),
    off: true
  }),
  rate: Setting.count("rate", {
    about: "Messages per second from one sender that are answered, in bursts of up to 4 seconds' worth",
    default: 5,
    min: 1,
    max: 1_000_000,
    off: true
  }),
  noReconnect: ConnectFlags.noReconnect
}

const parameters = {
  program: Command.rest("PROGRAM", "The program and its arguments, after `--`")
}

export const command = Command.make(settings, parameters, (line) =>
  Effect.gen(function* () {
    const given = yield* ConnectFlags.resolve(settings, line.flags)
    const { all, concurrency, noReconnect, rate, room } = given.values
    if (all && room === undefined) return yield* ExitStatus.misused("--all needs --room")
    const servers = ConnectFlags.servers(given)
    const { socket } = servers
    const login = yield* ConnectFlags.requireLogin(given.values.login)
    const [program, ...args] = line.program
    if (program === undefined) {
      return yield* ExitStatus.misused("a program is required: a-chat exec --login NAME -- PROGRAM")
    }
    if (!Child.isExecutable(program, process.env["PATH"] ?? "")) {
      return yield* ExitStatus.misused(`${program}: there is no such program, or it is not executable`)
    }
    const bot = {
      start: start(program, args, {
        ...ConnectFlags.environment(given, process.env),
        ACHAT_LOGIN: login,
        // Messages that the program sends with `a-chat send` must not start other bots, which might start this one.
        [Setting.variable("auto")]: "yes"
      }),
      patience: startPatience,
      concurrency,
      timeout: timeout(given.values.timeout),
      guard: new LoopGuard({ perSecond: rate, log }),
      rooms: room && { names: room, takesAll: all },
      log
    }
    const session =
      (secret: Secrets.LoginSecret, memory: BotMemory) =>
      (up: Effect.Effect<void>, closing: Bot.BotOptions["closing"]) =>
        Effect.gen(function* () {
          const client = yield* Effect.timeoutFail(
            Client.greet({ socket, login, ...secret, ...memory, ack: true, auto: true }),
            {
              duration: ConnectFlags.connectTimeout,
              onTimeout: () => notLoggedIn
            }
          )
          yield* up
          return yield* Bot.run(client, { ...bot, closing, record: memory.record })
        })
    return yield* Secrets.use(given, socket, login, (secret) =>
      Effect.flatMap(Secrets.seenRecord(given, login, secret), (record) => {
        const memory = { record, seq: record !== undefined }
        return Reconnect.keep({
          session: session(secret, memory),
          reconnect: !noReconnect,
          elsewhere: servers,
          report: ConnectFlags.report
        })
      }).pipe(Effect.scoped)
    )
  }).pipe(ConnectFlags.orFailure)
)

/** The bot's record of messages to its account. */
interface BotMemory {
  readonly record: SeenRecord | undefined
  /** Whether messages have numbers. */
  readonly seq: boolean
}

const log = (line: string) => ExitStatus.say(Escape.show(line))

/** How long the program may be missing, for example while it is being replaced, before all messages return. */
const startPatience = Duration.seconds(5)

/** The original server does not reply when the name is in use. */
const notLoggedIn = new TransportError({
  during: "Connect",
  reason: `the server did not accept the login within ${Duration.format(ConnectFlags.connectTimeout)}`
})

const timeout = (given: Duration.Duration) => (Duration.toMillis(given) === 0 ? Duration.infinity : given)

const start =
  (program: string, args: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): Bot.BotOptions["start"] =>
  ({ from, room, text }) =>
    Child.start({
      program,
      args,
      environment: { ...environment, ACHAT_FROM: from, ...(room === undefined ? {} : { ACHAT_ROOM: room }) },
      input: `${text}\n`
    }).pipe(
      Effect.map(({ ended, output }) => ({ output, fault: Effect.map(ended, Child.fault) })),
      Effect.mapError(({ message }) => message)
    )
