import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { AccountIndex } from "../../src/accounts/AccountIndex.js"
import type { MakeRooms } from "../../src/conversations/RoomsFeature.js"
import { createHash } from "node:crypto"
import * as Credentials from "../../src/accounts/Credentials.js"
import * as Conversations from "../../src/conversations/Conversations.js"
import type { StoreService } from "../../src/ports/Store.js"
import type { Socket } from "../../src/ports/Transport.js"
import * as Accounts from "./Accounts.js"
import {
  pass,
  startMemoryServer,
  type MemoryClient,
  type MemoryServer,
  type MemoryServerOptions
} from "./MemoryServer.js"
import type { ServerHandle } from "../../src/chat/Server.js"
import { turnsUntil } from "./Turns.js"

/** A memory network in which nobody else can read what is sent, so that secrets may be sent. */
export const isPrivate = (socket: Socket): Socket =>
  new Proxy(socket, {
    get: (target, key) => {
      if (key === "isPrivate") return true
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === "function" ? value.bind(target) : value
    }
  })

export interface ConversationsServer extends MemoryServer {
  readonly server: ServerHandle
  readonly accounts: Accounts.TestAccounts
}

/** Of all accounts of these tests. */
export const password = "correct horse"

/** The devices of each account of these tests. */
const devices = ["main", "phone"]

const tokenOf = (name: string, device: string) => `achat_${createHash("md5").update(`${name}/${device}`).digest("hex")}`

/** A login with a token, with these words of `/hello` before it. A password would be checked in a thread. */
export const login = (who: string, words?: string): ReadonlyArray<string> => {
  const [name = "", device = "main"] = who.split("/")
  return [...(words === undefined ? [] : [`/hello ${words}`]), `${who}: ${tokenOf(name, device)}`]
}

export const addDevices = ({ accounts }: StoreService) =>
  Effect.gen(function* () {
    for (const { id, name } of yield* accounts.all) {
      for (const device of devices) {
        yield* accounts.openDevice(id, device, { maxDevices: 20, present: [] })
        yield* accounts.setToken(id, device, Credentials.tokenHash(tokenOf(name, device)))
      }
    }
  }).pipe(Effect.orDie)

interface MoreOptions {
  /** Further accounts. */
  readonly accounts?: ReadonlyArray<string>
  /** By default there are none. */
  readonly rooms?: (store: StoreService, accounts: AccountIndex) => Effect.Effect<MakeRooms>
}

/** A server in memory that keeps lines to the accounts alice and bob, which have two devices each. */
export const startConversations = (
  options: MemoryServerOptions = {},
  store: NonNullable<Accounts.TestAccountsOptions["store"]> = (plain) => plain,
  { accounts: more = [], rooms }: MoreOptions = {}
): Effect.Effect<ConversationsServer, never, Scope.Scope> =>
  Effect.gen(function* () {
    let prepared: Conversations.ConversationsStore | undefined = undefined
    let conversations: ReturnType<typeof Conversations.make> | undefined = undefined
    const accounts = yield* Accounts.startAccounts(
      Object.fromEntries(["alice", "bob", ...more].map((name) => [name, password])),
      {
        removed: (toGuests, account) => conversations?.removed(toGuests, account),
        registering: (guest, account, take) =>
          conversations?.registering(guest, account, take) ?? Effect.dieMessage("there are no conversations"),
        store: (plain) => (prepared = Conversations.prepare(store(plain))).store
      }
    )
    yield* addDevices(accounts.store)
    const { index } = accounts.accounts
    const makeRooms = rooms === undefined ? undefined : yield* rooms(accounts.store, index)
    conversations = Conversations.make(
      prepared ?? Conversations.prepare(accounts.store),
      index,
      ...(makeRooms === undefined ? [] : [makeRooms])
    )
    const chat = yield* startMemoryServer({
      wrap: isPrivate,
      ...options,
      admission: accounts.accounts.admission,
      features: [conversations.feature, accounts.accounts.feature]
    })
    return { ...chat, accounts }
  })

/** The messages among the lines that a client has received. */
export const messages = ({ received }: MemoryClient): ReadonlyArray<string> =>
  received.filter((line) => line.startsWith("from ") || line.startsWith("* sent ") || line.startsWith("! gap "))

/** Waits for a line that starts so, and returns all those that a client has received. */
export const seen = (client: MemoryClient, start: string) =>
  Effect.map(
    turnsUntil(
      () => client.received.some((line) => line.startsWith(start)),
      () => `a line that starts with ${start}; the last are ${client.received.slice(-3).join(" | ")}`
    ),
    () => client.received.filter((line) => line.startsWith(start))
  )

/** Moves the clock in steps, so that everything that ticks can tick. */
export const passes = (millis: number) => Effect.repeatN(pass(250), millis / 250 - 1)
