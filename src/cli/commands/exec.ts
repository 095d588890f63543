import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Bot from "../../client/Bot.js"
import * as Client from "../../client/Client.js"
import * as Escape from "../../client/Escape.js"
import * as Reconnect from "../../client/Reconnect.js"
import * as Child from "../../process/Child.js"
import { TransportError } from "../../transport/Transport.js"
import * as Endpoint from "../settings/AddressFlags.js"
import * as Flags from "../settings/Flags.js"
import * as Remote from "./ConnectFlags.js"
import * as Status from "../ExitStatus.js"

const defaultTimeout = Duration.minutes(1)

const flags = {
  ...Remote.flags,
  login: Remote.loginFlag,
  concurrency: Flags.count(
    "concurrency",
    { about: "Programs that run at once; with more than one, answers may overtake each other", fallback: "1" },
    { min: 1, max: 1000 }
  ),
  timeout: Flags.duration(
    "timeout",
    { about: "Time that the program has for one message", fallback: Flags.showDuration(defaultTimeout) },
    { min: 1, max: 24 * 3_600_000, off: true }
  ),
  noReconnect: Remote.reconnectFlag,
  program: Args.repeated(Args.text({ name: "PROGRAM" })).pipe(
    Args.withDescription("The program and its arguments, behind `--`")
  )
}

export const exec = Command.make("exec", flags, (given) =>
  Effect.gen(function* () {
    const socket = Endpoint.socket(given)
    const login = yield* Remote.login(given.login)
    const [program, ...args] = given.program
    if (program === undefined) return yield* Status.misused("a program is needed: a-chat exec --login NAME -- PROGRAM")
    if (!Child.isExecutable(program, process.env["PATH"] ?? "")) {
      return yield* Status.misused(`${program}: there is no such program, or it may not be executed`)
    }
    const bot: Bot.Options = {
      start: start(program, args, { ...others(process.env), ...Endpoint.environment(given), ACHAT_LOGIN: login }),
      concurrency: Flags.value(given.concurrency) ?? 1,
      timeout: timeout(Flags.value(given.timeout) ?? defaultTimeout),
      log: (line) => Status.say(Escape.show(line))
    }
    const session = (up: Effect.Effect<void>) =>
      Effect.gen(function* () {
        const client = yield* Effect.timeoutFail(Client.greet({ socket, login }), {
          duration: Endpoint.connectTimeout,
          onTimeout: () => silent
        })
        yield* up
        return yield* Bot.run(client, bot)
      })
    return yield* Reconnect.keep({ session, reconnect: !Flags.valueOr(given.noReconnect, false), tell: Remote.tell })
  }).pipe(Remote.orFailure)
)

/** An original server where the name is in use says nothing. */
const silent = new TransportError({
  during: "Connect",
  reason: `the server did not take the login within ${Duration.format(Endpoint.connectTimeout)}`
})

const timeout = (given: Duration.Duration) => (Duration.toMillis(given) === 0 ? Duration.infinity : given)

/** What is no setting of this command: its timeout, for instance, would be that of an `a-chat send` in the program. */
const others = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith(Flags.variable(""))))

const start =
  (program: string, args: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): Bot.Options["start"] =>
  ({ from, text }) =>
    Child.start({ program, args, environment: { ...environment, ACHAT_FROM: from }, input: `${text}\n` }).pipe(
      Effect.map(({ ended, output }) => ({ output, fault: Effect.map(ended, fault) })),
      // Where it is and why it cannot is not for everybody.
      Effect.tapError((error) => Effect.sync(() => Status.say(`${program} ${error.message}`))),
      Effect.mapError(() => "it cannot be started")
    )

const fault = ({ signal, status }: Child.Ended): string | undefined => {
  if (status === 0) return undefined
  return status === null ? `ended by ${signal}` : `exit status ${status}`
}
