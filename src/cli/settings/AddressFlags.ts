import * as Arr from "effect/Array"
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Tcp from "../../transport/Tcp.js"
import * as Unix from "../../transport/Unix.js"
import * as Places from "./Places.js"
import * as Setting from "./Setting.js"
import type { Resolved } from "./Sources.js"

/** `--host`, `--port` and `--unix`: the address on which a server listens, or to which a client connects. */

export const defaultHost = "127.0.0.1"

export const highestPort = 65_535

/** @param forms the allowed forms of the host, and whether it may have a scheme; see `Places.parseHost` */
export const host = (about: string, ...forms: Parameters<typeof Places.parseHost>) =>
  Setting.parsed("host", "host", { about, default: defaultHost, defaultText: defaultHost }, Places.parseHost(...forms))

export const port = (about: string, min: number) =>
  Setting.port("port", { about, default: 8080, min, max: highestPort })

export const unix = (about: string) => Setting.text("unix", "path", { about, default: undefined })

export type GivenAddress = Resolved<{
  readonly host: Setting.Setting<string>
  readonly port: Setting.Setting<number>
  readonly unix: Setting.Setting<string | undefined>
}>

/** An address that these flags can name. */
export type NamedAddress = Tcp.TcpAddress | Unix.UnixAddress

/** The addresses of a server: the Unix socket if one is given, and TCP unless only the Unix socket is given. */
export const addresses = (given: GivenAddress): NonEmptyReadonlyArray<NamedAddress> => {
  const { origins, values } = given
  if (values.unix === undefined) return [tcp(given)]
  const unix = Unix.address(values.unix)
  return origins.host === "default" && origins.port === "default" ? [unix] : [tcp(given), unix]
}

/**
 * The servers that a client may connect to, which are one chat. Undefined if flags name both TCP and a Unix socket;
 * otherwise a flag overrides the environment.
 */
export const servers = (given: GivenAddress): NonEmptyReadonlyArray<NamedAddress> | undefined => {
  const { origins, values } = given
  if (values.unix === undefined) return listed(given)
  if (origins.host === "flag" || origins.port === "flag") return origins.unix === "flag" ? undefined : listed(given)
  return [Unix.address(values.unix)]
}

const listed = ({ values }: GivenAddress): NonEmptyReadonlyArray<Tcp.TcpAddress> =>
  Arr.map(Places.hosts(values.host), ({ host, port }) => Tcp.address(host, port ?? values.port))

/** The servers as people write them. */
export const textOf = (given: GivenAddress): string | undefined =>
  servers(given)
    ?.map(({ text }) => text)
    .join(", ")

/** Whether each server of a list has its own port. */
export const hasOwnPorts = ({ values: { host } }: GivenAddress): boolean =>
  host.includes(",") && Places.hosts(host).every(({ port }) => port !== undefined)

/** Whether a given port applies to no server. */
export const hasIdlePort = (given: GivenAddress): boolean => {
  const { host, port } = given.origins
  return hasOwnPorts(given) && (port === "flag" || (port !== "default" && port === host))
}

const tcp = ({ values }: GivenAddress): Tcp.TcpAddress => Tcp.address(values.host, values.port)
