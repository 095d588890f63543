/** Ranges of IP addresses, for bans. Pure. */

/** The addresses whose first bits are these. An IPv4 address counts as the IPv6 address that is mapped to it. */
export interface AddressRange {
  /** In one spelling for each range: `192.0.2.7`, `10.0.0.0/8`, `2001:db8:1:2::/64`. */
  readonly text: string
  /** The number of bits that the addresses share, of 128. */
  readonly bits: number
  /** These bits, as a number. */
  readonly prefix: bigint
}

const allBits = 128
/** The bits before the IPv4 address in an IPv6 address: `::ffff:0:0/96`. */
const mappedBits = 96
const mapped = 0xffffn << 32n

/** The part of an IPv6 address that identifies a subscriber, who can change the rest at will. */
const subscriberBits = 64

/**
 * Parses an address or a range: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. An IPv6 address without a length is its /64
 * network, as for the limits per address. Undefined if the text is neither.
 */
export const parse = (text: string): AddressRange | undefined => {
  const [host = "", length, ...more] = text.split("/")
  const address = valueOf(host)
  if (address === undefined || host.includes("%") || more.length > 0) return undefined
  const isShort = !host.includes(":")
  if (length === undefined) return make(address, isMapped(address) ? allBits : subscriberBits)
  const bits = /^\d{1,3}$/.test(length) ? Number(length) + (isShort ? mappedBits : 0) : Infinity
  return bits <= allBits ? make(address, bits) : undefined
}

/** The prefix of an address, for a number of bits. */
export const prefixOf = (address: bigint, bits: number): bigint => address >> BigInt(allBits - bits)

const make = (address: bigint, bits: number): AddressRange => {
  const prefix = prefixOf(address, bits)
  const first = prefix << BigInt(allBits - bits)
  const isShort = bits >= mappedBits && isMapped(first)
  const length = isShort ? bits - mappedBits : bits
  const isOne = isShort && bits === allBits
  return { text: `${isShort ? shortText(first) : longText(first)}${isOne ? "" : `/${length}`}`, bits, prefix }
}

const isMapped = (address: bigint) => address >> 32n === mapped >> 32n

/** The number of an address, of 128 bits; undefined if the text is not an address. */
export const valueOf = (host: string): bigint | undefined => {
  if (!host.includes(":")) return shortValue(host)
  // The zone says where the address is, on this machine.
  const url = `http://[${host.split("%", 1)[0]}]`
  return URL.canParse(url) ? longValue(new URL(url).hostname.slice(1, -1)) : undefined
}

const shortValue = (host: string): bigint | undefined => {
  const parts = host.split(".")
  const isAddress = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
  return isAddress ? parts.reduce((sum, part) => sum * 256n + BigInt(part), 0xffffn) : undefined
}

/** @param host as `URL` writes it: groups of hexadecimal digits, of which one run of zeros is left out */
const longValue = (host: string): bigint => {
  const [head = "", tail = ""] = host.split("::")
  const [before, after] = [head, tail].map((groups) => (groups === "" ? [] : groups.split(":")))
  const left = 8 - (before?.length ?? 0) - (after?.length ?? 0)
  const groups = [...(before ?? []), ...Array.from({ length: left }, () => "0"), ...(after ?? [])]
  return groups.reduce((sum, group) => sum * 0x10000n + BigInt(parseInt(group, 16)), 0n)
}

const shortText = (address: bigint) => [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 255n).join(".")

const longText = (address: bigint) => {
  const groups = Array.from({ length: 8 }, (_, group) => (address >> BigInt(112 - 16 * group)) & 0xffffn)
  const hostname = groups.map((group) => group.toString(16)).join(":")
  return new URL(`http://[${hostname}]`).hostname.slice(1, -1)
}
