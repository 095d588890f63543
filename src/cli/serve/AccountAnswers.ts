import * as Effect from "effect/Effect"
import type { AccountOperations } from "../../accounts/AccountOperations.js"
import type { Store } from "../../ports/Store.js"
import type { StoreError } from "../../ports/StoreError.js"
import type { ControlAnswer } from "./ControlAnswer.js"
import type { AccountRequest } from "./ControlRequest.js"

/** Carries out a request about accounts on a running server or its store. Fails with a sentence for the operator. */
export const run = (
  operations: AccountOperations,
  request: AccountRequest
): Effect.Effect<Omit<ControlAnswer, "ok">, string> =>
  Effect.mapError(answer(operations, request), (error) => ("impossible" in error ? error.impossible : error.message))

/** The same on the store of a stopped server. */
export const runOffline = (request: AccountRequest): Effect.Effect<Omit<ControlAnswer, "ok">, string, Store> =>
  Effect.gen(function* () {
    const Accounts = yield* Effect.promise(() => import("../../accounts/Accounts.js"))
    return yield* run(yield* Effect.mapError(Accounts.offline, ({ message }) => message), request)
  })

const answer = (
  { add, free, list, password, remove }: AccountOperations,
  request: AccountRequest
): Effect.Effect<Omit<ControlAnswer, "ok">, { readonly impossible: string } | StoreError> => {
  switch (request._tag) {
    case "ListAccounts":
      return Effect.map(list, (accounts) => ({ accounts }))
    case "AddAccount":
      return Effect.as(add(request.name, request.password), { account: "added", name: request.name })
    case "SetPassword":
      return Effect.as(password(request.name, request.password), { account: "password", name: request.name })
    case "RemoveAccount":
      return Effect.as(remove(request.name), { account: "removed", name: request.name })
    case "FreeAccount":
      return Effect.as(free(request.name), { account: "freed", name: request.name })
  }
}
