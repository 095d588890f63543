import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreService } from "../../src/ports/Store.js"
import type { StoreOpenError } from "../../src/ports/StoreError.js"

/**
 * The reason and the message of a store that is not opened. Not with `Effect.flip`: the store that is opened would
 * become an error, which the test runner prints for minutes, and no mutant would be found in time.
 */
export const refusalOf = (opened: Effect.Effect<StoreService, StoreOpenError, Scope.Scope>) =>
  Effect.match(Effect.scoped(opened), {
    onFailure: ({ message, reason }): ReadonlyArray<string> => [reason, message],
    onSuccess: () => ["it was opened"]
  })
