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
   * Disconnects the client with this name in wire form, or with one that looks the same: all such clients if they only
   * send. False if there is none.
   */
  kick(name: string): boolean {
    const found = this.alike(name)
    for (const peer of found) this.expel(peer, peer.device === undefined ? FatalReply.kicked : FatalReply.kickedDevice)
    return found.length > 0
  }

  /** Bans a subject, and disconnects the clients that it concerns. Returns how many these are. */
  ban(subject: BanSubject, millis: number | undefined): number {
    const { bans, now } = this.broker
    bans.add(subject, now() + (millis ?? Infinity))
    // Not everybody who is banned: a client that an earlier ban concerns may still be getting its last line.
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
   * Ends a connection with this line. A connection that is ending already can only be broken off, unless it is being
   * disconnected: it then gets the first such line, and has no more time for that than for this one.
   */
  expel(peer: Peer, fatal: FatalReply.Fatal) {
    const { breakOff, lifecycle } = this.broker
    const { ended } = peer.outbox
    if (ended === undefined) lifecycle.expel(peer, fatal)
    else if (!CloseReason.isExpulsion(ended)) breakOff(peer, fatal.reason)
  }
}
