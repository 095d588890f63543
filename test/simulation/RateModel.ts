import type { History, ReadMoment, Wire } from "./History.js"

/**
 * What the rates make of a line: it passes, or it is refused with this `retry` in milliseconds. `unknown` only after a
 * line was held, or where several clients of an address compete: no one outside the server sees when exactly, or in
 * which order, it takes their tokens.
 */
export type Verdict =
  | { readonly is: "passes" }
  | { readonly is: "refused"; readonly retry: number | undefined }
  | { readonly is: "unknown" }

const passes: Verdict = { is: "passes" }
const unknown: Verdict = { is: "unknown" }

/**
 * A line costs this many tokens, and a rate of one line per second earns one token per millisecond: all are integers.
 */
const lineTokens = 1000

/** A token bucket, of which the tokens are known within limits; usually these are equal. */
export class Bucket {
  private readonly most: number
  private least: number
  private atMost: number
  private filledAt = 0

  constructor(
    private readonly perSecond: number,
    burst: number
  ) {
    this.most = burst * lineTokens
    this.least = this.most
    this.atMost = this.most
  }

  /** What the bucket makes of a line at this time. Takes no token. */
  verdict(now: number): Verdict {
    if (now < this.filledAt) return unknown
    const earned = (now - this.filledAt) * this.perSecond
    this.least = Math.min(this.most, this.least + earned)
    this.atMost = Math.min(this.most, this.atMost + earned)
    this.filledAt = now
    if (this.least >= lineTokens) return passes
    if (this.atMost >= lineTokens) return unknown
    const isExact = this.least === this.atMost
    return { is: "refused", retry: isExact ? Math.ceil((lineTokens - this.least) / this.perSecond) : undefined }
  }

  /** Whether there are tokens for this many lines. */
  hasFor(lines: number, now: number): boolean {
    return this.verdict(now).is === "passes" && this.least >= lines * lineTokens
  }

  /** A line has taken its token, or may have. */
  take(isSure: boolean) {
    this.least = Math.max(0, this.least - lineTokens)
    if (isSure) this.atMost -= lineTokens
  }

  /** Lines were routed at unknown times up to this one. */
  forget(until: number) {
    this.least = 0
    this.atMost = this.most
    this.filledAt = Math.max(this.filledAt, until)
  }
}

/**
 * A line that the server read, and the turn by which it had handled everything that it had read, unless that is held.
 */
interface ReadLine {
  readonly wire: Wire
  readonly heard: ReadMoment
  readonly until: number
}

/** The lines of one address that the broker had to handle before it was idle, and how many of them were considered. */
interface Group {
  readonly wires: Set<Wire>
  lines: number
}

/** The rates of all clients and addresses, from PROTOCOL.md: every line counts, unless it is refused as `slow-down`. */
export class RateModel {
  private readonly lines = new Map<ReadMoment, ReadLine>()
  private readonly groups = new Map<string, Group>()
  private readonly clients = new Map<Wire, Bucket>()
  private readonly hosts = new Map<string, Bucket>()

  constructor(
    private readonly history: History,
    lines: ReadonlyArray<ReadLine>
  ) {
    for (const line of lines) {
      this.lines.set(line.heard, line)
      const group = entry(this.groups, keyOf(line), () => ({ wires: new Set<Wire>(), lines: 0 }))
      group.wires.add(line.wire)
      group.lines += 1
    }
  }

  /** What the rates make of the next line of those that were read at this moment. */
  next(heard: ReadMoment, isUncertain: boolean): Verdict {
    const { burstPerAddress, rate, ratePerAddress } = this.history.setting
    const line = this.lines.get(heard)
    if (line === undefined || (rate === 0 && ratePerAddress === 0)) return passes
    const { wire } = line
    const own = rate === 0 ? undefined : entry(this.clients, wire, () => new Bucket(rate, rate))
    const host =
      ratePerAddress === 0 ? undefined : entry(this.hosts, wire.host, () => new Bucket(ratePerAddress, burstPerAddress))
    const handled = handledBy(this.history, line)
    const isContended = host !== undefined && this.isContended(line, host)
    if (isUncertain || handled !== heard.clock || isContended) {
      own?.forget(handled)
      host?.forget(handled)
      return unknown
    }
    const verdicts = [own, host].map((bucket) => bucket?.verdict(heard.clock) ?? passes)
    const refused = verdicts.find(({ is }) => is === "refused")
    const isUnknown = verdicts.some(({ is }) => is === "unknown")
    // An allowance that may have refused the line first says nothing about the other's `retry`.
    if (refused !== undefined) return isUnknown ? { is: "refused", retry: undefined } : refused
    for (const bucket of [own, host]) bucket?.take(!isUnknown)
    return isUnknown ? unknown : passes
  }

  /** Whether several clients of an address may have competed for its last tokens: which comes first is not promised. */
  private isContended(line: ReadLine, host: Bucket): boolean {
    const group = this.groups.get(keyOf(line))
    if (group === undefined || group.wires.size === 1) return false
    const left = group.lines
    group.lines -= 1
    return !host.hasFor(left, line.heard.clock)
  }
}

const keyOf = ({ until, wire }: ReadLine) => `${wire.host} ${until}`

const entry = <Key, A>(entries: Map<Key, A>, key: Key, make: () => A): A => {
  const found = entries.get(key) ?? make()
  entries.set(key, found)
  return found
}

/** The latest time at which a line was handled, on the server's clock. */
const handledBy = ({ clocks }: History, { heard: { turn }, until, wire }: ReadLine): number => {
  const pause = wire.pauses.find(({ from, to }) => from.turn <= until && (to === undefined || to.turn >= turn))
  const last = pause === undefined ? until : (pause.to?.turn ?? Infinity)
  return clocks[Math.max(last, until)] ?? Infinity
}
