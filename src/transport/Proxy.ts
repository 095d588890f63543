import * as Duration from "effect/Duration"
import * as Net from "node:net"
import * as FirstBytes from "./FirstBytes.js"
import type * as NetListener from "./NetListener.js"
import { peerAt } from "./NetSocket.js"
import * as ProxyHeader from "./ProxyHeader.js"
import { TransportError } from "./Transport.js"

export interface Range {
  readonly host: string
  readonly bits: number
}

/** A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single one. Undefined if it is none. */
export const parseRange = (text: string): Range | undefined => {
  const [host = "", bits, ...more] = text.split("/")
  const longest = { 0: undefined, 4: 32, 6: 128 }[Net.isIP(host)]
  if (longest === undefined || host.includes("%") || more.length > 0) return undefined
  if (bits === undefined) return { host, bits: longest }
  return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? { host, bits: Number(bits) } : undefined
}

export const ranges = (all: Iterable<Range>): Net.BlockList => {
  const list = new Net.BlockList()
  for (const { bits, host } of all) list.addSubnet(host, bits, familyOf(host))
  return list
}

const familyOf = (host: string) => (Net.isIPv6(host) ? "ipv6" : "ipv4")

/** The same listener behind a proxy: what `admit` gets is whom the header names. */
export const behind =
  (options: ProxyHeader.Options, admit: NetListener.Admit): NetListener.Admit =>
  (socket, proxy, events) => {
    const refuse = (why: string) => {
      events.failed(new TransportError({ during: "Listen", reason: `refused ${proxy.remote}: ${why}` }))
      socket.destroy()
    }
    // First of all: an 'error' without a listener ends the process.
    socket.on("error", () => {})
    if (proxy.host === "" || !options.from.check(proxy.host, familyOf(proxy.host))) {
      return refuse("no proxy of --proxy-from has that address")
    }
    const giveUp = FirstBytes.read(socket, look, (header) => {
      clearTimeout(deadline)
      if (header._tag === "Malformed") return refuse(`its PROXY header is not one, ${header.why}`)
      const { source } = header
      admit(socket, source === undefined ? proxy : peerAt(source.host, source.port), events)
    })
    const deadline = setTimeout(() => {
      giveUp()
      refuse("its PROXY header did not come in time")
    }, Duration.toMillis(options.timeout))
    socket.once("close", () => clearTimeout(deadline))
  }

const look = (bytes: Uint8Array): FirstBytes.Verdict<Exclude<ProxyHeader.Parsed, { _tag: "Incomplete" }>> => {
  const parsed = ProxyHeader.parse(bytes)
  if (parsed._tag === "Incomplete") return undefined
  return { taken: parsed._tag === "Header" ? parsed.length : bytes.length, found: parsed }
}
