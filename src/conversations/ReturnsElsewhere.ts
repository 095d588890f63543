import type { Message, OtherServers, OtherServersPart } from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import type { Returns } from "./Returns.js"

/** Most returns in one message to other servers. */
const maxReturns = 500

interface Collaborators {
  readonly others: OtherServers
  readonly returns: Returns
  /** The accounts with a device here. */
  readonly accounts: () => Iterable<AccountId>
}

/** Lines that return, found by any server of a store: each server tells the senders that are connected to it. */
export class ReturnsElsewhere {
  private readonly part: OtherServersPart

  constructor(private readonly broker: Collaborators) {
    this.part = broker.others.part("returns", { received: (_server, message) => this.received(message) })
  }

  /** @param senders accounts that may have to be told of returns; undefined: all */
  tell(toGuests: ReadonlyArray<Undelivered>, senders: ReadonlyArray<AccountId> | undefined) {
    this.broker.returns.tell(toGuests)
    this.check(senders)
    if (toGuests.length === 0 && senders?.length === 0) return
    for (let from = 0; from === 0 || from < toGuests.length; from += maxReturns) {
      const some = toGuests.slice(from, from + maxReturns)
      this.part.send([some as unknown as Message, from === 0 ? (senders ?? null) : []]) // plain data
    }
  }

  /** There may be something to tell these accounts; undefined: all that have a device here. */
  check(senders: ReadonlyArray<AccountId> | undefined) {
    for (const sender of senders ?? []) this.broker.returns.check(sender)
    if (senders !== undefined) return
    for (const account of this.broker.accounts()) this.broker.returns.check(account)
  }

  /** Another server has found lines that return. */
  private received(message: Message) {
    const [toGuests, senders] = message as unknown as [ReadonlyArray<Undelivered>, ReadonlyArray<AccountId> | null]
    this.broker.returns.tell(toGuests, true)
    this.check(senders ?? undefined)
  }
}
