import type { CloseReason } from "../protocol/CloseReason.js"
import * as Reply from "../protocol/Reply.js"
import type { Ban, Bans } from "./Bans.js"
import type { BanSubject } from "./BanSubject.js"
import type { Lifecycle } from "./Lifecycle.js"
import type { Names } from "./Names.js"
import type { Peer } from "./Peer.js"

interface Collaborators {
  readonly bans: Bans
  readonly breakOff: (peer: Peer, reason: CloseReason) => void
  readonly lifecycle: Lifecycle
  readonly names: Names
  readonly now: () => number
}

/** What the operator does to clients. Runs in the broker's turn. */
export class Moderation {
  constructor(private readonly broker: Collaborators) {}

  /** Disconnects the client with this name in wire form, or with one that looks the same; false if there is none. */
  kick(name: string): boolean {
    const peer = this.broker.names.holder(name)
    if (peer === undefined) return false
    this.expel(peer, Reply.kicked)
    return true
  }

  /** Bans a subject, and disconnects the clients that it concerns. Returns how many these are. */
  ban(subject: BanSubject, millis: number | undefined): number {
    const { bans, lifecycle, now } = this.broker
    bans.add(subject, now() + (millis ?? Infinity))
    let closed = 0
    for (const peer of lifecycle.peers) {
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

  /** A connection that has already had its last line can only be broken off. */
  private expel(peer: Peer, fatal: Reply.Fatal) {
    const { breakOff, lifecycle } = this.broker
    if (peer.outbox.ended === undefined) lifecycle.expel(peer, fatal)
    else breakOff(peer, fatal.reason)
  }
}
