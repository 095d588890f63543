import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Path from "node:path"
import * as Escape from "../../client/Escape.js"
import { LoginRefused } from "../../client/Login.js"
import type * as Reconnect from "../../client/Reconnect.js"
import * as Servers from "../../client/Servers.js"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import * as Unix from "../../transport/Unix.js"
import { TransportError, type Socket } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as ClientFile from "../settings/ClientFile.js"
import * as Command from "../settings/Command.js"
import * as Flags from "../settings/Flags.js"
import * as Setting from "../settings/Setting.js"
import * as Sources from "../settings/Sources.js"
import * as LoginSetting from "./LoginSetting.js"
import * as TerminalFlags from "./TerminalFlags.js"

/** The flags of every command that connects to a server, and the connection that they describe. */

export const settings = {
  server: Setting.text("server", "name|url", {
    about:
      "Server to connect to: tcp://HOST:PORT, tls://HOST:PORT, unix:PATH, or a name from the client settings " +
      "(~/.config/a-chat/client.toml; see a-chat config --client). Several that are one chat: HOST:PORT,HOST:PORT",
    default: undefined,
    defaultText: "that of --host and --port"
  }),
  host: AddressFlags.host(
    "Host to connect to; HOST:PORT and the forms of --server are allowed, too",
    "a host such as chat.example.org, [::1]:8080, tls://HOST:PORT or unix:PATH",
    true
  ),
  port: AddressFlags.port("TCP port to connect to", 1),
  unix: AddressFlags.unix("Unix socket to connect to, instead of TCP"),
  tls: Setting.toggle("tls", "Connect with TLS, and verify the server's certificate"),
  ca: Setting.text("ca", "file", {
    about: "With --tls: the authorities that may have signed the server's certificate, in PEM form",
    default: undefined,
    defaultText: "those that Node trusts"
  }),
  cert: Setting.text("cert", "file", {
    about: "With --tls: the client certificate, in PEM form; its common name must be the login",
    default: undefined
  }),
  key: Setting.text("key", "file", { about: "The private key of --cert, in PEM form", default: undefined }),
  serverName: Setting.text("server-name", "name", {
    about: "With --tls: the name that the server's certificate must have",
    default: undefined,
    defaultText: "that of --host"
  })
}

/** The values of settings from flags, the environment and the client's settings file. Fails with the first mistake. */
export const resolve = <S extends Sources.CommandSettings>(
  settings: S,
  given: Flags.GivenFlags
): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> =>
  Effect.gen(function* () {
    const file = yield* ClientFile.read(ClientFile.path(process.env))
    const mistakes = file === undefined ? [] : ClientFile.mistakes(file, fileSettings)
    const [first, ...more] = mistakes
    if (first !== undefined) {
      const others = more.length === 0 ? "" : ` (and ${more.length} more; see a-chat config --client --check)`
      return yield* ExitStatus.misused(first.text + others)
    }
    const flags = Flags.source(settings, given)
    const source = yield* ClientFile.sources({ flags, environment: process.env, file })
    // The file has the settings shared by all clients and those of a terminal: `login`, for example, but not `count`.
    return yield* withDevice(yield* Flags.valid(Sources.resolve(settings, source)))
  })

/** `--login alice --device ci` is `--login alice/ci`. */
const withDevice = <S extends Sources.CommandSettings>(
  given: Sources.Resolved<S>
): Effect.Effect<Sources.Resolved<S>, ExitStatus.Failure> => {
  // Only some commands have these settings, and all that have the one have the other.
  const { device, login: name } = given.values as { readonly device?: string; readonly login?: string }
  if (device === undefined) return Effect.succeed(given)
  if (name === undefined) return ExitStatus.misused("--device is one of an account; name that with --login")
  if (name.includes("/")) return ExitStatus.misused(`--login ${name} has a device already; leave out --device`)
  return Effect.succeed({ ...given, values: { ...given.values, login: `${name}/${device}` } })
}

/** A command that connects to a server, and has no arguments but flags. */
export const command = <S extends Sources.CommandSettings>(
  settings: S,
  run: (given: Sources.Resolved<S>) => Effect.Effect<void, ExitStatus.Failure>
): Command.ProgramCommand => Command.make(settings, {}, ({ flags }) => Effect.flatMap(resolve(settings, flags), run))

export type GivenConnection = Sources.Resolved<typeof settings>

export const noReconnect = Setting.toggle("no-reconnect", "Exit when the connection is lost, instead of reconnecting")

/** How long a command waits for a reply. */
export const replyTimeout = Setting.duration("timeout", {
  about: "Time to wait for a reply",
  default: Duration.seconds(5),
  min: Duration.millis(1),
  max: Duration.hours(1)
})

export const login = LoginSetting.make({
  about: "Name to log in with",
  default: undefined,
  defaultText: "none; required"
})

export const device = Setting.text("device", "name", {
  about: "Device of the account: --login alice --device ci is --login alice/ci",
  default: undefined,
  defaultText: "main"
})

/** The settings that the client's settings file may have, in the order in which `a-chat config --client` lists them. */
export const fileSettings = { ...settings, login, ...TerminalFlags.settings }

export const requireLogin = (login: string | undefined): Effect.Effect<string, ExitStatus.Failure> =>
  login === undefined
    ? ExitStatus.misused(`a login is required: --login, or ${Setting.variable("login")}`)
    : Effect.succeed(login)

/** The kernel would retry for minutes if a server does not reply at all. */
export const connectTimeout = Duration.seconds(10)

/** Connects to the servers that the flags name: for a command that runs once, to the first that accepts. */
export const socket = (given: GivenConnection): Effect.Effect<Socket, TransportError> => servers(given).socket

/** The servers that the flags name, with TLS if they ask for it. */
export const servers = (given: GivenConnection): Servers.Servers => {
  const made = Servers.make(
    Either.match(check(given), {
      onLeft: (mistake): Connects => [Effect.fail(mistake)],
      onRight: (addresses) => Arr.map(addresses, (address) => connect(given, address, timeoutOf(addresses.length)))
    })
  )
  return { ...made, socket: Effect.mapError(made.socket, TransportAdvice.toConnect) }
}

type Connects = Arr.NonEmptyReadonlyArray<Effect.Effect<Socket, TransportError>>

/** A server that does not reply must leave time for the others. */
const timeoutOf = (servers: number) => Duration.max(Duration.seconds(2), Duration.times(connectTimeout, 1 / servers))

const connect = (
  given: GivenConnection,
  address: AddressFlags.NamedAddress,
  timeout: Duration.Duration
): Effect.Effect<Socket, TransportError> => {
  if ("path" in address) return Unix.connect(address.path, timeout)
  const { ca, cert, key, serverName, tls } = given.values
  return tls ? Tls.connect(address, { ca, cert, key, serverName, timeout }) : Tcp.connect(address, timeout)
}

/** Returns the addresses, or an error if settings contradict each other. */
export const check = (
  given: GivenConnection
): Either.Either<Arr.NonEmptyReadonlyArray<AddressFlags.NamedAddress>, TransportError> => {
  const { origins, values } = given
  const addresses = AddressFlags.servers(given)
  if (addresses === undefined) return misuse("--unix replaces --host and --port; give one or the other")
  if (AddressFlags.hasIdlePort(given)) return misuse("--port has no effect: each of the servers has its own")
  const { cert, key } = values
  if (!values.tls) {
    const unused = (["ca", "cert", "key", "serverName"] as const).find((name) => origins[name] === "flag")
    return unused === undefined ? Either.right(addresses) : misuse(`--${settings[unused].name} needs TLS; add --tls`)
  }
  if ("path" in addresses[0]) return misuse("TLS needs TCP; leave out --tls or --unix")
  if ((cert === undefined) !== (key === undefined)) return misuse("--cert and --key belong together; give both")
  return Either.right(addresses)
}

const misuse = (reason: string) => Either.left(new TransportError({ during: "Connect", reason }))

/**
 * The variables of a child process. It does not inherit settings, since `a-chat send` in the program would also use an
 * ACHAT_TIMEOUT. Instead, it gets the variables that connect it to the same server.
 */
export const environment = (given: GivenConnection, inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(inherited).filter(([name]) => !name.startsWith(Setting.variable("")))),
  ...connection(given)
})

/**
 * The variables with which a child process connects to the same server, from any folder. They omit the client
 * certificate and its key, which belong to one login.
 */
const connection = (given: GivenConnection): Readonly<Record<string, string>> => {
  const [address] = AddressFlags.servers(given) ?? []
  if (address === undefined) return {}
  if ("path" in address) return { [Setting.variable("unix")]: Path.resolve(address.path) }
  const { origins } = given
  const { ca, host, port, serverName, tls } = given.values
  return {
    [Setting.variable("host")]: host,
    ...(AddressFlags.hasOwnPorts(given) ? {} : { [Setting.variable("port")]: `${port}` }),
    ...(tls || origins.tls !== "default" ? { [Setting.variable("tls")]: tls ? "yes" : "no" } : {}),
    ...(tls && ca !== undefined ? { [Setting.variable("ca")]: Path.resolve(ca) } : {}),
    ...(tls && serverName !== undefined ? { [Setting.variable("server-name")]: serverName } : {})
  }
}

/** The error, with advice if it is a transport error with a hint. */
const advised = (error: { readonly message: string; readonly cause?: unknown }): { readonly message: string } => {
  if (error instanceof LoginRefused && error.reason === "replaced") {
    return { message: `${error.message}; with --login NAME/DEVICE, each has a device of its own` }
  }
  const failure = [error, error.cause].find((one) => one instanceof TransportError)
  return failure === undefined ? error : TransportAdvice.toConnect(failure)
}

const statuses = new Map([
  ["ConnectionGone", ExitStatus.lost],
  ["RequestRefused", ExitStatus.failed]
])

/** Gives an error its exit status, which depends on whether there has been a connection. */
export const orFailure = <A, R>(
  effect: Effect.Effect<A, { readonly _tag: string; readonly message: string } | ExitStatus.Failure, R>
): Effect.Effect<A, ExitStatus.Failure, R> =>
  Effect.mapError(effect, (error) => {
    if (error instanceof ExitStatus.Failure) return error
    // Escaped, because the text may come from the server.
    return new ExitStatus.Failure({
      status: statuses.get(error._tag) ?? ExitStatus.misuse,
      message: Escape.show(advised(error).message)
    })
  })

/** Reports on standard error that the connection was lost, or is back. */
export const report = (event: Reconnect.ReconnectEvent): Effect.Effect<void> =>
  Effect.sync(() => {
    if (event._tag === "Back") return ExitStatus.say("connected again")
    const seconds = (Duration.toMillis(event.delay) / 1000).toFixed(1)
    return ExitStatus.say(`${Escape.show(event.why)}; next try in ${seconds} s`)
  })
