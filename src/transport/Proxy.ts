import * as Duration from "effect/Duration"
import * as Net from "node:net"
import { isLoopback, TransportError } from "../ports/Transport.js"
import * as FirstBytes from "./FirstBytes.js"
import type * as NetListener from "./NetListener.js"
import { remoteAt } from "./NetSocket.js"
import * as ProxyHeader from "./ProxyHeader.js"

export interface ProxyRange {
  readonly host: string
  readonly bits: number
}

/** Parses a range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single address. Undefined if it is not one. */
export const parseRange = (text: string): ProxyRange | undefined => {
  const [host = "", bits, ...more] = text.split("/")
  const longest = { 0: undefined, 4: 32, 6: 128 }[Net.isIP(host)]
  if (longest === undefined || host.includes("%") || more.length > 0) return undefined
  if (bits === undefined) return { host, bits: longest }
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? { host, bits: Number(bits) } : undefined
}

export const ranges = (all: Iterable<ProxyRange>): Net.BlockList => {
  const list = new Net.BlockList()
  for (const { bits, host } of all) list.addSubnet(host, bits, familyOf(host))
  return list
}

export const familyOf = (host: string) => (Net.isIPv6(host) ? "ipv6" : "ipv4")

/** Admits connections that come through a proxy: `admit` gets the client that the header announces. */
export const behind =
  (options: ProxyHeader.ProxyOptions, admit: NetListener.Admit): NetListener.Admit =>
  (socket, proxy, events) => {
    const refuse = (why: string, code?: string) => {
      events.failed(new TransportError({ during: "Listen", reason: `refused ${proxy.remote}: ${why}`, code }))
      socket.destroy()
    }
    // Registered first: an 'error' event without a listener ends the process.
    socket.on("error", () => {})
    // The kernel no longer knows the address of a client that sent a reset before the accept.
    if (proxy.host === "") return refuse("it broke the connection before it was accepted", "ECONNRESET")
    if (!options.from.check(proxy.host, familyOf(proxy.host))) {
      return refuse("it is not a trusted proxy")
    }
    const giveUp = FirstBytes.read(socket, look, (header) => {
      clearTimeout(deadline)
      if (header._tag === "Malformed") return refuse(`its PROXY header is malformed: ${header.why}`)
      const { isEncrypted, source } = header
      const client = source === undefined ? proxy : remoteAt(source.host, source.port)
      // The proxy's own address says nothing about the connection from the client to it.
      const isPrivateToProxy = isEncrypted || (source !== undefined && isLoopback(source.host))
      admit(socket, { ...client, isPrivateToProxy }, events)
    })
    const deadline = setTimeout(() => {
      giveUp()
      refuse("its PROXY header did not arrive in time")
    }, Duration.toMillis(options.timeout))
    socket.once("close", () => clearTimeout(deadline))
  }

const look = (bytes: Uint8Array): FirstBytes.FirstBytesVerdict<Exclude<ProxyHeader.Parsed, { _tag: "Incomplete" }>> => {
  const parsed = ProxyHeader.parse(bytes)
  if (parsed._tag === "Incomplete") return undefined
  return { taken: parsed._tag === "Header" ? parsed.length : bytes.length, found: parsed }
}
