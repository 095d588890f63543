import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Option from "effect/Option"
import type { Address } from "../transport/Transport.js"
import * as Flags from "./Flags.js"

/** The three flags that say where a server listens or a client connects. */

export const defaultHost = "127.0.0.1"

export const defaultPort = 8080

const highestPort = 65_535

export const host = (about: string): Flags.Flag<string> => Flags.text("host", "host", { about, fallback: defaultHost })

export const port = (about: string, min: number): Flags.Flag<number> =>
  Flags.port("port", { about, fallback: `${defaultPort}` }, { min, max: highestPort })

export const unix = (about: string): Flags.Flag<string> => Flags.text("unix", "path", { about, fallback: "none" })

export interface Given {
  readonly host: Option.Option<Flags.Given<string>>
  readonly port: Option.Option<Flags.Given<number>>
  readonly unix: Option.Option<Flags.Given<string>>
}

/** All that were asked for: the Unix socket, and TCP unless only the Unix socket was. */
export const addresses = (given: Given): NonEmptyReadonlyArray<Address> => {
  if (Option.isNone(given.unix)) return [tcp(given)]
  const unix: Address = { _tag: "Unix", path: given.unix.value.value }
  return Option.isSome(given.host) || Option.isSome(given.port) ? [tcp(given), unix] : [unix]
}

/** The one to connect to; undefined when flags ask for both. A flag counts more than the environment. */
export const address = (given: Given): Address | undefined => {
  if (Option.isNone(given.unix)) return tcp(given)
  const { by, value } = given.unix.value
  const tcpByFlag = isFlag(given.host) || isFlag(given.port)
  if (tcpByFlag) return by === "flag" ? undefined : tcp(given)
  return { _tag: "Unix", path: value }
}

const isFlag = <A>(given: Option.Option<Flags.Given<A>>): boolean => Option.isSome(given) && given.value.by === "flag"

const tcp = (given: Given): Address => ({
  _tag: "Tcp",
  host: Option.match(given.host, { onNone: () => defaultHost, onSome: ({ value }) => value }),
  port: Option.match(given.port, { onNone: () => defaultPort, onSome: ({ value }) => value })
})
