import * as Effect from "effect/Effect"
import { likenessOf } from "../chat/Names.js"
import type { Peer } from "../chat/Peer.js"
import type { OpenedDevice } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import * as LoginLine from "../protocol/LoginLine.js"
import * as FatalReply from "../protocol/FatalReply.js"
import type { KnownAccount } from "./AccountIndex.js"
import { type AccountsContext, presentDevices } from "./AccountsContext.js"
import { ProvenDevice } from "./ProvenDevice.js"

/**
 * Changes of accounts by their owners and the operator: first in the store, then in the broker's turn. A change that
 * the store has made stays, even if the client that requested it has left.
 */

/** The name, or one that looks the same, already belongs to this account. */
export interface Taken {
  readonly taken: string
}

/**
 * Creates an account. Its owner's connection becomes its first device. Other guests with the name, or one that looks
 * the same, are disconnected.
 */
export const create = (
  accounts: AccountsContext,
  name: string,
  credential: string,
  owner: Peer | undefined
): Effect.Effect<KnownAccount | Taken, StoreError> =>
  Effect.gen(function* () {
    const { departures, index, registering, store } = accounts
    const { adopt, changed, devicesOf, inTurn } = accounts.broker()
    const stored = yield* store.accounts.create({ name, likeness: likenessOf(name), credential })
    if (stored === undefined) return { taken: index.alike(name)?.name ?? name }
    // The account exists even if this fails. Its owner then has to log in like any other client.
    const device =
      owner === undefined
        ? undefined
        : yield* Effect.option(
            store.accounts.openDevice(stored.id, LoginLine.mainDevice, { maxDevices: 1, present: [] })
          )
    const take = () => {
      const account = index.add(stored)
      const heir = device?._tag === "Some" ? owner : undefined
      expelOthers(accounts, name, heir)
      if (heir?.phase._tag === "Present") adopt(heir, new ProvenDevice(account, LoginLine.mainDevice, "password"))
      const isConnected = devicesOf(account).length > 0
      if (device?._tag === "Some" && !isConnected) departures.add({ account: stored.id, device: LoginLine.mainDevice })
      changed(name)
      return account
    }
    return yield* owner === undefined ? inTurn(take) : registering(owner, stored.id, take)
  })

/**
 * In the broker's turn: disconnects all guests with an account's name, or one that looks the same, except its owner.
 */
export const expelOthers = ({ broker }: AccountsContext, name: string, owner?: Peer): void => {
  const { alike, expel } = broker()
  for (const peer of alike(name)) if (peer !== owner) expel(peer, FatalReply.passwordRequired(peer.name))
}

/** Changes the password, and disconnects all devices but this one. False if the account is gone. */
export const setPassword = (
  accounts: AccountsContext,
  account: KnownAccount,
  credential: string,
  except: Peer | undefined
): Effect.Effect<boolean, StoreError> =>
  Effect.gen(function* () {
    const { store, verification } = accounts
    // Also counted before the store changes: a login under way must not overwrite the new record with one of the old
    // password.
    account.passwordChanges += 1
    if (!(yield* store.accounts.setCredential(account.id, credential))) return false
    verification.forget(account.likeness)
    account.passwordChanges += 1
    yield* logOut(accounts, account, "password", (peer) => peer !== except)
    return true
  })

/** Forgets a device with its token and its cursors, and disconnects it after `before`. */
export const forget = (
  accounts: AccountsContext,
  account: KnownAccount,
  device: string,
  before: Effect.Effect<void> = Effect.void
): Effect.Effect<void, StoreError> =>
  accounts.store.accounts
    .forget(account.id, device)
    .pipe(
      Effect.zipRight(before),
      Effect.zipRight(logOut(accounts, account, "forgotten", (peer) => peer.device?.name === device))
    )

/** Options of opening a device. */
export interface DeviceOpening {
  /** Whether it must exist. */
  readonly isKnown?: boolean
  /** Whether no client will be connected as it. */
  readonly isAway?: boolean
}

/** How many times other servers are asked for a device, which may move on before it is opened. */
const maxAsked = 3

/**
 * Finds or creates a device. If it is connected to another server, that server gives it up, unless it does not answer.
 * To make room, the store may forget a device that has logged in since it was counted as away. The clients of that
 * device are disconnected, because the store would ignore their cursors.
 */
export const openDevice = (
  accounts: AccountsContext,
  account: KnownAccount,
  device: string,
  opening: DeviceOpening = {}
): Effect.Effect<OpenedDevice, StoreError> => {
  const id = { account: account.id, device }
  const open = (asked: number, takeFrom?: string): Effect.Effect<OpenedDevice, StoreError> =>
    Effect.suspend(() => {
      const { broker, devicesElsewhere, settings, store, takeover } = accounts
      const present = presentDevices(broker(), account)
      const { maxDevices } = settings.current
      const opened = devicesElsewhere.others.during((all) => {
        const options = { maxDevices, present, ...opening, others: all.map(({ id }) => id), takeFrom }
        return store.accounts.openDevice(account.id, device, options)
      })
      return Effect.flatMap(opened, (opened) => {
        if (opened._tag !== "Elsewhere" || asked === maxAsked) return Effect.succeed(opened)
        const { owner } = opened
        return Effect.flatMap(takeover.ask(owner, id), (isFree) =>
          isFree ? open(asked + 1, owner) : Effect.succeed(opened)
        )
      })
    })
  return accounts.departures.after(id, open(0)).pipe(
    Effect.tap((opened) => {
      const forgotten = opened._tag === "Opened" ? opened.forgotten : undefined
      return forgotten === undefined
        ? Effect.void
        : logOut(accounts, account, "forgotten", (peer) => peer.device?.name === forgotten)
    })
  )
}

/** Disconnects devices of an account, including those that only send. */
export const logOut = (
  accounts: AccountsContext,
  account: KnownAccount,
  reason: FatalReply.LogoutReason,
  concerns: (peer: Peer) => boolean
): Effect.Effect<void> => accounts.broker().inTurn(() => expelDevices(accounts, account, reason, concerns))

/** The same, in the broker's turn. */
export const expelDevices = (
  { broker }: AccountsContext,
  account: KnownAccount,
  reason: FatalReply.LogoutReason,
  concerns: (peer: Peer) => boolean
): void => {
  const { alike, expel } = broker()
  for (const peer of alike(account.name)) {
    if (peer.device?.account === account && concerns(peer)) expel(peer, FatalReply.loggedOut(reason))
  }
}
