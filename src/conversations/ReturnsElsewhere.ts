import type { FeatureContext } from "../chat/Feature.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { UndeliveredRange, Undelivered } from "../ports/StoreUpkeep.js"
import type { Feed } from "./Feed.js"
import type { Returns } from "./Returns.js"

interface Collaborators {
  readonly returns: Returns
  readonly feeds: () => Iterable<Feed>
  readonly breakOff: FeatureContext["breakOff"]
}

/**
 * Lines that return, found by any server of a store: each server notifies the senders that are connected to it. The
 * other ones read them in the log of changes, where they are as soon as the lines are removed: whatever happens to the
 * server that found them, and however long another one is cut off. In the broker's turn.
 */
export class ReturnsElsewhere {
  constructor(private readonly broker: Collaborators) {}

  /** @param senders accounts that may have to be notified of returns; undefined: all */
  found(toGuests: ReadonlyArray<Undelivered>, senders: ReadonlyArray<AccountId> | undefined) {
    this.broker.returns.tell(toGuests)
    this.check(senders)
  }

  /** There may be returns for these accounts; undefined: for all that have a device here. */
  check(senders: ReadonlyArray<AccountId> | undefined) {
    for (const sender of senders ?? []) this.broker.returns.check(sender)
    if (senders !== undefined) return
    for (const { device } of this.broker.feeds()) {
      if (device !== undefined) this.broker.returns.check(device.account)
    }
  }

  /** Another server has found lines that return. */
  take(returned: ReadonlyArray<UndeliveredRange>) {
    const { returns } = this.broker
    returns.tell(
      returned.filter(({ account }) => account === undefined),
      true
    )
    this.check(returned.flatMap(({ account }) => account ?? []))
    this.takeBack(returned)
  }

  /**
   * A server that was taken for lost was not asked what is in its outboxes. What has returned meanwhile must not be
   * written: the connection is closed, and its device is notified of the gap when it comes back.
   */
  private takeBack(returned: ReadonlyArray<UndeliveredRange>) {
    const last = new Map(returned.map(({ conversation, last }) => [conversation, last]))
    for (const { held, peer } of this.broker.feeds()) {
      if (peer.outbox.lines === 0) continue
      if (held.some(({ after, conversation }) => (last.get(conversation) ?? 0) > after)) {
        this.broker.breakOff(peer, "connection-lost")
      }
    }
  }

  /**
   * It is not known any more which lines have returned. Guests some of whose lines may have returned are disconnected,
   * as if this server had been lost.
   */
  reload() {
    for (const guest of this.broker.returns.guests) this.broker.breakOff(guest, "connection-lost")
    this.check(undefined)
  }
}
