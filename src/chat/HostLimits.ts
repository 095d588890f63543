import * as Duration from "effect/Duration"
import { isLoopback } from "../ports/Transport.js"
import type { Live } from "./Live.js"
import { retryFull, type Options } from "./Options.js"
import * as TokenBucket from "./TokenBucket.js"

type Limits = Pick<
  Options,
  "maxConnectionsPerAddress" | "connectsPerAddress" | "ratePerAddress" | "burstPerAddress" | "limitLoopback"
>

/** A subscriber's connections, and what is left of its allowances. */
interface Usage {
  connections: number
  /** New connections; undefined without a limit. */
  connects: TokenBucket.TokenBucket | undefined
  /** Lines, of all its connections together; undefined without a limit. */
  lines: TokenBucket.TokenBucket | undefined
}

/** Number of subscribers without a connection that are kept before those with a full allowance are evicted. */
const maxIdle = 10_000

/** Hard cap on subscribers without a connection; oldest first, so rotating addresses gains an attacker nothing. */
const maxIdleExhausted = 50_000

/**
 * Limits per address, so that no single address can crowd out the others. They apply to a subscriber: an IPv4 address,
 * or the first 64 bits of an IPv6 address. A Unix socket has no address, and no such limits.
 */
export class HostLimits {
  private readonly usages = new Map<string, Usage>()
  private sweepAbove = maxIdle

  constructor(
    private readonly limits: Live<Limits>,
    private readonly now: () => number
  ) {
    limits.onChange(() => {
      for (const usage of this.usages.values()) this.configure(usage)
    })
  }

  /** Number of remembered subscribers. */
  get size(): number {
    return this.usages.size
  }

  /**
   * Admits a new connection. Returns 0, or the number of milliseconds after which the client may try again. Each
   * admitted connection must `leave`.
   */
  enter(host: string): number {
    if (host === "") return 0
    // Connections are counted even without a limit, because one may be set while they are open.
    const usage = this.find(subscriber(host))
    const wait = this.isLimited(host) ? this.waitOf(usage) : 0
    if (wait === 0) usage.connections += 1
    return wait
  }

  private waitOf({ connections, connects }: Usage): number {
    const { maxConnectionsPerAddress } = this.limits.current
    if (maxConnectionsPerAddress > 0 && connections >= maxConnectionsPerAddress) return Duration.toMillis(retryFull)
    return connects?.take(this.now()) ?? 0
  }

  leave(host: string) {
    const usage = this.usages.get(subscriber(host))
    if (usage !== undefined) usage.connections -= 1
  }

  /** The allowance of lines that all connections from this host share; undefined without a limit. */
  linesOf(host: string): TokenBucket.TokenBucket | undefined {
    return this.isLimited(host) ? this.find(subscriber(host)).lines : undefined
  }

  /** The limits that the server announces to clients from this host, without those that are off. */
  announced(host: string): Readonly<Record<string, number>> {
    if (!this.isLimited(host)) return {}
    const { burstPerAddress, connectsPerAddress, maxConnectionsPerAddress, ratePerAddress } = this.limits.current
    return {
      ...(maxConnectionsPerAddress > 0 ? { "address-connections": maxConnectionsPerAddress } : {}),
      ...(connectsPerAddress > 0 ? { "address-connects": connectsPerAddress } : {}),
      ...(ratePerAddress > 0 ? { "address-rate": ratePerAddress, "address-burst": burstPerAddress } : {})
    }
  }

  private isLimited(host: string): boolean {
    return host !== "" && (this.limits.current.limitLoopback || !isLoopback(host))
  }

  private find(key: string): Usage {
    const known = this.usages.get(key)
    if (known !== undefined) return known
    this.sweep()
    const usage: Usage = { connections: 0, connects: undefined, lines: undefined }
    this.configure(usage)
    this.usages.set(key, usage)
    return usage
  }

  /** Applies the current limits. What the subscriber has used of an allowance stays used. */
  private configure(usage: Usage) {
    const { burstPerAddress, connectsPerAddress, ratePerAddress } = this.limits.current
    const now = this.now()
    usage.connects = TokenBucket.configured(usage.connects, connectsPerAddress / 60, connectsPerAddress, now)
    usage.lines = TokenBucket.configured(usage.lines, ratePerAddress, burstPerAddress, now)
  }

  private sweep() {
    if (this.usages.size < this.sweepAbove) return
    const now = this.now()
    const isFull = ({ connects, lines }: Usage) => connects?.isFull(now) !== false && lines?.isFull(now) !== false
    const idle = this.evict(isFull)
    let excess = idle > maxIdleExhausted ? idle - maxIdleExhausted / 2 : 0
    if (excess > 0) this.evict(() => excess-- > 0)
    // The next sweep waits until there are many more: otherwise each new subscriber could cost a walk over all of them.
    const { size } = this.usages
    this.sweepAbove = size + Math.max(maxIdle, Math.min(size, maxIdleExhausted / 2))
  }

  /** Forgets subscribers without a connection. Returns how many such subscribers are left. */
  private evict(isEvicted: (usage: Usage) => boolean): number {
    let idle = 0
    for (const [key, usage] of this.usages) {
      if (usage.connections > 0) continue
      if (isEvicted(usage)) this.usages.delete(key)
      else idle += 1
    }
    return idle
  }
}

/** The part of an address that identifies its subscriber. The subscriber can change the rest at will. */
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
