import * as Effect from "effect/Effect"
import type { StoreError } from "../ports/StoreError.js"
import type { AccountId } from "../ports/StoreAccounts.js"
import type { Undelivered } from "../ports/StoreUpkeep.js"
import * as Name from "../protocol/Name.js"
import * as Wire from "../protocol/Wire.js"
import * as AccountChanges from "./AccountChanges.js"
import { KnownAccount } from "./AccountIndex.js"
import type { AccountsContext } from "./AccountsContext.js"
import * as Credentials from "./Credentials.js"

/** An account as listed for the operator. */
export interface AccountFacts {
  readonly name: string
  readonly created: number
  readonly isRemoved: boolean
  readonly devices: ReadonlyArray<{ readonly name: string; readonly hasToken: boolean; readonly seen: number }>
}

/** Why an operation did nothing: a sentence for people. */
export interface Impossible {
  readonly impossible: string
}

/** The operator's actions on accounts. Names are ordinary text. */
export interface AccountOperations {
  readonly add: (name: string, password: string) => Effect.Effect<void, Impossible | StoreError>
  /** Sets the password, and logs all devices out. */
  readonly password: (name: string, password: string) => Effect.Effect<void, Impossible | StoreError>
  /** Removes an account: its devices are logged out, and its name stays taken. */
  readonly remove: (name: string) => Effect.Effect<void, Impossible | StoreError>
  /** Makes the name of a removed account available. */
  readonly free: (name: string) => Effect.Effect<void, Impossible | StoreError>
  readonly list: Effect.Effect<ReadonlyArray<AccountFacts>, StoreError>
}

/**
 * @param removed called in the broker's turn with the undelivered lines of a removed account, which return to guests
 */
export const make = (
  accounts: AccountsContext,
  removed: (returns: ReadonlyArray<Undelivered>, account: AccountId) => void = () => {}
): AccountOperations => {
  const { index, store, verification } = accounts
  const found = (name: string): Effect.Effect<KnownAccount, Impossible> => {
    const wire = Name.parse(Wire.encode(name))
    const account = wire === undefined ? undefined : index.named(wire)
    return account === undefined ? impossible(`there is no account ${name}`) : Effect.succeed(account)
  }
  const active = (name: string) =>
    Effect.flatMap(found(name), (account) =>
      account.isRemoved ? impossible(`the account ${name} was removed`) : Effect.succeed(account)
    )
  const hash = (text: string): Effect.Effect<string, Impossible> => {
    const password = Credentials.parsePassword(text)
    if (password === undefined) return impossible(Credentials.passwordRule)
    return Effect.flatMap(verification.hash(operator, password), (credential) =>
      credential === undefined ? impossible("too many passwords are checked; try again") : Effect.succeed(credential)
    )
  }
  return {
    add: (text, password) =>
      Effect.gen(function* () {
        const name = Name.parse(Wire.encode(text))
        if (name === undefined) return yield* impossible(`${JSON.stringify(text)} is not a name`)
        const account = yield* AccountChanges.create(accounts, name, yield* hash(password), undefined)
        if (account instanceof KnownAccount) return
        return yield* impossible(`the name is taken, by the account ${Wire.decode(account.taken)}`)
      }),
    password: (name, password) =>
      Effect.gen(function* () {
        const account = yield* active(name)
        const isSet = yield* AccountChanges.setPassword(accounts, account, yield* hash(password), undefined)
        if (!isSet) return yield* impossible(`the account ${name} was removed`)
      }),
    remove: (name) =>
      Effect.gen(function* () {
        const account = yield* active(name)
        const returns = yield* store.accounts.remove(account.id)
        if (returns === undefined) return yield* impossible(`the account ${name} was removed`)
        account.isRemoved = true
        verification.forget(account.likeness)
        yield* AccountChanges.logOut(accounts, account, "removed", () => true)
        yield* accounts.broker().inTurn(() => {
          accounts.broker().changed(account.name)
          removed(returns, account.id)
        })
      }),
    free: (name) =>
      Effect.gen(function* () {
        const account = yield* found(name)
        if (!account.isRemoved || !(yield* store.accounts.free(account.id))) {
          return yield* impossible(`the account ${name} exists; remove it first`)
        }
        index.delete(account)
      }),
    list: Effect.gen(function* () {
      const all = yield* store.accounts.all
      return yield* Effect.forEach(all, ({ created, id, isRemoved, name }) =>
        Effect.map(store.accounts.devices(id), (devices) => ({ name: Wire.decode(name), created, isRemoved, devices }))
      )
    })
  }
}

/** The operator counts as an address of its own for the limits of password checks. */
const operator = "operator"

const impossible = (why: string): Effect.Effect<never, Impossible> => Effect.fail({ impossible: why })
