import * as CloseReason from "../protocol/CloseReason.js"
import * as FatalReply from "../protocol/FatalReply.js"
import { concerns, type Ban, type Bans } from "./Bans.js"
import type { BanSubject } from "./BanSubject.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Names } from "./Names.js"
import type { Peer } from "./Peer.js"

interface Collaborators {
  readonly bans: Bans
  readonly breakOff: (peer: Peer, reason: CloseReason.CloseReason) => void
  readonly lifecycle: Lifecycle
  readonly names: Names
  readonly now: () => number
}

/** What the operator does to clients. Runs in the broker's turn. */
export class Moderation {
  constructor(private readonly broker: Collaborators) {}

  /**
   * Disconnects the client with this name in wire form, or with one that looks the same. Several clients that only send
   * may share a name: then all of them. Returns false if there is none.
   */
  kick(name: string): boolean {
    const found = this.alike(name)
    for (const peer of found) this.expel(peer, peer.device === undefined ? FatalReply.kicked : FatalReply.kickedDevice)
    return found.length > 0
  }

  /** Bans a subject, and disconnects the clients that the ban concerns. Returns their number. */
  ban(subject: BanSubject, millis: number | undefined): number {
    const { bans, now } = this.broker
    bans.add(subject, now() + (millis ?? Infinity))
    // Clients that an earlier ban is still disconnecting do not count.
    let closed = 0
    for (const peer of this.peersOf(subject)) {
      const refusal = bans.ofPeer(peer)
      if (refusal === undefined) continue
      closed += 1
      this.expel(peer, refusal)
    }
    return closed
  }

  unban(subject: BanSubject): boolean {
    return this.broker.bans.remove(subject)
  }

  get bans(): ReadonlyArray<Ban> {
    return this.broker.bans.all
  }

  /** The connected clients whose names are this one, or look the same. */
  alike(name: string): ReadonlyArray<Peer> {
    return this.broker.names.alike(name)
  }

  /** The connected clients that a subject concerns. */
  private peersOf(subject: BanSubject): ReadonlyArray<Peer> {
    if (subject._tag === "Name") return this.alike(subject.name)
    return [...this.broker.lifecycle.peers].filter(concerns(subject))
  }

  /**
   * Ends a connection with this line. A connection that is already ending can only be broken off. The exception is one
   * that is already being expelled: it gets the earlier line, within the same time.
   */
  expel(peer: Peer, fatal: FatalReply.Fatal) {
    const { breakOff, lifecycle } = this.broker
    const { ended } = peer.outbox
    if (ended === undefined) lifecycle.expel(peer, fatal)
    else if (!CloseReason.isExpulsion(ended)) breakOff(peer, fatal.reason)
  }
}
