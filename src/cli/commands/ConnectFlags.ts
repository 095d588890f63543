import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { resolve } from "node:path"
import * as Escape from "../../client/Escape.js"
import type * as Reconnect from "../../client/Reconnect.js"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import * as Unix from "../../transport/Unix.js"
import { TransportError, type Socket } from "../../ports/Transport.js"
import * as ExitStatus from "../ExitStatus.js"
import * as TransportAdvice from "../TransportAdvice.js"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Setting from "../settings/Setting.js"
import type { Resolved } from "../settings/Sources.js"

/** The flags of every command that connects to a server, and the connection that they describe. */

export const settings = {
  host: AddressFlags.host("Host to connect to"),
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

export type GivenConnection = Resolved<typeof settings>

export const noReconnect = Setting.toggle("no-reconnect", "Exit when the connection is lost, instead of reconnecting")

/** How long a command waits for a reply. */
export const replyTimeout = Setting.duration("timeout", {
  about: "Time to wait for a reply",
  default: Duration.seconds(5),
  min: Duration.millis(1),
  max: Duration.hours(1)
})

export const login = Setting.text("login", "name", {
  about: "Name to log in with",
  default: undefined,
  defaultText: "none; required"
})

export const requireLogin = (login: string | undefined): Effect.Effect<string, ExitStatus.Failure> =>
  login === undefined
    ? ExitStatus.misused(`a login is required: --login, or ${Setting.variable("login")}`)
    : Effect.succeed(login)

/** The operating system would wait minutes for a server that does not reply at all. */
export const connectTimeout = Duration.seconds(10)

/** Connects to the address that the flags name, with TLS if they ask for it. */
export const socket = (given: GivenConnection): Effect.Effect<Socket, TransportError> =>
  Effect.mapError(connect(given), TransportAdvice.toConnect)

const connect = (given: GivenConnection): Effect.Effect<Socket, TransportError> => {
  const { origins, values } = given
  const address = AddressFlags.address(given)
  if (address === undefined) return misuse("--unix replaces --host and --port; give one or the other")
  const { ca, cert, key, serverName } = values
  if (!values.tls) {
    const unused = (["ca", "cert", "key", "serverName"] as const).find((name) => origins[name] === "flag")
    if (unused !== undefined) return misuse(`--${settings[unused].name} needs TLS; add --tls`)
    return "path" in address ? Unix.connect(address.path, connectTimeout) : Tcp.connect(address, connectTimeout)
  }
  if ("path" in address) return misuse("TLS needs TCP; leave out --tls or --unix")
  if ((cert === undefined) !== (key === undefined)) return misuse("--cert and --key belong together; give both")
  return Tls.connect(address, { ca, cert, key, serverName, timeout: connectTimeout })
}

const misuse = (reason: string) => Effect.fail(new TransportError({ during: "Connect", reason }))

/**
 * The variables with which a child process connects to the same server, from any folder. They omit the client
 * certificate and its key, which belong to one login.
 */
export const environment = (given: GivenConnection): Readonly<Record<string, string>> => {
  const address = AddressFlags.address(given)
  if (address === undefined) return {}
  if ("path" in address) return { [Setting.variable("unix")]: resolve(address.path) }
  const { ca, serverName, tls } = given.values
  return {
    [Setting.variable("host")]: address.host,
    [Setting.variable("port")]: `${address.port}`,
    ...(tls ? { [Setting.variable("tls")]: "yes" } : {}),
    ...(tls && ca !== undefined ? { [Setting.variable("ca")]: resolve(ca) } : {}),
    ...(tls && serverName !== undefined ? { [Setting.variable("server-name")]: serverName } : {})
  }
}

/** The error, with advice if it is a transport error with a hint. */
const advised = (error: { readonly message: string; readonly cause?: unknown }): { readonly message: string } => {
  const failure = [error, error.cause].find((one) => one instanceof TransportError)
  return failure === undefined ? error : TransportAdvice.toConnect(failure)
}

/** Gives an error its exit status, which depends on whether there was a connection before. */
export const orFailure = <A, R>(
  effect: Effect.Effect<A, { readonly _tag: string; readonly message: string } | ExitStatus.Failure, R>
): Effect.Effect<A, ExitStatus.Failure, R> =>
  Effect.mapError(effect, (error) => {
    if (error instanceof ExitStatus.Failure) return error
    const status = error._tag === "ConnectionGone" ? ExitStatus.lost : ExitStatus.misuse
    // Escaped, because the text may come from the server.
    return new ExitStatus.Failure({ status, message: Escape.show(advised(error).message) })
  })

/** Reports on standard error that the connection was lost, or is back. */
export const report = (event: Reconnect.ReconnectEvent): Effect.Effect<void> =>
  Effect.sync(() => {
    if (event._tag === "Back") return ExitStatus.say("connected again")
    const seconds = (Duration.toMillis(event.delay) / 1000).toFixed(1)
    return ExitStatus.say(`${Escape.show(event.why)}; next try in ${seconds} s`)
  })
