import type { IncomingMessage } from "node:http"
import * as Net from "node:net"
import { isLoopback } from "../ports/Transport.js"
import { remoteAt, type Remote } from "./NetSocket.js"
import { familyOf } from "./Proxy.js"
import type * as ProxyHeader from "./ProxyHeader.js"

/** The client behind HTTP proxies, from `X-Forwarded-For` and `X-Forwarded-Proto`. */

export interface Forwarded extends Remote {
  /** How the client reaches the outermost proxy; undefined if the headers do not say. */
  readonly scheme: "http" | "https" | undefined
}

/**
 * The client of a request: the last address in `X-Forwarded-For` that is not an allowed proxy. Undefined if the request
 * does not come through an allowed proxy, whatever its headers say.
 */
export const clientOf = (
  { headers }: IncomingMessage,
  { host }: Remote,
  proxies: ProxyHeader.ProxyOptions["from"]
): Forwarded | undefined => {
  const isProxy = (address: string) => Net.isIP(address) !== 0 && proxies.check(address, familyOf(address))
  if (!isProxy(host)) return undefined
  const named = listOf(headers["x-forwarded-for"]).toReversed()
  // Reads back to the first invalid address: the client may have written everything before it.
  const broken = named.findIndex((address) => Net.isIP(address) === 0)
  const addresses = broken < 0 ? named : named.slice(0, broken)
  const client = addresses.find((address) => !isProxy(address)) ?? addresses.at(-1)
  const scheme = schemeOf(listOf(headers["x-forwarded-proto"]).at(-1))
  const isPrivateToProxy = scheme === "https" || (client !== undefined && isLoopback(client))
  return { ...remoteAt(client ?? host, 0), isPrivateToProxy, scheme }
}

const listOf = (header: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> =>
  header === undefined
    ? []
    : String(header)
        .split(",")
        .map((part) => part.trim())

const schemeOf = (text: string | undefined) => (text === "https" || text === "http" ? text : undefined)
