import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Accounts from "../../src/accounts/Accounts.js"
import * as AccountsSettings from "../../src/accounts/AccountsSettings.js"
import { LiveSource } from "../../src/chat/Live.js"
import { likenessOf } from "../../src/chat/Names.js"
import type { ServerHandle } from "../../src/chat/Server.js"
import * as ClusterChat from "../../src/cluster/ClusterChat.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import { OtherServers, type OtherServersService } from "../../src/ports/OtherServers.js"
import * as Reachability from "../../src/ports/Reachability.js"
import { Store, type StoreService } from "../../src/ports/Store.js"
import type { StoreLimits } from "../../src/ports/StoreUpkeep.js"
import type { RoomOperations } from "../../src/rooms/RoomOperations.js"
import * as Rooms from "../../src/rooms/Rooms.js"
import * as RoomsSettings from "../../src/rooms/RoomsSettings.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { cheap } from "./Accounts.js"
import { addDevices, isPrivate } from "./Conversations.js"
import { FakeCluster } from "./FakeNodes.js"
import { startMemoryServer, type MemoryServer, type MemoryServerOptions } from "./MemoryServer.js"
import { settle } from "./Turns.js"

export const keptLimits: StoreLimits = {
  keep: Duration.days(30),
  keepBytes: 2 ** 30,
  keepLines: 10_000,
  unreadLines: 1_000,
  unreadBytes: 2 ** 24
}

export interface KeptNode extends MemoryServer {
  readonly server: ServerHandle
  readonly accounts: Accounts.Accounts
  readonly rooms: RoomOperations
  readonly counts: () => ClusterChat.ClusterCounts
  /** As the parts of this server see the others. */
  readonly others: OtherServersService
}

export interface KeptNodesOptions {
  readonly server?: MemoryServerOptions
  readonly rooms?: Partial<RoomsSettings.RoomsSettings>
  /** Accounts besides alice and bob. */
  readonly accounts?: ReadonlyArray<string>
  readonly limits?: Partial<StoreLimits>
  /** Called before a node starts: registers parts of the test. */
  readonly register?: (others: OtherServersService) => void
  /** Replaces parts of the store of one node. */
  readonly store?: (store: StoreService, node: string) => StoreService
}

/** A server that is a node of a cluster, and that uses a store together with others. */
export const startKeptNode = (
  join: ClusterChat.JoinNodes,
  store: StoreService,
  self: string,
  { register, rooms: settings = {}, server: options = {} }: KeptNodesOptions = {}
): Effect.Effect<KeptNode, never, Scope.Scope> =>
  Effect.gen(function* () {
    const chat = ClusterChat.make(join)
    const others = chat.servers(self, store.log)
    register?.(others)
    const prepared = Conversations.prepare(store)
    const accounts = yield* Accounts.make({
      settings: new LiveSource(AccountsSettings.defaults),
      cost: cheap,
      threads: 1,
      removed: (toGuests, account) => conversations.removed(toGuests, account),
      registering: (guest, account, take) => conversations.registering(guest, account, take)
    }).pipe(Effect.provideService(Store, prepared.store), Effect.provideService(OtherServers, others))
    const { admission, devicesElsewhere, feature, index } = accounts
    const rooms = yield* Rooms.make({
      store: prepared.store,
      accounts: index,
      settings: new LiveSource({ ...RoomsSettings.defaults, ...settings })
    })
    const conversations = Conversations.make(prepared, index, rooms.feature, devicesElsewhere, accounts)
    const server = yield* startMemoryServer({
      wrap: isPrivate,
      ...options,
      admission: chat.admission(admission),
      features: [conversations.feature, feature, chat.feature],
      gate: chat.listen,
      reachability: chat.probe(Reachability.unknownProbe)
    })
    yield* settle
    return { ...server, accounts, rooms: rooms.operations, counts: chat.counts, others }
  }).pipe(Effect.orDie)

/** Opens a store for one server of this process, until the scope closes. */
export type OpenStore = Effect.Effect<StoreService, never, Scope.Scope>

/** A store in memory for several servers, with the accounts of these tests, which have two devices each. */
export const keptStore = ({ accounts = [], limits = {} }: KeptNodesOptions = {}): Effect.Effect<OpenStore> =>
  Effect.gen(function* () {
    const open = (yield* MemoryStore.shared)({ ...keptLimits, ...limits })
    const prepare = Effect.flatMap(open, (store) =>
      Effect.gen(function* () {
        for (const name of ["alice", "bob", ...accounts])
          yield* store.accounts.create({ name, likeness: likenessOf(name), credential: "" })
        yield* addDevices(store)
      })
    )
    yield* Effect.scoped(prepare)
    return open
  }).pipe(Effect.orDie)

/** The store of a server that leaves it to others to keep that in order. */
export const leavesOrder = ({ sharing, ...store }: StoreService): StoreService => ({
  ...store,
  sharing: sharing && { ...sharing, keepsOrder: Effect.succeed(false) }
})

/** Servers that are nodes of one cluster without the protocol between them, and use one store. */
export const startKeptNodes = <Name extends string>(
  names: ReadonlyArray<Name>,
  options: KeptNodesOptions = {}
): Effect.Effect<
  { readonly cluster: FakeCluster; readonly store: StoreService } & { readonly [Key in Name]: KeptNode },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const cluster = new FakeCluster()
    const open = yield* keptStore(options)
    const { store: change = (one: StoreService) => one } = options
    const nodes = yield* Effect.forEach(names, (name) =>
      Effect.gen(function* () {
        const store = change(yield* open, name)
        return [name, yield* startKeptNode(cluster.join(name), store, store.sharing?.server ?? name, options)] as const
      })
    )
    yield* settle
    const store = yield* open
    return { cluster, store, ...(Object.fromEntries(nodes) as { readonly [Key in Name]: KeptNode }) }
  })
