import type { IncomingMessage } from "node:http"
import * as Net from "node:net"

/** Checks the origin of requests. Browsers fill in `Host` and `Origin`; pages cannot. */

/**
 * Whether a host is an IP address or `localhost`, the only names that a server on a loopback address accepts. With any
 * other name, a page whose owner resolves that name to 127.0.0.1 could read the response (DNS rebinding).
 */
export const isOwnName = (host: string): boolean => {
  const name = host.replace(/:\d+$/u, "").replace(/^\[(.*)\]$/u, "$1")
  return /^localhost\.?$/iu.test(name) || Net.isIP(name) !== 0
}

/** The host that a request is for; undefined if it has none, or several, as a smuggled request may. */
export const hostOf = ({ headers, rawHeaders }: IncomingMessage): string | undefined => {
  const count = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === "host").length
  return count === 1 ? headers.host : undefined
}

/**
 * Turns `GET http://host/path` into `GET /path` for that host, whatever `Host` says (RFC 9112, 3.2.2). Clients send
 * this form to a proxy, and a server must accept it.
 */
export const toOriginForm = (request: IncomingMessage): void => {
  const [, authority, rest = ""] = /^https?:\/\/([^/?#]+)(.*)$/isu.exec(request.url ?? "") ?? []
  if (authority === undefined) return
  request.url = rest.startsWith("/") ? rest : `/${rest}`
  request.headers.host = authority
}

/** An origin as browsers write it, `https://chat.example:8443`; undefined if the text is not one. */
export const parse = (text: string): string | undefined => {
  const origin = /^https?:/iu.test(text) ? originOf(text) : undefined
  return text.replace(/\/$/u, "").toLowerCase() === origin ? origin : undefined
}

const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : undefined)

export interface OriginOptions {
  /** How the client reaches the server, or its proxy. */
  readonly scheme: "http" | "https"
  /** Origins that are allowed besides the server's own. */
  readonly origins: ReadonlyArray<string>
}

/**
 * Whether the origin of a request is the server's own or an allowed one. Programs other than browsers usually send
 * none, but could send any.
 */
export const isAllowed = (request: IncomingMessage, { origins, scheme }: OriginOptions): boolean => {
  const { origin } = request.headers
  return origin === undefined || origins.includes(origin) || origin === ownOf(request, scheme)
}

/** The server's own origin as this request's client sees it; undefined if the host is invalid. */
export const ownOf = (request: IncomingMessage, scheme: "http" | "https"): string | undefined =>
  originOf(`${scheme}://${hostOf(request) ?? ""}`)

/**
 * Whether the name in `Host` may be the server's own.
 *
 * @param isLocal whether the server listens on a loopback address
 */
export const isHostAllowed = (request: IncomingMessage, isLocal: boolean, origins: ReadonlyArray<string>): boolean => {
  const host = hostOf(request)
  if (host === undefined) return false
  return !isLocal || isOwnName(host) || origins.some((origin) => new URL(origin).host === host.toLowerCase())
}
