import * as Effect from "effect/Effect"
import type { AccountIndex } from "../accounts/AccountIndex.js"
import type { Registering } from "../accounts/AccountsContext.js"
import { DevicesElsewhere } from "../accounts/DevicesElsewhere.js"
import type { MakeFeature } from "../chat/Feature.js"
import { alone } from "../ports/OtherServers.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as HelloWord from "../protocol/HelloWord.js"
import type { SharedAccounts } from "./ChangesElsewhere.js"
import type { ConversationsStore } from "./ConversationsStore.js"
import { noRooms, type MakeRooms } from "./RoomsFeature.js"
import { RunningConversations } from "./RunningConversations.js"

export { prepare, type ConversationsStore } from "./ConversationsStore.js"

/**
 * Lines to accounts and rooms (protocol, sections 10 and 11). They are stored first, and then delivered to the
 * account's devices or to the clients in the room. An account and a room are recipients whose writer is the store.
 *
 * @param devices the devices connected to other servers of the same store, by default none
 * @param shared the accounts, if other servers use the store
 */
export const make = (
  prepared: ConversationsStore,
  accounts: AccountIndex,
  makeRooms: MakeRooms = noRooms,
  devices: DevicesElsewhere = new DevicesElsewhere(alone),
  shared?: SharedAccounts
): {
  readonly feature: MakeFeature
  /** In the broker's turn: an account was removed, and its undelivered lines return to their senders. */
  readonly removed: (toGuests: ReadonlyArray<Undelivered>, account: AccountId) => void
  readonly registering: Registering
} => {
  let conversations: RunningConversations | undefined = undefined
  const registering: Registering = (guest, account, take) => {
    // Only clients of a server that has started register.
    if (conversations === undefined) return Effect.dieMessage("the server of these conversations has not started")
    return conversations.rooms.registering(guest, account, take)
  }
  return {
    feature: (broker) => {
      const started = new RunningConversations(prepared, accounts, broker, makeRooms, devices, shared)
      const { rooms } = started
      const { kind, log } = prepared.store
      conversations = started
      return {
        words: HelloWord.kept,
        commands: [...started.commands, ...(rooms.commands ?? [])],
        resolvers: [started, ...(rooms.resolvers ?? [])],
        lookAlike: (name) => started.lookAlike(name),
        ...(rooms.absence === undefined ? {} : { absence: rooms.absence }),
        facts: (peer) => ({ store: kind, log, ...rooms.facts?.(peer), ...started.facts }),
        run: started.run,
        joined: (peer) => started.joined(peer),
        left: (peer) => started.left(peer),
        ended: (peer) => started.ended(peer),
        cutOff: () => started.cutOff()
      }
    },
    removed: (toGuests, account) => conversations?.removed(toGuests, account),
    registering
  }
}
