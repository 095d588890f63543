import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccountOperations } from "../../accounts/AccountOperations.js"
import type { AccountsSettings } from "../../accounts/AccountsSettings.js"
import type { RoomOperations } from "../../rooms/RoomOperations.js"
import type { RoomsSettings } from "../../rooms/RoomsSettings.js"
import type { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { Store, type StoreService } from "../../ports/Store.js"
import type { TransportError } from "../../ports/Transport.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as ExitStatus from "../ExitStatus.js"
import * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"

/** The thread that hashes passwords. The build puts it beside the program. */
const hashThread = () => new URL("hash-thread.cjs", import.meta.url)

/** What the operator can do to the accounts of this server; nothing where it has no store. */
export class RunningAccounts extends Context.Tag("a-chat/RunningAccounts")<
  RunningAccounts,
  AccountOperations | undefined
>() {}

/** The store of this server, if it has one. */
export class RunningStore extends Context.Tag("a-chat/RunningStore")<RunningStore, StoreService | undefined>() {}

/** What the operator can do to the rooms of this server; nothing if they are off. */
export class RunningRooms extends Context.Tag("a-chat/RunningRooms")<RunningRooms, RoomOperations | undefined>() {}

type Services = Server.Server | RunningAccounts | RunningRooms | RunningStore

/** What a server with a store takes besides its limits. */
export interface KeepingSettings {
  readonly accounts: LiveSource<AccountsSettings>
  readonly rooms: LiveSource<RoomsSettings>
}

/** The server, with accounts if it has a store, and with rooms unless they are off. */
export const serving = (
  store: string | undefined,
  storeOptions: StoreFlags.OpenOptions & { readonly limits: StoreLimits },
  settings: KeepingSettings,
  options: Server.ServerOptions
): Layer.Layer<Services, TransportError | ExitStatus.Failure, Server.Ports> => {
  if (store !== undefined) return Layer.provide(withAccounts(settings, options), StoreFlags.layer(store, storeOptions))
  const { rooms } = settings
  const isPlain = rooms.current.mode === "off"
  return Layer.mergeAll(
    isPlain
      ? Layer.merge(Server.layer(options), Layer.succeed(RunningRooms, undefined))
      : withRoomsOnly(rooms, RoomFlags.limitsWithoutStore(storeOptions.limits), options),
    Layer.succeed(RunningAccounts, undefined),
    Layer.succeed(RunningStore, undefined)
  )
}

/** Rooms in memory, and nothing else that is kept. */
const withRoomsOnly = (rooms: LiveSource<RoomsSettings>, limits: StoreLimits, options: Server.ServerOptions) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      // Imported only here, because a server without rooms needs none of it.
      const [{ AccountIndex }, Conversations, Rooms] = yield* Effect.promise(() =>
        Promise.all([
          import("../../accounts/AccountIndex.js"),
          import("../../conversations/Conversations.js"),
          import("../../rooms/Rooms.js")
        ])
      )
      const prepared = Conversations.prepare(yield* StoreFlags.open("memory", { limits }))
      const nobody = new AccountIndex([])
      const made = yield* Effect.orDie(Rooms.make({ store: prepared.store, accounts: nobody, settings: rooms }))
      const { feature } = Conversations.make(prepared, nobody, made.feature)
      return Layer.merge(
        Server.layer({ ...options, features: [...(options.features ?? []), feature] }),
        Layer.succeed(RunningRooms, made.operations)
      )
    })
  )

const withAccounts = ({ accounts: settings, rooms }: KeepingSettings, options: Server.ServerOptions) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      // Imported only here: a server without a store needs none of it.
      const [Accounts, HashThreads, Verification, Conversations] = yield* Effect.promise(() =>
        Promise.all([
          import("../../accounts/Accounts.js"),
          import("../../accounts/HashThreads.js"),
          import("../../accounts/Verification.js"),
          import("../../conversations/Conversations.js")
        ])
      )
      const store = yield* Store
      const prepared = Conversations.prepare(store)
      const { admission, feature, index, operations } = yield* Accounts.make({
        settings,
        derive: yield* HashThreads.make({ file: hashThread(), most: Verification.defaultThreads }),
        removed: (toGuests, account) => conversations.removed(toGuests, account),
        registering: (guest, account, take) => conversations.registering(guest, account, take)
      }).pipe(Effect.provideService(Store, prepared.store), Effect.mapError(ExitStatus.asMisuse))
      const made =
        rooms.current.mode === "off"
          ? undefined
          : yield* Effect.flatMap(
              Effect.promise(() => import("../../rooms/Rooms.js")),
              (Rooms) => Rooms.make({ store: prepared.store, accounts: index, settings: rooms })
            ).pipe(Effect.mapError(ExitStatus.asMisuse))
      const conversations = Conversations.make(prepared, index, made?.feature)
      const features = [...(options.features ?? []), conversations.feature, feature]
      const server = Server.layer({ ...options, admission, features })
      return Layer.mergeAll(
        server,
        Layer.succeed(RunningAccounts, operations),
        Layer.succeed(RunningRooms, made?.operations),
        Layer.succeed(RunningStore, store)
      )
    })
  )
