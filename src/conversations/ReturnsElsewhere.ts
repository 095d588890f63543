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
 * Lines that return may be found by any server of a store, and each server notifies the senders that are connected to
 * it. The other servers read the returns in the log of changes, which records them together with the removal. So they
 * are not lost if the server that found them fails or another one is cut off. Called in the broker's turn.
 */
export class ReturnsElsewhere {
  constructor(private readonly broker: Collaborators) {}

  /** @param senders the accounts that may have returns; undefined for all */
  found(toGuests: ReadonlyArray<Undelivered>, senders: ReadonlyArray<AccountId> | undefined) {
    this.broker.returns.tell(toGuests)
    this.check(senders)
  }

  /** There may be returns for these accounts; undefined for all that have a device here. */
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
   * While this server was presumed lost, lines that are still in its outboxes may have been returned to their senders.
   * They must not be written any more, so the connection is closed. When its device reconnects, it is notified of the
   * gap.
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
   * The log of changes no longer has all returns. Guests whose lines may be among them are disconnected, as if this
   * server had been lost.
   */
  reload() {
    for (const guest of this.broker.returns.guests) this.broker.breakOff(guest, "connection-lost")
    this.check(undefined)
  }
}
