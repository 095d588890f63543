import type { Account } from "../chat/Device.js"
import { likenessOf } from "../chat/Names.js"
import type { AccountId, FreedAccount, StoredAccount } from "../ports/StoreAccounts.js"

/** An account, or a removed one whose name is still taken. */
export class KnownAccount implements Account {
  /** Nobody can log in any more, but the name stays taken. */
  isRemoved: boolean
  /** How often the password was changed since the start. A login that began before the latest change is refused. */
  passwordChanges = 0
  readonly id: AccountId
  /** In wire form. */
  readonly name: string
  readonly likeness: string

  constructor({ id, isRemoved, likeness, name }: StoredAccount) {
    this.id = id
    this.isRemoved = isRemoved
    this.name = name
    this.likeness = likeness
  }
}

/** All accounts, in memory, because whether a name belongs to an account is checked without waiting. */
export class AccountIndex {
  private readonly byLikeness = new Map<string, KnownAccount>()
  private readonly byName = new Map<string, KnownAccount>()
  private readonly byId = new Map<AccountId, KnownAccount>()
  /** Freed names, which other accounts may have taken since. Lines to the old accounts are still kept. */
  private readonly freed: Map<AccountId, string>

  constructor(all: Iterable<StoredAccount>, freed: Iterable<FreedAccount> = []) {
    for (const account of all) this.add(account)
    this.freed = new Map(Array.from(freed, ({ id, name }) => [id, name]))
  }

  get all(): Iterable<KnownAccount> {
    return this.byName.values()
  }

  add(stored: StoredAccount): KnownAccount {
    const account = new KnownAccount(stored)
    this.byLikeness.set(account.likeness, account)
    this.byName.set(account.name, account)
    this.byId.set(account.id, account)
    return account
  }

  /** Makes the name available again. */
  delete({ id, likeness, name }: KnownAccount) {
    // At another server, a new account may have taken the name before this server learned that it was freed.
    if (this.byLikeness.get(likeness)?.id === id) this.byLikeness.delete(likeness)
    if (this.byName.get(name)?.id === id) this.byName.delete(name)
    this.byId.delete(id)
    this.freed.set(id, name)
  }

  /** The name of an account, or its name before it was freed, in wire form. */
  nameOf(id: AccountId): string {
    return this.byId.get(id)?.name ?? this.freed.get(id) ?? ""
  }

  /** Whether the account exists or existed. */
  knows(id: AccountId): boolean {
    return this.byId.has(id) || this.freed.has(id)
  }

  withId(id: AccountId): KnownAccount | undefined {
    return this.byId.get(id)
  }

  /** The account with exactly this name in wire form. */
  named(name: string): KnownAccount | undefined {
    return this.byName.get(name)
  }

  /** The account with this name in wire form, or with one that looks the same. */
  alike(name: string): KnownAccount | undefined {
    return this.byLikeness.get(likenessOf(name))
  }
}
