import * as Effect from "effect/Effect"
import type { StoreService } from "../ports/Store.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import { telling } from "./ChangesElsewhere.js"
import { Cursors } from "./Cursors.js"

/** A store, and what the devices of accounts have been given that it does not know yet. */
export interface ConversationsStore {
  readonly store: StoreService
  readonly cursors: Cursors
  /** For the parts that change the store: has the other servers that use it read what this one has changed. */
  readonly news: { tell: Effect.Effect<void> }
}

/**
 * Prepares a store for conversations. Accounts are to use the result as well: a new device starts at exact cursors, and
 * what was given does not return as undelivered when the recipient, the device or the line goes. A device goes on at
 * exact cursors where it connects to another server.
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
        // The next server that has one of them goes on where this one has saved that it is.
        left: (devices) =>
          plain.sharing === undefined ? left(devices) : saved(left(devices), ...devices.map(({ account }) => account)),
        openDevice: (...device) => saved(openDevice(...device), device[0]),
        remove: (account) => saved(remove(account), account)
      }
    }
  }
}
