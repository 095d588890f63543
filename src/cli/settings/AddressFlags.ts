import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import * as Tcp from "../../transport/Tcp.js"
import * as Tls from "../../transport/Tls.js"
import { TransportError, type Address, type Socket } from "../../transport/Transport.js"
import * as Flags from "./Flags.js"

/** Where a server listens or a client connects, and how a client gets there. */

export const defaultHost = "127.0.0.1"

export const defaultPort = 8080

export const highestPort = 65_535

export const host = (about: string): Flags.Flag<string> => Flags.text("host", "host", { about, fallback: defaultHost })

export const port = (about: string, min: number): Flags.Flag<number> =>
  Flags.port("port", { about, fallback: `${defaultPort}` }, { min, max: highestPort })

export const unix = (about: string): Flags.Flag<string> => Flags.text("unix", "path", { about, fallback: "none" })

/** An address that these flags can name. */
type Place = Extract<Address, { readonly _tag: "Tcp" | "Unix" }>

export interface Given {
  readonly host: Option.Option<Flags.Given<string>>
  readonly port: Option.Option<Flags.Given<number>>
  readonly unix: Option.Option<Flags.Given<string>>
}

/** The flags of every command that connects. */
export const client = {
  host: host("Host to connect to"),
  port: port("TCP port to connect to", 1),
  unix: unix("Unix socket to connect to, instead of TCP"),
  tls: Flags.toggle("tls", "Connect with TLS, and check the server's certificate"),
  ca: Flags.text("ca", "file", {
    about: "With --tls: the authorities that the server's certificate may be signed by, in PEM form",
    fallback: "those that Node trusts"
  }),
  cert: Flags.text("cert", "file", {
    about: "With --tls: the certificate to show, in PEM form; its common name must be the login",
    fallback: "none"
  }),
  key: Flags.text("key", "file", { about: "The private key of --cert, in PEM form", fallback: "none" }),
  serverName: Flags.text("server-name", "name", {
    about: "With --tls: the name that the server's certificate must have",
    fallback: "that of --host"
  })
}

export interface Client extends Given {
  readonly tls: Option.Option<Flags.Given<boolean>>
  readonly ca: Option.Option<Flags.Given<string>>
  readonly cert: Option.Option<Flags.Given<string>>
  readonly key: Option.Option<Flags.Given<string>>
  readonly serverName: Option.Option<Flags.Given<string>>
}

/** Nobody waits for a server that does not even answer as long as the system would. */
export const connectTimeout = Duration.seconds(10)

/** Connects to where the flags say, in the way that they say. */
export const socket = (given: Client): Effect.Effect<Socket, TransportError> => {
  const where = address(given)
  if (where === undefined) return misuse("--unix takes the place of --host and --port; give one")
  const [ca, cert, key, serverName] = [given.ca, given.cert, given.key, given.serverName].map(Flags.value)
  if (!Flags.valueOr(given.tls, false)) {
    const idle = (["ca", "cert", "key", "serverName"] as const).find((name) => isFlag(given[name]))
    if (idle === undefined) return Tcp.connect(where, connectTimeout)
    return misuse(`--${idle === "serverName" ? "server-name" : idle} is for TLS; give --tls, too`)
  }
  if (where._tag !== "Tcp") return misuse("--tls is for TCP; leave out --tls or --unix")
  if ((cert === undefined) !== (key === undefined)) return misuse("--cert and --key go together; give both")
  return Tls.connect(where, { ca, cert, key, serverName, timeout: connectTimeout })
}

/**
 * The variables by which a program that is started here connects to the same server, from any folder. The certificate
 * and its key are not among them: they are for one login.
 */
export const environment = (given: Client): Readonly<Record<string, string>> => {
  const where = address(given)
  if (where === undefined) return {}
  if (where._tag === "Unix") return { [Flags.variable("unix")]: resolve(where.path) }
  const there = { [Flags.variable("host")]: where.host, [Flags.variable("port")]: `${where.port}` }
  if (!Flags.valueOr(given.tls, false)) return there
  const [ca, serverName] = [given.ca, given.serverName].map(Flags.value)
  return {
    ...there,
    [Flags.variable("tls")]: "yes",
    ...(ca === undefined ? {} : { [Flags.variable("ca")]: resolve(ca) }),
    ...(serverName === undefined ? {} : { [Flags.variable("server-name")]: serverName })
  }
}

const misuse = (reason: string) => Effect.fail(new TransportError({ during: "Connect", reason }))

/** All that were asked for: the Unix socket, and TCP unless only the Unix socket was. */
export const addresses = (given: Given): NonEmptyReadonlyArray<Place> => {
  if (Option.isNone(given.unix)) return [tcp(given)]
  const unix: Place = { _tag: "Unix", path: given.unix.value.value }
  return Option.isSome(given.host) || Option.isSome(given.port) ? [tcp(given), unix] : [unix]
}

/** The one to connect to; undefined when flags ask for both. A flag counts more than the environment. */
export const address = (given: Given): Place | undefined => {
  if (Option.isNone(given.unix)) return tcp(given)
  const { by, value } = given.unix.value
  const tcpByFlag = isFlag(given.host) || isFlag(given.port)
  if (tcpByFlag) return by === "flag" ? undefined : tcp(given)
  return { _tag: "Unix", path: value }
}

export const isFlag = <A>(given: Option.Option<Flags.Given<A>>): boolean =>
  Option.isSome(given) && given.value.by === "flag"

const tcp = (given: Given): Place => ({
  _tag: "Tcp",
  host: Option.match(given.host, { onNone: () => defaultHost, onSome: ({ value }) => value }),
  port: Option.match(given.port, { onNone: () => defaultPort, onSome: ({ value }) => value })
})
