import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { StoreService } from "../../src/ports/Store.js"
import type { AccountId } from "../../src/ports/StoreAccounts.js"
import { type StoreSharing } from "../../src/ports/StoreSharing.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"
import { defaults } from "./StoreFixtures.js"

/** Opens one new, empty store for another server, until the scope closes. */
export type OpenForServer = (limits: StoreLimits) => Effect.Effect<StoreService, unknown, Scope.Scope>

/** Makes a new, empty store that several servers can share. */
export type MakeShared = Effect.Effect<OpenForServer, unknown, Scope.Scope>

export interface Shared {
  readonly store: StoreService
  readonly sharing: StoreSharing
}

export const openShared = (open: OpenForServer, limits = defaults) =>
  Effect.map(open(limits), (store): Shared => {
    assert.isDefined(store.sharing)
    return { store, sharing: store.sharing }
  })

export const two = (make: MakeShared, limits = defaults) =>
  Effect.gen(function* () {
    const open = yield* make
    return [yield* openShared(open, limits), yield* openShared(open, limits)] as const
  })

/** Opens a store for a server that can end before the test. */
export const ending = (open: OpenForServer) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const shared = yield* Scope.extend(openShared(open), scope)
    return { ...shared, end: Scope.close(scope, Exit.void) }
  })

/** The changes of a log after one, and who has made them. */
export const logged = ({ changes }: StoreSharing, after = 0) =>
  Effect.map(changes(after), (page) => {
    assert.isTrue(page.isComplete)
    return page.changes.map(({ by, change }) => ({ by, change }))
  })

export const openDevice = (
  { store }: Shared,
  account: AccountId,
  name: string,
  more: { maxDevices?: number; others?: ReadonlyArray<string>; takeFrom?: string; isAway?: boolean } = {}
) => store.accounts.openDevice(account, name, { maxDevices: 20, present: [], ...more })
