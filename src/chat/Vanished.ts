import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { TurnoverMap } from "../concurrency/Turnover.js"
import type { Finding, ReachabilityProbe, Transmission } from "../ports/Reachability.js"
import type { Socket } from "../ports/Transport.js"
import type { Peer } from "./Peer.js"

/** The time of the first write in a period, and the number of bytes that the kernel had taken before it. */
interface Mark {
  readonly time: number
  readonly handed: number
}

/** The peer's kernel had unacknowledged bytes at the last check. */
interface Silence {
  /** The latest time at which it may have acknowledged something. */
  readonly since: number
  /** The most bytes that it may have acknowledged. */
  readonly acknowledged: number
  readonly attempts: number
}

/** A peer that was written to and may not have acknowledged everything. */
interface Unconfirmed {
  readonly peer: Peer
  /** Oldest first, never empty. They show when the first unacknowledged byte was written. */
  marks: ReadonlyArray<Mark>
  silence: Silence | undefined
}

/** A peer whose kernel has acknowledged nothing for the stall timeout. */
export interface VanishedPeer {
  readonly peer: Peer
  /** The bytes that it has not acknowledged. */
  readonly unacknowledged: number
}

/**
 * The interval between checks is half of the stall timeout, within these limits, and half of that while any peer is
 * silent. A check takes a millisecond of CPU for a few hundred connections of the whole machine.
 */
const [minInterval, maxInterval] = [1_000, 60_000]

/** The most marks of a peer that are kept while checks fail. */
const maxMarks = 32

/** Periods in an interval. Continuous writes to a vanished peer delay its discovery by up to a period. */
const periods = 8

/**
 * Finds peers that vanished without closing their connections. The kernel is queried only about peers that were written
 * to and have sent nothing since, and once more when a peer that did send something has become quiet. A peer that it
 * reports as silent is checked again, and given up when it has acknowledged nothing for the stall timeout. A peer that
 * only refuses more bytes is not silent: see `Watch.blocked`.
 */
export class Vanished {
  /** Peers that were written to since the last check, and those that were silent then. */
  private unconfirmed = new TurnoverMap<Socket, Unconfirmed>()
  /** The peers of the check that is under way. */
  private checked = new TurnoverMap<Socket, Unconfirmed>()
  private readonly isDue = Effect.unsafeMakeLatch(false)
  private isChecking = false
  private checkedAt = -Infinity
  private dueAt = 0
  private stallMillis = 0
  private intervalMillis = maxInterval
  /** The current period. `Peer.writtenIn` and `Peer.heardIn` refer to it. */
  private period = 1
  private periodBegan = 0

  constructor(
    private readonly probe: ReachabilityProbe,
    private readonly watch: {
      /** The time that counts against deadlines. */
      readonly time: () => number
      /** Starts the ticks. */
      readonly awaken: () => void
      /** Whether the peer's socket takes nothing, so that another deadline applies. */
      readonly isBlocked: (peer: Peer) => boolean
    }
  ) {}

  configure(stallMillis: number) {
    this.stallMillis = stallMillis
    this.intervalMillis = Math.min(maxInterval, Math.max(minInterval, stallMillis / 2))
    this.dueAt = 0
  }

  /** Whether ticks are needed. */
  get isWatching(): boolean {
    return this.unconfirmed.size > 0 || this.isChecking
  }

  /**
   * The peer is about to be written to. Called for each batch, so it does almost nothing except on the first call in a
   * period.
   */
  writing(peer: Peer) {
    if (peer.writtenIn !== this.period) this.mark(peer)
  }

  /** The peer has sent something. */
  heard(peer: Peer) {
    peer.heardIn = this.period
  }

  private mark(peer: Peer) {
    const { socket } = peer
    const handed = this.probe.handed(socket)
    if (handed === undefined) return
    peer.writtenIn = this.period
    const mark = { time: this.watch.time(), handed }
    const before = this.unconfirmed.get(socket)
    if (before === undefined) {
      if (this.unconfirmed.size === 0) this.dueAt = Math.max(mark.time, this.checkedAt) + this.intervalMillis
      this.unconfirmed.set(socket, { peer, marks: [mark], silence: undefined })
      this.watch.awaken()
    } else if (before.silence === undefined) before.marks = [...before.marks, mark]
  }

  /** The peer's socket takes bytes again: the kernel may have taken every unacknowledged byte only now. */
  unblocked({ socket }: Peer) {
    const time = this.watch.time()
    for (const one of [this.unconfirmed.get(socket), this.checked.get(socket)]) {
      const [oldest] = one?.marks ?? []
      if (one === undefined || oldest === undefined) continue
      one.marks = [{ time, handed: oldest.handed }]
      if (one.silence !== undefined) one.silence = { ...one.silence, since: time }
    }
  }

  /** The peer's connection is over. */
  forget({ socket }: Peer) {
    this.unconfirmed.delete(socket)
  }

  /** Decides whether a check is due. */
  tick(now: number) {
    if (now - this.periodBegan >= this.intervalMillis / periods) this.nextPeriod(now)
    if (this.isChecking || this.unconfirmed.size === 0 || now < this.dueAt) return
    for (const { peer } of this.unconfirmed.values()) if (this.isQuiet(peer)) return this.isDue.unsafeOpen()
    this.dueAt = now + this.intervalMillis / periods
  }

  /**
   * Whether the peer has sent nothing since it was last written to, or at least nothing for an interval: what the
   * server reads late may have been sent before that write.
   */
  private isQuiet({ heardIn, writtenIn }: Peer) {
    return heardIn <= Math.max(writtenIn, this.period - periods)
  }

  private nextPeriod(now: number) {
    this.period += 1
    this.periodBegan = now
  }

  /**
   * Waits until a check is due, and checks all unconfirmed peers. The result is for `conclude`, in the broker's turn.
   */
  readonly check: Effect.Effect<ReadonlyMap<Socket, Finding>> = Effect.suspend(() =>
    Effect.zipRight(
      this.isDue.await,
      Effect.suspend(() => {
        const sockets = this.begin()
        return Effect.catchAllDefect(
          Effect.suspend(() => this.probe.check(sockets)),
          (defect) =>
            Effect.as(
              Effect.logError("a defect in the check of unreachable clients", Cause.die(defect)),
              new Map(sockets.map((socket): [Socket, Finding] => [socket, "unknown"]))
            )
        )
      })
    )
  )

  private begin(): ReadonlyArray<Socket> {
    this.isDue.unsafeClose()
    this.isChecking = true
    this.checkedAt = this.watch.time()
    // Writes from now on are unconfirmed again, whatever the check finds.
    this.nextPeriod(this.checkedAt)
    this.checked = this.unconfirmed
    this.unconfirmed = new TurnoverMap()
    return [...this.checked.keys()]
  }

  /** Judges what a check has found. Returns the peers that have vanished, and keeps those that may have. */
  conclude(found: ReadonlyMap<Socket, Finding>): ReadonlyArray<VanishedPeer> {
    const vanished: Array<VanishedPeer> = []
    let deadline = Infinity
    for (const [socket, finding] of found) {
      const one = this.checked.get(socket)
      // This connection broke or ended while the check ran.
      if (one === undefined || one.peer.hasDeparted) continue
      const { peer } = one
      if (finding === "unknown") {
        this.keep(socket, one)
        deadline = Math.min(deadline, this.knownSince(one) + this.stallMillis)
        continue
      }
      one.silence = this.judge(one, finding)
      const since = one.silence === undefined || this.watch.isBlocked(peer) ? Infinity : one.silence.since
      if (this.checkedAt - since >= this.stallMillis) {
        this.unconfirmed.delete(socket)
        vanished.push({ peer, unacknowledged: finding.unacknowledged })
        continue
      }
      if (one.silence === undefined) one.marks = [{ time: this.checkedAt, handed: finding.acknowledged.atMost }]
      this.keep(socket, one)
      deadline = Math.min(deadline, since + this.stallMillis)
    }
    this.checked = new TurnoverMap()
    this.isChecking = false
    const next = deadline === Infinity ? this.intervalMillis : this.intervalMillis / 2
    this.dueAt = this.checkedAt + Math.max(minInterval, Math.min(next, deadline - this.checkedAt))
    return vanished
  }

  /** Keeps watching a peer. Without its first marks, its bytes count as written later than they were. */
  private keep(socket: Socket, one: Unconfirmed) {
    one.marks = [...one.marks, ...(this.unconfirmed.get(socket)?.marks ?? [])].slice(-maxMarks)
    this.unconfirmed.set(socket, one)
  }

  /** The earliest time at which a peer that could not be checked may have fallen silent. */
  private knownSince({ marks, peer, silence }: Unconfirmed): number {
    return this.watch.isBlocked(peer) ? Infinity : (silence?.since ?? marks[0]?.time ?? Infinity)
  }

  /** When the peer's kernel fell silent; undefined if it was alive at the check. */
  private judge({ marks, silence }: Unconfirmed, transmission: Transmission): Silence | undefined {
    const { acknowledged, attempts, silentMillis } = transmission
    if (attempts === 0) return undefined
    const { atLeast, atMost } = acknowledged
    const known = this.checkedAt - silentMillis
    if (silence === undefined) {
      return { since: Math.min(known, this.writtenAt(marks, atMost)), acknowledged: atMost, attempts }
    }
    const hasProgressed = atLeast > silence.acknowledged || attempts < silence.attempts
    return hasProgressed
      ? { since: known, acknowledged: atMost, attempts }
      : { since: Math.min(known, silence.since), acknowledged: Math.min(silence.acknowledged, atMost), attempts }
  }

  /** The latest time at which the byte at this position may have been written. */
  private writtenAt(marks: ReadonlyArray<Mark>, position: number): number {
    const index = marks.findLastIndex(({ handed }) => handed <= position)
    const mark = marks[index]
    if (mark === undefined) return marks[0]?.time ?? this.checkedAt
    if (mark.handed === position) return mark.time
    return Math.min(mark.time + this.intervalMillis / periods, marks[index + 1]?.time ?? Infinity)
  }
}
