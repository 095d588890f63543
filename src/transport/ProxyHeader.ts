import type * as Duration from "effect/Duration"
import { isIP } from "node:net"

/** A listener behind a proxy: each connection begins with a header that announces the client's address. */
export interface ProxyOptions {
  /**
   * The trusted proxies, for example Node's `BlockList`. Any other client is refused, because it could claim any
   * address.
   */
  readonly from: { readonly check: (address: string, family: "ipv4" | "ipv6") => boolean }
  /** Time from accept to a complete header. */
  readonly timeout: Duration.DurationInput
}

/**
 * The header in which a proxy announces the client it connects for (HAProxy's PROXY protocol, versions 1 and 2). The
 * parser is pure and total: it returns one of three values for every input.
 */
export type Parsed =
  /** More bytes may complete a header. */
  | { readonly _tag: "Incomplete" }
  | { readonly _tag: "Malformed"; readonly why: string }
  | {
      readonly _tag: "Header"
      /** The header's length in bytes. The client's own bytes follow. */
      readonly length: number
      /**
       * The client's address; undefined if the proxy speaks for itself (a health check) or does not know the address.
       */
      readonly source: { readonly host: string; readonly port: number } | undefined
      /** Whether the proxy says that the client uses TLS. Version 1 cannot say so. */
      readonly isEncrypted: boolean
    }

/** Longest line of version 1, with its CRLF. */
const maxLineBytes = 107

/** Longest header of version 2 that is accepted. The format allows 64 KiB of extensions; no known proxy needs them. */
export const maxBytes = 4096

const header = (
  length: number,
  source?: { readonly host: string; readonly port: number },
  isEncrypted = false
): Parsed => ({ _tag: "Header", length, source, isEncrypted })

const incomplete: Parsed = { _tag: "Incomplete" }

const malformed = (why: string): Parsed => ({ _tag: "Malformed", why })

/** @param bytes everything that has arrived so far */
export const parse = (bytes: Uint8Array): Parsed => {
  if (startsLike(bytes, signature)) return bytes.length < fixedBytes ? incomplete : parseBinary(bytes)
  if (startsLike(bytes, prefix)) return bytes.length < prefix.length ? incomplete : parseText(bytes)
  return malformed("it does not begin like one")
}

/** Whether the bytes, as far as they go, match the beginning. */
const startsLike = (bytes: Uint8Array, beginning: Uint8Array) => {
  const length = Math.min(bytes.length, beginning.length)
  for (let i = 0; i < length; i++) if (bytes[i] !== beginning[i]) return false
  return true
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")

// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443`, ended by CRLF.

const prefix = Buffer.from("PROXY ")

const parseText = (bytes: Uint8Array): Parsed => {
  const lf = bytes.subarray(0, maxLineBytes).indexOf(0x0a)
  if (lf < 0) return bytes.length < maxLineBytes ? incomplete : malformed("its line does not end")
  const line = latin1(bytes.subarray(0, lf + 1))
  if (!line.endsWith("\r\n")) return malformed("its line does not end in CRLF")
  const length = lf + 1
  const [, family, host = "", target = "", port = "", targetPort = "", ...more] = line.slice(0, -2).split(" ")
  // The specification allows anything after UNKNOWN.
  if (family === "UNKNOWN") return header(length)
  if (family !== "TCP4" && family !== "TCP6") return malformed("it is for neither TCP4 nor TCP6")
  const version = family === "TCP4" ? 4 : 6
  const isAddress = (text: string) => isIP(text) === version && !text.includes("%")
  const isWhole = isAddress(host) && isAddress(target) && isPort(port) && isPort(targetPort) && more.length === 0
  if (!isWhole) return malformed("its addresses are invalid")
  return header(length, { host: version === 4 ? host : canonical(host), port: Number(port) })
}

const isPort = (text: string) => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

// Version 2: a signature, version and command, family and protocol, the length of the rest; then addresses and
// extensions.

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1")

const fixedBytes = 16

const parseBinary = (bytes: Uint8Array): Parsed => {
  const [versionAndCommand = 0, family = 0, high = 0, low = 0] = bytes.subarray(signature.length)
  const length = fixedBytes + high * 256 + low
  if (versionAndCommand >> 4 !== 2) return malformed("its version is neither 1 nor 2")
  const command = versionAndCommand & 0xf
  if (command > 1) return malformed("its command is neither LOCAL nor PROXY")
  if (length > maxBytes) return malformed(`it is longer than ${maxBytes} bytes`)
  if (bytes.length < length) return incomplete
  const rest = bytes.subarray(fixedBytes, length)
  // LOCAL: the proxy speaks for itself. Families other than TCP over IP have no address to limit.
  if (command === 0) return header(length)
  switch (family) {
    case 0x11:
      return rest.length < 12
        ? malformed("it is too short for its addresses")
        : header(length, { host: rest.subarray(0, 4).join("."), port: portAt(rest, 8) }, saysTls(rest, 12))
    case 0x21:
      return rest.length < 36
        ? malformed("it is too short for its addresses")
        : header(length, { host: ipv6(rest.subarray(0, 16)), port: portAt(rest, 32) }, saysTls(rest, 36))
    default:
      return header(length)
  }
}

/** The TLS extension, and the bit in its first byte that is set if the client uses TLS. */
const tlsExtension = 0x20
const clientUsesTls = 0x01

/** Whether the extensions that start at `at` say that the client uses TLS. Each has a type, a length and a value. */
const saysTls = (rest: Uint8Array, at: number): boolean => {
  for (let start = at; start + 3 <= rest.length; start += 3 + portAt(rest, start + 1)) {
    const value = rest.subarray(start + 3, start + 3 + portAt(rest, start + 1))
    if (rest[start] === tlsExtension && value.length > 0) return ((value[0] ?? 0) & clientUsesTls) !== 0
  }
  return false
}

const portAt = (bytes: Uint8Array, at: number) => (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)

const ipv6 = (bytes: Uint8Array) =>
  canonical(Array.from({ length: 8 }, (_, i) => portAt(bytes, 2 * i).toString(16)).join(":"))

/** One spelling for each host, because limits apply to hosts. An IPv4-mapped IPv6 address becomes an IPv4 address. */
const canonical = (address: string) => {
  const shortest = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [, high, low] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(shortest) ?? []
  if (high === undefined || low === undefined) return shortest
  return [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]).join(".")
}
