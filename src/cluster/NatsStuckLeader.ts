import { NotConnected } from "./NatsConnection.js"
import { codes, isRefused } from "./NatsJetStream.js"

/** How long no write succeeds before another leader is asked for. Elections take seconds, after which writes succeed. */
const stuckMillis = 30_000

/** Added at random, so that one node asks and the others find the new leader. */
const spreadMillis = 10_000

/** The wait doubles with each request that has not helped, up to this many times: to 8 minutes. */
const maxDoublings = 4

/** What a node has done about a leader; for the log. */
export type LeaderRequest =
  | { readonly _tag: "Asked"; readonly stream: string; readonly leader: string; readonly failingMillis: number }
  | { readonly _tag: "Refused"; readonly stream: string; readonly leader: string; readonly reason: string }

export interface NatsStuckLeaderOptions {
  readonly stream: string
  readonly now: () => number
  /** At least 0 and less than 1. */
  readonly random: () => number
  /** The name of the server that leads the stream. Fails if none answers, or there is no leader. */
  readonly leader: () => Promise<string | undefined>
  /** Asks the leader to let another one be elected. */
  readonly stepDown: () => Promise<void>
  readonly report: (request: LeaderRequest) => void
}

/**
 * Finds a leader of a stream that answers and accepts no write, and asks for another one. nats-server 2.9.22 was seen
 * to elect one whose log did not fit those of the others ("last sequence mismatch", "stream is not current"): for three
 * minutes, until a partition caused the next election, no lease could be renewed, and all nodes were suspended.
 *
 * Only the leader does what this asks for; a server that follows it says nothing. So a node without a way to the leader
 * changes nothing.
 */
export class NatsStuckLeader {
  /** Since when every write has failed. */
  private failing: { since: number; last: number } | undefined
  /** The leader, and when this node first heard of it. */
  private leader: { readonly name: string; readonly since: number } | undefined
  private wait: number
  private asked = 0
  private isAsking = false
  private refusal: string | undefined

  constructor(private readonly options: NatsStuckLeaderOptions) {
    this.wait = this.nextWait()
  }

  /** A write has succeeded. */
  wrote(): void {
    this.failing = undefined
    if (this.asked === 0) return
    this.asked = 0
    this.refusal = undefined
    this.wait = this.nextWait()
  }

  /** A write was not done, or nobody knows whether it was. */
  failed(error: unknown): void {
    // A leader compares the last number of a subject before it proposes a write: its refusal proves nothing.
    if (isRefused(error, codes.wrongLastSequence)) return
    if (error instanceof NotConnected) return void (this.failing = undefined)
    const now = this.options.now()
    if (this.failing === undefined || now - this.failing.last >= stuckMillis) this.failing = { since: now, last: now }
    this.failing.last = now
    if (this.isDue) void this.ask()
  }

  /** The servers report who leads the stream. */
  leads(name: string): void {
    if (this.leader?.name !== name) this.leader = { name, since: this.options.now() }
  }

  /** A new leader has as much time as the one before. */
  private get isDue(): boolean {
    if (this.failing === undefined || this.isAsking) return false
    return this.options.now() - Math.max(this.failing.since, this.leader?.since ?? -Infinity) >= this.wait
  }

  private nextWait(): number {
    const { random } = this.options
    return stuckMillis * 2 ** Math.min(this.asked, maxDoublings) + random() * spreadMillis
  }

  private async ask(): Promise<void> {
    this.isAsking = true
    const leader = await this.options.leader().catch(() => undefined)
    if (leader !== undefined) this.leads(leader)
    this.isAsking = false
    const { failing } = this
    // Another node may have asked, or a write has succeeded meanwhile.
    if (leader === undefined || failing === undefined || !this.isDue) return
    const now = this.options.now()
    const { stream } = this.options
    const failingMillis = now - failing.since
    failing.since = now
    this.asked += 1
    this.wait = this.nextWait()
    try {
      await this.options.stepDown()
      this.options.report({ _tag: "Asked", stream, leader, failingMillis })
    } catch (error) {
      this.refused(leader, error instanceof Error ? error.message : String(error))
    }
  }

  private refused(leader: string, reason: string): void {
    if (reason === this.refusal) return
    this.refusal = reason
    this.options.report({ _tag: "Refused", stream: this.options.stream, leader, reason })
  }
}
