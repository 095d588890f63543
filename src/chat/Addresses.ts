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

/** Beyond that the others are, too, those first that came first: who has so many addresses gains nothing by it. */
const maxBad = 50_000

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
    if (host === "") return 0
    // Counted also while there is no limit: there may be one before they leave.
    const address = this.find(subscriber(host))
    const wait = this.isLimited(host) ? this.waitOf(address) : 0
    if (wait === 0) address.connections += 1
    return wait
  }

  private waitOf({ connections, connects }: Address): number {
    const { maxConnectionsPerAddress } = this.limits
    if (maxConnectionsPerAddress > 0 && connections >= maxConnectionsPerAddress) return Duration.toMillis(retryFull)
    return connects?.take(this.now()) ?? 0
  }

  leave(host: string) {
    const address = this.known.get(subscriber(host))
    if (address !== undefined) address.connections -= 1
  }

  /** What the lines of all connections from there share. */
  linesOf(host: string): TokenBucket | undefined {
    return this.isLimited(host) ? this.find(subscriber(host)).lines : undefined
  }

  /** What is told to clients from there; the limits that are off are left out. */
  announced(host: string): Readonly<Record<string, number>> {
    if (!this.isLimited(host)) return {}
    const { burstPerAddress, connectsPerAddress, maxConnectionsPerAddress, ratePerAddress } = this.limits
    return {
      ...(maxConnectionsPerAddress > 0 ? { "address-connections": maxConnectionsPerAddress } : {}),
      ...(connectsPerAddress > 0 ? { "address-connects": connectsPerAddress } : {}),
      ...(ratePerAddress > 0 ? { "address-rate": ratePerAddress, "address-burst": burstPerAddress } : {})
    }
  }

  private isLimited(host: string): boolean {
    return host !== "" && (this.limits.limitLoopback || !isLoopback(host))
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
    const idle = this.forget(({ connects, lines }) => connects?.isFull(now) !== false && lines?.isFull(now) !== false)
    let excess = idle > maxBad ? idle - maxBad / 2 : 0
    if (excess > 0) this.forget(() => excess-- > 0)
    // Not before there are many more, so that a crowd of strangers does not make every newcomer look at all of them.
    const { size } = this.known
    this.sweepAbove = size + Math.max(maxIdle, Math.min(size, maxBad / 2))
  }

  /** Answers how many are left that have no connection. */
  private forget(isForgotten: (address: Address) => boolean): number {
    let idle = 0
    for (const [key, address] of this.known) {
      if (address.connections > 0) continue
      if (isForgotten(address)) this.known.delete(key)
      else idle += 1
    }
    return idle
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
