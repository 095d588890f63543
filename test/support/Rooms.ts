import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { AccountIndex } from "../../src/accounts/AccountIndex.js"
import { LiveSource } from "../../src/chat/Live.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import type { StoreService } from "../../src/ports/Store.js"
import type { RoomOperations } from "../../src/rooms/RoomOperations.js"
import * as Rooms from "../../src/rooms/Rooms.js"
import * as RoomsSettings from "../../src/rooms/RoomsSettings.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { login, startConversations, type ConversationsServer } from "./Conversations.js"
import { startMemoryServer, type MemoryClient, type MemoryServer, type MemoryServerOptions } from "./MemoryServer.js"
import { turnsUntil } from "./Turns.js"

export interface RoomsOptions extends Partial<RoomsSettings.RoomsSettings> {
  readonly server?: MemoryServerOptions
  /** Replaces parts of the store. */
  readonly store?: (store: StoreService) => StoreService
  /** Further accounts besides alice and bob. */
  readonly accounts?: ReadonlyArray<string>
}

export interface RoomsServer extends ConversationsServer {
  /** What the operator does to rooms. */
  readonly operations: RoomOperations
}

/** A server in memory with rooms, and with the accounts alice and bob. */
export const startRooms = ({ accounts, server, store, ...settings }: RoomsOptions = {}): Effect.Effect<
  RoomsServer,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    let made: Rooms.Rooms | undefined = undefined
    const chat = yield* startConversations(server, store, {
      accounts: accounts ?? [],
      rooms: (kept, index) =>
        Effect.map(
          Effect.orDie(Rooms.make({ store: kept, accounts: index, settings: settingsOf(settings) })),
          (rooms) => (made = rooms).feature
        )
    })
    const { operations } = made as unknown as Rooms.Rooms // `layer` has made it
    return { ...chat, operations }
  })

export interface GuestRooms extends MemoryServer {
  /** A step of retention. */
  readonly retain: Effect.Effect<void>
}

/** A server in memory with rooms and without accounts, such as one without `--store`. */
export const startGuestRooms = ({
  keepLines = 10_000,
  ...settings
}: Partial<RoomsSettings.RoomsSettings> & { readonly keepLines?: number } = {}): Effect.Effect<
  GuestRooms,
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const limits = { keep: "30 days", keepBytes: 2 ** 30, keepLines, unreadLines: 100, unreadBytes: 2 ** 20 } as const
    const { store, ...prepared } = Conversations.prepare(yield* MemoryStore.make(limits))
    const nobody = new AccountIndex([])
    const rooms = yield* Rooms.make({ store, accounts: nobody, settings: settingsOf(settings) })
    const { feature } = Conversations.make({ store, ...prepared }, nobody, rooms.feature)
    const chat = yield* startMemoryServer({ features: [feature] })
    return { ...chat, retain: Effect.orDie(Effect.asVoid(store.retain([]))) }
  }).pipe(Effect.orDie)

/** Connects a device of an account. */
export const account = ({ connect }: MemoryServer, who: string, words?: string): Effect.Effect<MemoryClient> =>
  Effect.tap(connect, (client) => ask(client, ...login(who, words)))

const settingsOf = (settings: Partial<RoomsSettings.RoomsSettings>) =>
  new LiveSource({ ...RoomsSettings.defaults, ...settings })

let asked = 0

/** Sends lines, waits for the answers to all of them, and returns what the client gets until then. */
export const ask = (client: MemoryClient, ...lines: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.suspend(() => {
    const before = client.received.length
    const pong = `* pong: asked ${++asked}`
    client.say(...lines, `/ping asked ${asked}`)
    return Effect.map(
      turnsUntil(
        () => client.received.includes(pong),
        () => `the answer to ${lines.join(" | ")}; the last lines are ${client.received.slice(-3).join(" | ")}`
      ),
      () => client.received.slice(before).filter((line) => line !== pong)
    )
  })

/** Waits until a client has received a line. */
export const gets = (client: MemoryClient, line: string): Effect.Effect<void> =>
  turnsUntil(
    () => client.received.includes(line),
    () => `${line}; the last lines are ${client.received.slice(-4).join(" | ")}`
  )
