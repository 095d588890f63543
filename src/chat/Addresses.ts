import * as Duration from "effect/Duration"
import { isLoopback } from "../transport/Transport.js"
import { retryFull, type Options } from "./Options.js"
import { TokenBucket } from "./TokenBucket.js"

type Limits = Pick<
  Options,
  "maxConnectionsPerAddress" | "connectsPerAddress" | "ratePerAddress" | "burstPerAddress" | "limitLoopback"
>

/** What one address has, and may have. */
interface Address {
  connections: number
  /** New connections; undefined without such a limit, as `lines`. */
  readonly connects: TokenBucket | undefined
  readonly lines: TokenBucket | undefined
}

/** So many addresses are remembered that have no connection; beyond that the ones that behaved are forgotten. */
const maxIdle = 10_000

/**
 * Limits per address, so that one of them cannot take the place of all others. An address is what one subscriber gets:
 * an IPv4 address, or the first 64 bits of an IPv6 address. A Unix socket has none.
 */
export class Addresses {
  private readonly known = new Map<string, Address>()
  private sweepAbove = maxIdle

  constructor(
    private readonly limits: Limits,
    private readonly now: () => number
  ) {}

  /** Takes over limits that have changed: everybody has a full allowance again. */
  configure() {
    for (const [key, { connections }] of this.known) this.known.set(key, this.make(connections))
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.known.size
  }

  /** A connection wants in. Answers 0, or after how many milliseconds it may try again. Who is let in must `leave`. */
  enter(host: string): number {
    const key = this.keyOf(host)
    if (key === undefined) return 0
    const address = this.find(key)
    const { maxConnectionsPerAddress } = this.limits
    if (maxConnectionsPerAddress > 0 && address.connections >= maxConnectionsPerAddress) {
      return Duration.toMillis(retryFull)
    }
    const wait = address.connects?.take(this.now()) ?? 0
    if (wait === 0) address.connections += 1
    return wait
  }

  leave(host: string) {
    const address = this.known.get(this.keyOf(host) ?? "")
    if (address !== undefined) address.connections -= 1
  }

  /** What the lines of all connections from there share. */
  linesOf(host: string): TokenBucket | undefined {
    const key = this.keyOf(host)
    return key === undefined ? undefined : this.find(key).lines
  }

  /** What is told to clients from there; the limits that are off are left out. */
  announced(host: string): Readonly<Record<string, number>> {
    if (this.keyOf(host) === undefined) return {}
    const { burstPerAddress, connectsPerAddress, maxConnectionsPerAddress, ratePerAddress } = this.limits
    return {
      ...(maxConnectionsPerAddress > 0 ? { "address-connections": maxConnectionsPerAddress } : {}),
      ...(connectsPerAddress > 0 ? { "address-connects": connectsPerAddress } : {}),
      ...(ratePerAddress > 0 ? { "address-rate": ratePerAddress, "address-burst": burstPerAddress } : {})
    }
  }

  /** Undefined for those who are not limited. */
  private keyOf(host: string): string | undefined {
    const { connectsPerAddress, limitLoopback, maxConnectionsPerAddress, ratePerAddress } = this.limits
    if (maxConnectionsPerAddress === 0 && connectsPerAddress === 0 && ratePerAddress === 0) return undefined
    return host === "" || (isLoopback(host) && !limitLoopback) ? undefined : subscriber(host)
  }

  private find(key: string): Address {
    const known = this.known.get(key)
    if (known !== undefined) return known
    this.sweep()
    const address = this.make(0)
    this.known.set(key, address)
    return address
  }

  private make(connections: number): Address {
    const { burstPerAddress, connectsPerAddress, ratePerAddress } = this.limits
    const now = this.now()
    return {
      connections,
      connects: connectsPerAddress > 0 ? new TokenBucket(connectsPerAddress / 60, connectsPerAddress, now) : undefined,
      lines: ratePerAddress > 0 ? new TokenBucket(ratePerAddress, burstPerAddress, now) : undefined
    }
  }

  private sweep() {
    if (this.known.size < this.sweepAbove) return
    const now = this.now()
    for (const [key, { connections, connects, lines }] of this.known) {
      if (connections === 0 && connects?.isFull(now) !== false && lines?.isFull(now) !== false) this.known.delete(key)
    }
    // Twice what is left, so that a crowd of strangers does not make every newcomer look at all of them.
    this.sweepAbove = Math.max(maxIdle, 2 * this.known.size)
  }
}

/** The part of an address that one subscriber has, and cannot change. */
export const subscriber = (host: string): string => {
  if (!host.includes(":")) return host
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/iu.exec(host)?.[1]
  if (mapped !== undefined) return mapped
  const [head = "", tail] = (host.split("%", 1)[0] ?? "").split("::")
  const before = head === "" ? [] : head.split(":")
  const after = tail === undefined || tail === "" ? [] : tail.split(":")
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0")
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/u, "").toLowerCase())
    .join(":")
}
