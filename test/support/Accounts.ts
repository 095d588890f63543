import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Accounts from "../../src/accounts/Accounts.js"
import * as AccountsSettings from "../../src/accounts/AccountsSettings.js"
import * as Credentials from "../../src/accounts/Credentials.js"
import type { Extensions } from "../../src/chat/BrokerState.js"
import { LiveSource } from "../../src/chat/Live.js"
import { likenessOf } from "../../src/chat/Names.js"
import * as OtherServers from "../../src/ports/OtherServers.js"
import { Store, type StoreService } from "../../src/ports/Store.js"
import * as Wire from "../../src/protocol/Wire.js"
import type { Socket } from "../../src/ports/Transport.js"
import * as MemoryStore from "../../src/store/MemoryStore.js"
import { eventually } from "./Eventually.js"
import type { MemoryClient } from "./MemoryServer.js"
import { settle } from "./Turns.js"

/** Next to no work, so that tests of anything but the time need not wait. */
export const cheap: Credentials.Cost = { ln: 1, r: 1, p: 1 }

export interface TestAccounts extends Extensions {
  readonly accounts: Accounts.Accounts
  readonly store: StoreService
  readonly settings: LiveSource<AccountsSettings.AccountsSettings>
}

const limits = {
  keep: Duration.days(30),
  keepBytes: 2 ** 30,
  keepLines: 10_000,
  unreadLines: 1_000,
  unreadBytes: 2 ** 24
}

export interface TestAccountsOptions extends Partial<AccountsSettings.AccountsSettings> {
  readonly cost?: Credentials.Cost
  /** The cost of the records in the store; by default the same. */
  readonly recordedCost?: Credentials.Cost
  readonly threads?: number
  readonly removed?: NonNullable<Accounts.AccountsOptions["removed"]>
  readonly registering?: NonNullable<Accounts.AccountsOptions["registering"]>
  /** Replaces parts of the store. */
  readonly store?: (store: StoreService) => StoreService
}

/** Accounts in memory, for a server's `admission` and `features`. */
export const startAccounts = (
  passwords: Readonly<Record<string, string>> = {},
  {
    cost = cheap,
    recordedCost = cost,
    registering,
    removed = () => {},
    store: change = (store) => store,
    threads = 1,
    ...settings
  }: TestAccountsOptions = {}
): Effect.Effect<TestAccounts, never, Scope.Scope> =>
  Effect.gen(function* () {
    const store = change(yield* MemoryStore.make(limits))
    for (const [text, password] of Object.entries(passwords)) {
      const name = Wire.encode(text)
      const credential = yield* Credentials.hash(password, recordedCost)
      yield* store.accounts.create({ name, likeness: likenessOf(name), credential })
    }
    const live = new LiveSource({ ...AccountsSettings.defaults, ...settings })
    const accounts = yield* Accounts.make({
      settings: live,
      cost,
      removed,
      threads,
      ...(registering === undefined ? {} : { registering })
    }).pipe(Effect.provideService(Store, store), Effect.provide(OtherServers.none))
    return { accounts, store, settings: live, admission: accounts.admission, features: [accounts.feature] }
  }).pipe(Effect.orDie)

let asked = 0

/**
 * Sends lines, and returns what the client gets from then on, until the server has answered all of them or has closed
 * the connection. Waits in real time, because passwords are hashed in other threads.
 */
export const ask = (client: MemoryClient, ...lines: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.suspend(() => {
    const before = client.received.length
    const pong = `* pong: asked ${++asked}`
    client.say(...lines, `/ping asked ${asked}`)
    const isDone = () => client.received.includes(pong) || client.end().inOrder
    return Effect.map(eventually(isDone, `no answer to ${lines.join(" and ")}`), () =>
      client.received.slice(before).filter((line) => line !== pong)
    )
  })

/** The lines without the text for people. */
export const heads = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line) => line.split(": ", 1)[0] ?? "")

interface Chat {
  readonly connect: Effect.Effect<MemoryClient>
}

/** Connects and sends a login line. */
export const logIn = (chat: Chat, line: string): Effect.Effect<MemoryClient> =>
  Effect.tap(chat.connect, (client) => ask(client, line))

/** Connects, sends a login line, and returns the refusal without its text; `in` if there was none. */
export const answerTo = (chat: Chat, line: string): Effect.Effect<string> =>
  Effect.gen(function* () {
    const client = yield* chat.connect
    const [first] = heads(yield* ask(client, line))
    client.socket.destroy()
    yield* settle
    return first ?? "in"
  })

/** Gives all sockets other properties. */
export const withProperties =
  (properties: Partial<Socket>) =>
  (socket: Socket): Socket =>
    new Proxy(socket, {
      get: (target, key) => {
        const value: unknown = Reflect.get(key in properties ? properties : target, key, target)
        return typeof value === "function" ? value.bind(target) : value
      }
    })
