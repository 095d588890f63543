import * as Either from "effect/Either"
import type { Entry } from "../ports/Cluster.js"
import { Burials } from "./Burials.js"
import * as Frame from "./Frame.js"
import { Heartbeats } from "./Heartbeats.js"
import * as Incarnation from "./Incarnation.js"
import { Leases } from "./Leases.js"
import type { MembershipEvents, MembershipOptions } from "./MembershipOptions.js"
import { PeerNode } from "./PeerNode.js"
import { protocolVersion } from "./ProtocolVersion.js"
import { Strangers } from "./Strangers.js"
import * as Term from "./Term.js"
import { WakeUp } from "./WakeUp.js"

/** What this node has learnt of another one: its latest incarnation. */
interface Known extends Pick<Incarnation.Lease, "incarnation" | "isAlive" | "termMillis"> {
  readonly peer: PeerNode | undefined
}

/**
 * How many renewals in a row must have succeeded before a suspended node goes on although a node that knew it has not
 * named it since. One that can be heard names it within a beat.
 */
const unheardRenewals = 4

/**
 * Which nodes are part of the cluster, and whether this one may write.
 *
 * A node has a lease, an entry in the directory. It may write while every other node has heard it lately (grants) and
 * its lease was renewed not too long ago, or while its lease was renewed lately. A node that is silent is buried: its
 * lease is swapped for a dead one, at the revision that it had while it was silent. So there is one decision about
 * every death, on which all agree: a renewal in time makes the burial fail, and a burial makes the renewal fail.
 */
export class Membership {
  incarnation = Incarnation.after(undefined, 0, () => 0)
  private readonly known = new Map<string, Known>()
  private readonly byIncarnation = new Map<string, PeerNode>()

  private revision = 0
  private renewedAt = -Infinity
  private isRenewing = false
  /** Grants count only if the lease was renewed after this: when another node was lost. See `lose`. */
  private lossAt = -Infinity

  private readonly heartbeats = new Heartbeats()

  private state: "joining" | "active" | "suspended" | "replaced" | "left" = "joining"
  /** The next incarnation, if it is not known whether the directory has taken it. */
  private attempted: string | undefined = undefined
  /** Whether names have yet to be claimed again. */
  private isReclaiming = false
  /** Another node has taken this incarnation for lost: it does not write any more, and becomes a new one. */
  private isLost = false
  private suspendedAt = -Infinity
  /** How many renewals in a row have succeeded since then. */
  private renewals = 0
  /** A burial that an earlier incarnation of this node began may still be on its way. */
  private mayBuryLate = false
  private readonly leases: Leases
  private readonly burials: Burials
  private readonly wakeUp: WakeUp
  private readonly strangers: Strangers
  /** How often the machine has slept. */
  private sleeps = 0

  constructor(
    private readonly options: MembershipOptions,
    private readonly events: MembershipEvents
  ) {
    const { ask, directory, now, term, wall } = options
    this.leases = new Leases(directory, ask)
    this.burials = new Burials({
      leases: this.leases,
      now,
      peerOf: (incarnation) => this.peerOf(incarnation),
      learnt: (entry) => this.learnt(entry),
      isSuspended: () => this.isSuspended
    })
    this.wakeUp = new WakeUp(now, wall, term.bury, term.nap)
    this.strangers = new Strangers({ now, patience: term.suspect, read: (name) => this.identify(name) })
  }

  get peers(): Iterable<PeerNode> {
    return this.byIncarnation.values()
  }

  /** The other node of this incarnation, if it is part of the cluster. */
  peerOf(incarnation: string): PeerNode | undefined {
    return this.byIncarnation.get(incarnation)
  }

  /** The age of the oldest grant, or of the last renewal if that is later, in milliseconds. */
  get grantAge(): number {
    const granted = this.byIncarnation.size === 0 ? this.renewedAt : Math.max(this.oldestGrant, this.renewedAt)
    return this.options.now() - granted
  }

  /** Whether names can be claimed for this incarnation. Not only in the broker's turn. */
  get canClaim(): boolean {
    return this.isReclaiming || !this.hasLapsed
  }

  /** After the lease of this incarnation was written: `started` is the time before that. */
  joined(incarnation: string, revision: number, started: number) {
    this.incarnation = incarnation
    this.revision = revision
    this.renewedAt = started
    this.state = "active"
  }

  /** This node writes nothing any more. Returns the lease that is to take the place of the one that it has, if any. */
  leave(): Incarnation.Lease | undefined {
    const hasLease = this.state === "active" || this.state === "suspended"
    this.state = "left" // from now on, no burial begins
    if (!hasLease) return undefined
    const { incarnation } = this
    return { incarnation, isAlive: false, hasLeft: !this.mayBury, termMillis: this.options.term.bury }
  }

  private get mayBury(): boolean {
    return this.mayBuryLate || [...this.peers].some(({ burial }) => burial !== undefined)
  }

  /**
   * What is known of an incarnation of a node. Undefined: nothing, and its lease has to be read.
   */
  isAlive(node: string, incarnation: string): boolean | undefined {
    const latest = node === this.options.self ? { incarnation: this.incarnation, isAlive: true } : this.known.get(node)
    if (latest === undefined || latest.incarnation < incarnation) return undefined
    return latest.incarnation === incarnation && latest.isAlive
  }

  /** Whether this node must not write. Finds out by itself: the timers of a process that slept are late. */
  get isSuspended(): boolean {
    const hasLapsed = this.hasLapsed
    if (hasLapsed && this.state === "active") this.suspend()
    return hasLapsed
  }

  private get hasLapsed(): boolean {
    if (this.state !== "active") return true
    this.noticeSleep()
    return this.options.now() >= this.writesUntil
  }

  private get writesUntil(): number {
    const { slowWrite, write } = this.options.term
    const byRenewal = this.renewedAt + write
    if (this.renewedAt <= this.lossAt) return byRenewal
    return Math.max(byRenewal, Math.min(this.oldestGrant + write, this.renewedAt + slowWrite))
  }

  private get oldestGrant(): number {
    let oldest = Infinity
    for (const { grantedAt } of this.peers) oldest = Math.min(oldest, grantedAt)
    return oldest
  }

  /**
   * After a sleep, no clock of this process shows how old grants and renewals are; nor those that were asked for
   * before.
   */
  private noticeSleep() {
    if (!this.wakeUp.hasSlept()) return
    this.sleeps += 1
    this.renewedAt = -Infinity
    this.renewals = 0
    this.heartbeats.forget()
    for (const peer of this.peers) peer.grantedAt = -Infinity
  }

  private suspend() {
    this.state = "suspended"
    this.suspendedAt = this.options.now()
    this.renewals = 0
    this.events.suspended()
  }

  /** To be called every `Term.beat`. */
  tick() {
    if (this.state !== "active" && this.state !== "suspended") return
    const { isSuspended } = this
    if (!this.options.isUp()) return
    this.sendHeartbeat()
    for (const peer of Array.from(this.peers)) this.burials.watch(peer, isSuspended)
    if (this.needsRenewal(isSuspended)) this.renew()
  }

  private sendHeartbeat() {
    const number = this.heartbeats.next(this.options.now())
    const heard = new Map<string, number>()
    for (const { beat, burial, incarnation } of this.peers) heard.set(incarnation, burial === undefined ? beat : 0)
    this.options.broadcast(Frame.heartbeat(this.incarnation, number, heard, this.options.self))
  }

  /** A heartbeat of another node. */
  heard({ from, number }: Frame.Header, frame: Uint8Array) {
    const peer = this.peerOf(from)
    if (peer === undefined) return this.strangers.heard(Frame.nameIn(frame), from)
    peer.heardAt = this.options.now()
    peer.beat = Math.max(peer.beat, number)
    if (peer.burial === undefined) peer.suspicion = undefined
    const beat = Frame.heardOf(frame, this.incarnation)
    if (beat === undefined) return peer.knowsUs && number === peer.beat ? this.noticeLoss() : undefined
    peer.knowsUs = true
    peer.grantedAt = Math.max(peer.grantedAt, this.heartbeats.sentAt(beat))
    if (this.renewals > 0 && !this.isReclaiming) this.resume()
  }

  /**
   * A node that knew this one does not name it any more: it has taken it for lost, whatever the directory says. NATS
   * servers (2.9.22) were seen to forget a burial, and to accept the next renewal of the node that was buried.
   */
  private noticeLoss() {
    this.isLost = true
    if (this.state === "active") this.suspend()
  }

  /**
   * Reads the lease of a node that is heard but is not a peer. If it was taken for lost and its lease is alive all the
   * same, it is buried again; if it has another incarnation than this node knows, it appears.
   */
  private identify(name: string) {
    const isMember = this.state === "active" || this.state === "suspended"
    if (!isMember || name === "" || name === this.options.self) return
    this.leases.read(name, (answer) => {
      if (Either.isRight(answer) && answer.right !== undefined) this.learnt(answer.right)
    })
  }

  private needsRenewal(isSuspended: boolean): boolean {
    if (this.isRenewing) return false
    if (isSuspended || this.renewedAt <= this.lossAt) return true
    const now = this.options.now()
    const { renew, slowRenew } = this.options.term
    return now - this.renewedAt >= (now - this.oldestGrant >= renew ? (renew * 2) / 3 : slowRenew)
  }

  private renew() {
    this.isRenewing = true
    const started = this.start()
    const { incarnation } = this
    this.leases.swap(
      this.options.self,
      this.revision,
      { incarnation, isAlive: true, termMillis: this.options.term.bury },
      (answer) => {
        this.isRenewing = false
        const { renewals } = this
        this.renewals = 0
        if (Either.isLeft(answer)) return // it may have been done: the next one finds another revision then
        if (answer.right === undefined) return this.readOwnLease()
        this.revision = answer.right
        if (this.isLost) return this.beReborn(answer.right, undefined)
        this.renewedAt = started()
        this.renewals = renewals + 1
        if (this.state === "suspended" && !this.isReclaiming) this.resume()
      }
    )
  }

  /** A renewal begins: returns when it began, by the time that it is done. */
  private start(): () => number {
    const started = this.options.now()
    const { sleeps } = this
    return () => {
      this.noticeSleep()
      return sleeps === this.sleeps ? started : -Infinity
    }
  }

  private resume() {
    this.noticeSleep()
    if (this.state !== "suspended" || this.isLost || !this.isNamed || this.options.now() >= this.writesUntil) return
    this.state = "active"
    // The others may have seemed silent because this node was cut off.
    for (const peer of this.peers) {
      peer.heardAt = this.options.now()
      peer.suspicion = undefined
    }
    this.events.resumed()
  }

  /**
   * Nobody can have buried this node, or those that knew it name it still. A renewal alone does not prove that, because
   * NATS may have forgotten the burial; see `noticeLoss`. Those that are not heard are not waited for without end: two
   * nodes may be cut off from each other, and neither may bury the other one while it is suspended.
   */
  private get isNamed(): boolean {
    if (this.options.now() < this.oldestGrant + this.options.term.bury || this.renewals >= unheardRenewals) return true
    for (const peer of this.peers) if (peer.knowsUs && peer.grantedAt < this.suspendedAt) return false
    return true
  }

  /** The lease has another revision than this node knows. */
  private readOwnLease() {
    this.isRenewing = true
    this.leases.read(this.options.self, (answer) => {
      this.isRenewing = false
      if (Either.isRight(answer)) this.foundOwnLease(answer.right)
    })
  }

  /**
   * That the lease is alive in the directory is no renewal: only a swap proves that no burial succeeds with an older
   * reading.
   */
  private foundOwnLease(entry: Entry | undefined) {
    const lease = Incarnation.leaseIn(entry)
    // The engine has lost its entries, or the last ones. Nobody can have buried a node that may write.
    const isForgotten = lease === undefined || lease.incarnation < this.incarnation
    if ((isForgotten && !this.isSuspended) || (lease?.incarnation === this.incarnation && lease.isAlive)) {
      this.revision = entry?.revision ?? 0
      return this.renew()
    }
    if (!this.isSuspended) this.suspend()
    const revision = entry?.revision ?? 0
    if (lease?.isAlive !== true) return this.beReborn(revision, lease?.incarnation)
    return isForgotten || lease.incarnation === this.attempted ? this.beReborn(revision, undefined) : this.beReplaced()
  }

  private beReplaced() {
    this.state = "replaced"
    this.events.replaced()
  }

  /** This node was buried: what the others were sent is settled, and it starts again as a new one. */
  private beReborn(revision: number, buried: string | undefined) {
    // An attempt without a known outcome may still be carried out: it is repeated until it succeeds or is buried too.
    if (this.attempted === undefined || this.attempted === buried) {
      const latest = buried === undefined || buried < this.incarnation ? this.incarnation : buried
      this.attempted = Incarnation.after(latest, this.options.wall(), this.options.random)
    }
    const incarnation = this.attempted
    const started = this.start()
    this.isRenewing = true
    this.leases.swap(
      this.options.self,
      revision,
      { incarnation, isAlive: true, termMillis: this.options.term.bury },
      (answer) => {
        this.isRenewing = false
        // Otherwise the next renewal fails, and reads the lease again.
        if (Either.isLeft(answer) || answer.right === undefined) return
        const written = answer.right
        this.events.bearing(() => this.born(incarnation, written, started()))
      }
    )
  }

  private born(incarnation: string, revision: number, started: number) {
    const others = Array.from(this.peers)
    this.mayBuryLate = this.mayBury
    this.byIncarnation.clear()
    for (const peer of others) this.events.lost(peer)
    this.incarnation = incarnation
    this.isLost = false
    this.attempted = undefined
    this.revision = revision
    this.renewedAt = started
    this.lossAt = -Infinity
    this.heartbeats.restart()
    this.isReclaiming = true
    this.events.reborn()
    for (const [name, lease] of Array.from(this.known))
      if (lease.isAlive && lease.peer !== undefined) this.add(name, lease)
  }

  /** The names of the new incarnation were claimed. */
  reclaimed(incarnation: string) {
    if (incarnation !== this.incarnation || !this.isReclaiming) return
    this.isReclaiming = false
    this.resume()
  }

  /** An entry of the table of nodes, as read from the directory or reported by its watch. */
  learnt({ key, revision, value }: Entry) {
    const lease = Incarnation.parseLease(value)
    if (lease === undefined) return
    if (key === this.options.self) return this.learntOwn(lease)
    const known = this.known.get(key)
    if (known !== undefined && lease.incarnation < known.incarnation)
      return this.learntEarlier(key, revision, lease, known)
    if (known?.incarnation === lease.incarnation) {
      if (!known.isAlive) return lease.isAlive ? this.burials.buryAgain(key, revision, lease) : undefined
      if (lease.isAlive) return this.burials.moved(known.peer, revision)
    }
    if (known?.peer !== undefined) this.lose(known.peer, lease.incarnation === known.incarnation && lease.hasLeft)
    const { incarnation, isAlive, termMillis } = lease
    this.known.set(key, { incarnation, isAlive, termMillis, peer: undefined })
    if (isAlive && lease.version === protocolVersion) this.add(key, lease)
    else if (isAlive) this.events.otherVersion(key, lease.version)
  }

  /**
   * An entry of an earlier incarnation than the latest one that is known: an old reading, or the engine has gone back
   * to it. Then its process may go on, and renews it, but it has had its successor.
   */
  private learntEarlier(name: string, revision: number, { isAlive }: Incarnation.Lease, known: Known) {
    const { peer } = known
    if (peer?.suspicion?.isForgotten === true) peer.suspicion = { ...peer.suspicion, revision }
    if (isAlive && !known.isAlive) this.burials.buryAgain(name, revision, known)
  }

  /**
   * The node that ended this incarnation made sure first that it does not write, unless the engine lost its entries:
   * the next renewal finds out what has become of this node.
   */
  private learntOwn({ incarnation, isAlive }: Incarnation.Lease) {
    if (this.state !== "active" && this.state !== "suspended") return
    // Even if the engine forgets that again.
    if (incarnation === this.incarnation && !isAlive) return this.noticeLoss()
    if (incarnation > this.incarnation && this.state === "active") this.suspend()
  }

  private add(name: string, { incarnation, termMillis }: Pick<Incarnation.Lease, "incarnation" | "termMillis">) {
    const { now, term } = this.options
    const peer = new PeerNode(name, incarnation, Term.longer(term, termMillis), now())
    this.known.set(name, { incarnation, isAlive: true, termMillis, peer })
    this.byIncarnation.set(incarnation, peer)
    this.events.appeared(peer)
  }

  /**
   * Its grants are no longer waited for. A burial of this node that it began before its death may still arrive at the
   * directory: a renewal that begins now makes that one fail, and only then the grants of the others are enough again.
   * A node that has left in order (`hasLeft`) has none on its way.
   */
  private lose(peer: PeerNode, hasLeft: boolean) {
    if (!this.byIncarnation.delete(peer.incarnation)) return
    if (!hasLeft) this.lossAt = this.options.now()
    this.events.lost(peer)
  }
}
