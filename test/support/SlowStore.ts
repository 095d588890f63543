import * as Effect from "effect/Effect"
import type { StoreService } from "../../src/ports/Store.js"
import { StoreError } from "../../src/ports/StoreError.js"
import { turns } from "./Turns.js"

export interface Troubles {
  /** How many turns of the event loop the next request takes. */
  readonly delay: () => number
  /** Whether the next request that writes fails. */
  readonly fails: () => boolean
  /** Whether no request is carried out for now. Default: false. */
  readonly isStuck?: () => boolean
}

/**
 * A store that carries out one request after the other, as a worker does: each at the end of its time, and what was
 * asked meanwhile after it.
 */
export const slow =
  ({ delay, fails, isStuck = () => false }: Troubles) =>
  (store: StoreService): StoreService => {
    const one = Effect.unsafeMakeSemaphore(1)
    const later = <A, E>(request: Effect.Effect<A, E>) =>
      one.withPermits(1)(
        Effect.suspend(() => turns(delay())).pipe(
          Effect.zipRight(Effect.repeat(turns(1), { while: isStuck })),
          Effect.zipRight(request)
        )
      )
    const writing = <A>(request: Effect.Effect<A, StoreError>) =>
      later(
        Effect.suspend(() =>
          fails()
            ? Effect.fail(new StoreError({ reason: "unavailable", description: "as the test wants it" }))
            : request
        )
      )
    const { accounts } = store
    return {
      ...store,
      append: (lines, cursors) => writing(store.append(lines, cursors)),
      saveCursors: (cursors) => writing(store.saveCursors(cursors)),
      page: (request) => later(store.page(request)),
      waiting: (account, device) => later(store.waiting(account, device)),
      accounts: { ...accounts, openDevice: (...device) => writing(accounts.openDevice(...device)) }
    }
  }
