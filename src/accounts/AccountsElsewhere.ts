import * as Effect from "effect/Effect"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { StoreError } from "../ports/StoreError.js"
import type { StoreChange } from "../ports/StoreSharing.js"
import type { LogoutReason } from "../protocol/FatalReply.js"
import * as FatalReply from "../protocol/FatalReply.js"
import { expelDevices, expelOthers } from "./AccountChanges.js"
import type { AccountsContext } from "./AccountsContext.js"

/**
 * In the broker's turn: applies another server's change of accounts in memory. Ignores changes of other kinds and those
 * already in memory.
 *
 * @param removed called when an account no longer exists. The server that removed it notifies the senders of its
 * undelivered lines
 */
export const take = (accounts: AccountsContext, change: StoreChange, removed: (account: AccountId) => void): void => {
  const { index, verification } = accounts
  const { changed } = accounts.broker()
  const logOut = (id: AccountId, reason: LogoutReason, device?: string) => {
    const account = index.withId(id)
    if (account === undefined) return
    expelDevices(accounts, account, reason, (peer) => device === undefined || peer.device?.name === device)
  }
  switch (change._tag) {
    case "AccountCreated": {
      if (index.knows(change.account.id)) return
      index.add(change.account)
      expelOthers(accounts, change.account.name)
      return changed(change.account.name)
    }
    case "AccountRemoved": {
      const account = index.withId(change.account)
      if (account === undefined || account.isRemoved) return
      account.isRemoved = true
      verification.forget(account.likeness)
      logOut(account.id, "removed")
      changed(account.name)
      return removed(account.id)
    }
    case "AccountFreed": {
      const account = index.withId(change.account)
      if (account !== undefined) index.delete(account)
      return
    }
    case "PasswordChanged": {
      const account = index.withId(change.account)
      if (account === undefined) return
      account.passwordChanges += 1
      verification.forget(account.likeness)
      return logOut(account.id, "password")
    }
    case "DeviceForgotten":
      return logOut(change.account, "forgotten", change.device)
    case "DeviceTaken":
      return replace(accounts, change)
  }
}

/**
 * While this server was cut off, another one has taken a device without asking. That server gives the device the lines
 * that its connection here has not yet been written.
 */
const replace = (
  { broker, index }: AccountsContext,
  { account: id, device }: { readonly account: AccountId; readonly device: string }
) => {
  const { alike, breakOff, expel } = broker()
  const account = index.withId(id)
  for (const peer of account === undefined ? [] : alike(account.name)) {
    if (peer.device?.account !== account || peer.device?.name !== device) continue
    if (peer.outbox.lines > 0) breakOff(peer, "logged-out")
    else expel(peer, FatalReply.loggedOut("replaced"))
  }
}

/**
 * Brings memory up to date with the store, without the changes that led there. Disconnects all devices, because
 * passwords may have changed and devices may have been forgotten or taken. Clients that still may log in will
 * reconnect.
 */
export const reload = (
  accounts: AccountsContext,
  removed: (account: AccountId) => void
): Effect.Effect<void, StoreError> =>
  Effect.flatMap(Effect.all([accounts.store.accounts.all, accounts.store.accounts.freed]), ([all, freed]) =>
    accounts.broker().inTurn(() => {
      const { index } = accounts
      const changes: Array<StoreChange> = freed.flatMap(({ id: account }): ReadonlyArray<StoreChange> => [
        { _tag: "AccountRemoved", account },
        { _tag: "AccountFreed", account }
      ])
      for (const account of all) {
        changes.push({ _tag: "AccountCreated", account })
        if (account.isRemoved) changes.push({ _tag: "AccountRemoved", account: account.id })
      }
      for (const change of changes) take(accounts, change, removed)
      const { alike, breakOff } = accounts.broker()
      for (const account of index.all) {
        account.passwordChanges += 1
        accounts.verification.forget(account.likeness)
        for (const peer of alike(account.name)) if (peer.device?.account === account) breakOff(peer, "connection-lost")
      }
    })
  )
