import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccountOperations } from "../../accounts/AccountOperations.js"
import type { AccountsSettings } from "../../accounts/AccountsSettings.js"
import type { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { Store, type StoreService } from "../../ports/Store.js"
import type { TransportError } from "../../ports/Transport.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as ExitStatus from "../ExitStatus.js"
import * as StoreFlags from "./StoreFlags.js"

/** What the operator can do to the accounts of this server; nothing where it has no store. */
export class RunningAccounts extends Context.Tag("a-chat/RunningAccounts")<
  RunningAccounts,
  AccountOperations | undefined
>() {}

/** The store of this server, if it has one. */
export class RunningStore extends Context.Tag("a-chat/RunningStore")<RunningStore, StoreService | undefined>() {}

type Services = Server.Server | RunningAccounts | RunningStore

/** The server, with accounts if it has a store. */
export const serving = (
  store: string | undefined,
  limits: StoreLimits,
  settings: LiveSource<AccountsSettings>,
  options: Server.ServerOptions
): Layer.Layer<Services, TransportError | ExitStatus.Failure, Server.Ports> =>
  store === undefined
    ? Layer.mergeAll(
        Server.layer(options),
        Layer.succeed(RunningAccounts, undefined),
        Layer.succeed(RunningStore, undefined)
      )
    : Layer.provide(withAccounts(settings, options), StoreFlags.layer(store, limits))

const withAccounts = (settings: LiveSource<AccountsSettings>, options: Server.ServerOptions) =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      // Imported only here: a server without a store needs none of it.
      const [Accounts, Conversations] = yield* Effect.promise(() =>
        Promise.all([import("../../accounts/Accounts.js"), import("../../conversations/Conversations.js")])
      )
      const store = yield* Store
      const prepared = Conversations.prepare(store)
      const { admission, feature, index, operations } = yield* Accounts.make({
        settings,
        removed: (toGuests) => conversations.removed(toGuests)
      }).pipe(Effect.provideService(Store, prepared.store), Effect.mapError(ExitStatus.asMisuse))
      const conversations = Conversations.make(prepared, index)
      const features = [...(options.features ?? []), conversations.feature, feature]
      const server = Server.layer({ ...options, admission, features })
      return Layer.mergeAll(server, Layer.succeed(RunningAccounts, operations), Layer.succeed(RunningStore, store))
    })
  )
