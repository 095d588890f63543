import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import { telling } from "./ChangesElsewhere.js"
import { Cursors } from "./Cursors.js"

/** A store, and the positions of devices that are not saved in it yet. */
export interface ConversationsStore {
  readonly store: StoreService
  readonly cursors: Cursors
  /** Notifies the other servers of the store that this one has changed it. For the parts that change it. */
  readonly news: { tell: Effect.Effect<void> }
}

/**
 * Prepares a store for conversations. Accounts must use the result as well: it saves cursors before a device is opened
 * and before an account, a device or a line is removed. Otherwise a new device would start at an old cursor, and lines
 * that were delivered would return as undelivered. A device that connects to another server continues at exact cursors.
 */
export const prepare = (given: StoreService): ConversationsStore => {
  const cursors = new Cursors()
  const news = { tell: Effect.void }
  const plain =
    given.sharing === undefined
      ? given
      : telling(
          given,
          Effect.suspend(() => news.tell)
        )
  const { forget, left, openDevice, remove } = plain.accounts
  const saved = <A>(request: Effect.Effect<A, StoreError>, ...accounts: ReadonlyArray<AccountId>) =>
    Effect.zipRight(cursors.save(plain, ...accounts), request)
  return {
    cursors,
    news,
    store: {
      ...plain,
      retain: (...step) => saved(plain.retain(...step)),
      accounts: {
        ...plain.accounts,
        forget: (...device) => saved(forget(...device), device[0]),
        // The next server that has one of these devices continues at the cursors that this one has saved.
        left: (devices) =>
          plain.sharing === undefined ? left(devices) : saved(left(devices), ...devices.map(({ account }) => account)),
        openDevice: (...device) => saved(openDevice(...device), device[0]),
        remove: (account) => saved(remove(account), account)
      }
    }
  }
}
