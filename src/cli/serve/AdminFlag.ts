import * as Either from "effect/Either"
import * as AddressFlags from "../settings/AddressFlags.js"
import * as Setting from "../settings/Setting.js"

/** `--admin`: metrics, health and a page about the server, over HTTP. */

export interface HostPort {
  readonly host: string
  readonly port: number
}

const form = /^(?:(?:\[([\da-f:.]+)\]|([^\s:]+)):)?(\d{1,5})$/iu

/** `9090`, `127.0.0.1:9090`, `[::1]:9090`. */
export const parse = (text: string): Either.Either<HostPort, string> => {
  const [, bracketed, plain, port] = form.exec(text) ?? []
  return port === undefined || Number(port) > AddressFlags.highestPort
    ? Either.left("is not a port or an address such as 9090, 127.0.0.1:9090 or [::1]:9090")
    : Either.right({ host: bracketed ?? plain ?? AddressFlags.defaultHost, port: Number(port) })
}

export const setting = Setting.parsed(
  "admin",
  "host:port",
  {
    about: "Serve metrics, health and a page about the server over HTTP; a port alone is on 127.0.0.1",
    default: undefined,
    defaultText: "off"
  },
  parse
)
