import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { setImmediate } from "node:timers/promises"
import type { AccountOperations } from "../../accounts/AccountOperations.js"
import type { AccountsSettings } from "../../accounts/AccountsSettings.js"
import type { RoomOperations } from "../../rooms/RoomOperations.js"
import type { RoomsSettings } from "../../rooms/RoomsSettings.js"
import type { LiveSource } from "../../chat/Live.js"
import * as Server from "../../chat/Server.js"
import { alone, OtherServers } from "../../ports/OtherServers.js"
import { Store, type StoreService } from "../../ports/Store.js"
import type { TransportError } from "../../ports/Transport.js"
import type { StoreLimits } from "../../ports/StoreUpkeep.js"
import * as ExitStatus from "../ExitStatus.js"
import type { ClusterParts } from "./RunningCluster.js"
import * as RoomFlags from "./RoomFlags.js"
import * as StoreFlags from "./StoreFlags.js"

/** The thread that hashes passwords. The build puts it beside the program. */
const hashThread = () => new URL("hash-thread.cjs", import.meta.url)

/** The operator's actions on the accounts of this server; undefined without a store. */
export class RunningAccounts extends Context.Tag("a-chat/RunningAccounts")<
  RunningAccounts,
  AccountOperations | undefined
>() {}

/** The store of this server, if it has one. */
export class RunningStore extends Context.Tag("a-chat/RunningStore")<RunningStore, StoreService | undefined>() {}

/** The operator's actions on the rooms of this server; undefined if rooms are off. */
export class RunningRooms extends Context.Tag("a-chat/RunningRooms")<RunningRooms, RoomOperations | undefined>() {}

export type Services = Server.Server | RunningAccounts | RunningRooms | RunningStore

interface Running {
  readonly server: Server.ServerHandle
  readonly accounts?: AccountOperations | undefined
  readonly rooms?: RoomOperations | undefined
  readonly store?: StoreService | undefined
}

const servicesOf = ({ accounts, rooms, server, store }: Running): Context.Context<Services> =>
  Context.make(Server.Server, server).pipe(
    Context.add(RunningAccounts, accounts),
    Context.add(RunningRooms, rooms),
    Context.add(RunningStore, store)
  )

/** The settings of a server with a store besides its limits. */
export interface KeepingSettings {
  readonly accounts: LiveSource<AccountsSettings>
  readonly rooms: LiveSource<RoomsSettings>
}

/** Starts the server, with accounts if it has a store, and with rooms unless they are off. */
export const start = (
  store: string | undefined,
  storeOptions: StoreFlags.OpenOptions & { readonly limits: StoreLimits },
  settings: KeepingSettings,
  options: Server.ServerOptions,
  cluster: Pick<ClusterParts, "options" | "servers">
): Effect.Effect<Context.Context<Services>, TransportError | ExitStatus.Failure, Server.Ports | Scope.Scope> => {
  const { rooms } = settings
  const limits = RoomFlags.limitsWithoutStore(storeOptions.limits)
  const started =
    store !== undefined
      ? Effect.flatMap(
          Effect.all([StoreFlags.openMeasured(store, storeOptions), partsWithAccounts], { concurrency: "unbounded" }),
          ([store, parts]) => withAccounts(store, parts, settings, options, cluster)
        )
      : rooms.current.mode === "off"
        ? Effect.map(Server.make(cluster.options(options)), (server) => ({ server }))
        : withRoomsOnly(rooms, limits, options)
  return Effect.map(started, servicesOf)
}

/** The parts of a server that keeps only rooms, in memory. */
const withRoomsOnly = (rooms: LiveSource<RoomsSettings>, limits: StoreLimits, options: Server.ServerOptions) =>
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
    const server = yield* Server.make({ ...options, features: [...(options.features ?? []), feature] })
    return { server, rooms: made.operations }
  })

/**
 * The parts of a server with a store. Imported only here, because other servers need none of them. Meanwhile, the
 * store's thread starts and opens the file, so that is requested first (benchmark: start-up with a store, 5 ms).
 */
const partsWithAccounts = Effect.promise(async () => {
  await setImmediate()
  const [Accounts, HashThreads, Verification, Conversations, Rooms] = await Promise.all([
    import("../../accounts/Accounts.js"),
    import("../../accounts/HashThreads.js"),
    import("../../accounts/Verification.js"),
    import("../../conversations/Conversations.js"),
    import("../../rooms/Rooms.js")
  ])
  return { Accounts, HashThreads, Verification, Conversations, Rooms }
})

const withAccounts = (
  store: StoreService,
  { Accounts, Conversations, HashThreads, Rooms, Verification }: Effect.Effect.Success<typeof partsWithAccounts>,
  { accounts: settings, rooms }: KeepingSettings,
  options: Server.ServerOptions,
  cluster: Pick<ClusterParts, "options" | "servers">
) =>
  Effect.gen(function* () {
    const prepared = Conversations.prepare(store)
    const accounts = yield* Accounts.make({
      settings,
      derive: yield* HashThreads.make({ file: hashThread(), most: Verification.defaultThreads }),
      removed: (toGuests, account) => conversations.removed(toGuests, account),
      registering: (guest, account, take) => conversations.registering(guest, account, take)
    }).pipe(
      Effect.provideService(Store, prepared.store),
      Effect.provideService(OtherServers, store.sharing ? cluster.servers(store.sharing.server, store.log) : alone),
      Effect.mapError(ExitStatus.asMisuse)
    )
    const { devicesElsewhere, index } = accounts
    const made =
      rooms.current.mode === "off"
        ? undefined
        : yield* Effect.mapError(
            Rooms.make({ store: prepared.store, accounts: index, settings: rooms }),
            ExitStatus.asMisuse
          )
    const conversations = Conversations.make(prepared, index, made?.feature, devicesElsewhere, accounts)
    const features = [...(options.features ?? []), conversations.feature, accounts.feature]
    const server = yield* Server.make(cluster.options({ ...options, admission: accounts.admission, features }))
    return { server, accounts: accounts.operations, rooms: made?.operations, store }
  })
