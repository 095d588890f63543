// Bugs in accounts: logins, devices, passwords. Imported by main.mjs.
const logins = "test/accounts/logins.test.ts"
const devices = "test/accounts/devices.test.ts"
const commands = "test/accounts/commands.test.ts"
const verification = "test/accounts/Verification.test.ts"
const credentials = "test/accounts/Credentials.test.ts"
const guessing = "test/accounts/guessing.test.ts"

export const mutants = [
  {
    name: "each login that a store cannot check is a warning",
    file: "accounts/StoreWarnings.ts",
    search: "  oncePerPeriod((",
    replace: "  ((",
    test: logins
  },
  {
    name: "who registers can be locked out by others at the same address",
    file: "accounts/AccountCommands.ts",
    search: "verification.wasChosen({ account: likeness, address: subscriber(host), password: secret.password })",
    replace: "",
    test: "test/accounts/register.test.ts"
  },
  {
    name: "all devices are seen when one of them leaves",
    file: "accounts/Accounts.ts",
    search: "departures.add(keyOf(peer.device))",
    replace: "for (const one of [peer.device, ...broker.devices()]) departures.add(keyOf(one))",
    also: { file: "accounts/Departures.ts", search: "!this.accounts.isInUse(device)", replace: "device" },
    test: "test/accounts/devices.test.ts"
  },
  {
    name: "a name that looks like that of an account is free",
    file: "accounts/Logins.ts",
    search: "accounts.index.alike(name)",
    replace: "accounts.index.named(name)",
    test: logins
  },
  {
    name: "a secret is looked at on a connection that others can read",
    file: "accounts/Logins.ts",
    search: "if (secret !== undefined && !isPrivate && !takesReadableSecrets) return FatalReply.tlsRequired\n",
    replace: "",
    test: logins
  },
  {
    name: "a certificate is good for a name that looks the same",
    file: "accounts/Logins.ts",
    search: "identity !== undefined && account.name === name && !account.isRemoved",
    replace: "identity !== undefined",
    test: logins
  },
  {
    name: "a token is good for all devices",
    file: "accounts/Logins.ts",
    search: "device === deviceOf(claim) ?",
    replace: "device !== undefined ?",
    test: commands
  },
  {
    name: "nobody can log in when nothing can be stored",
    file: "accounts/Logins.ts",
    search: "known.some(({ name }) => name === device)",
    replace: "known.length < 0",
    test: logins
  },
  {
    name: "a password that was changed while it was checked logs in",
    file: "accounts/ProvenDevice.ts",
    search: "return isChanged || this.account.isRemoved ? FatalReply.wrongPassword : undefined",
    replace: "return isChanged && this.account.isRemoved ? FatalReply.wrongPassword : undefined",
    test: logins
  },
  {
    name: "a removed account can log in with a token",
    file: "accounts/Logins.ts",
    search: "account?.isRemoved === true ? undefined : account",
    replace: "account",
    also: {
      file: "store/MemoryAccounts.ts",
      search: 'account.credential = undefined\n    account.state = "removed"',
      replace: ""
    },
    test: "test/accounts/operator.test.ts"
  },
  {
    name: "wrong passwords are counted by account alone, which locks the owner out",
    file: "accounts/Throttle.ts",
    search: "`${address} ${account}`",
    replace: "`${account}`.slice(address.length * 0)",
    test: guessing
  },
  {
    name: "an address from which the password was right is slowed down",
    file: "accounts/Throttle.ts",
    search: "if (this.familiar.has(key)) return\n",
    replace: "",
    test: guessing
  },
  {
    name: "a guess is compared with the remembered password although the address has to wait",
    file: "accounts/Verification.ts",
    search: 'if (retryMillis > 0) return { _tag: "Throttled", retryMillis }\n',
    replace: 'if (retryMillis > 0 && !this.isRemembered(claim)) return { _tag: "Throttled", retryMillis }\n',
    test: verification
  },
  {
    name: "a remembered password is good for every account",
    file: "accounts/Verification.ts",
    search: "const known = this.remembered.get(claim.account)",
    replace: "const [known] = this.remembered.values()",
    also: {
      file: "accounts/Verification.ts",
      search: "`${account.length} ${account}${password}`",
      replace: "password"
    },
    test: verification
  },
  {
    name: "an old password is still remembered after it was changed",
    file: "accounts/AccountChanges.ts",
    search: "verification.forget(account.likeness)\n    account.passwordChanges",
    replace: "account.passwordChanges",
    test: commands
  },
  {
    name: "an old password is remembered that was compared while it was changed",
    file: "accounts/Verification.ts",
    search: "if (isCurrent) this.remember(claim)",
    replace: "this.remember(claim)",
    test: verification
  },
  {
    name: "a login that is checked while the password is changed brings the old one back",
    file: "accounts/AccountChanges.ts",
    search: "    account.passwordChanges += 1\n    if (!(yield*",
    replace: "    if (!(yield*",
    // One of the two protects alone.
    also: { file: "accounts/Logins.ts", search: "verdict.record, before)", replace: "verdict.record)" },
    test: logins
  },
  {
    name: "a device that is forgotten while its token is checked is one again",
    file: "accounts/Logins.ts",
    search: 'const isKnown = proof === "token"',
    replace: "const isKnown = false",
    test: "test/accounts/devices.test.ts"
  },
  {
    name: "passwords are checked on any number of threads",
    file: "accounts/Verification.ts",
    search: "return this.threads.withPermit(compared)",
    replace: "return compared",
    test: verification
  },
  {
    name: "an address may have any number of checks waiting",
    file: "accounts/Verification.ts",
    search: "this.pending < maxPending && (this.pendingByAddress.get(address) ?? 0) < maxPendingPerAddress",
    replace: "this.pending < maxPending && address.length >= 0",
    test: verification
  },
  {
    name: "no account means no work",
    file: "accounts/Verification.ts",
    search: "Credentials.verify(claim.password, found ?? Credentials.decoy, this.derive)",
    replace: 'Credentials.verify(claim.password, found ?? "", this.derive)',
    test: "test/accounts/equal-work.test.ts"
  },
  {
    name: "a password is hashed as it was typed, and not in NFC",
    file: "accounts/Credentials.ts",
    search: 'text.normalize("NFC").replace',
    replace: "text.replace",
    test: credentials
  },
  {
    name: "a record is verified at the present cost, and not at its own",
    file: "accounts/Credentials.ts",
    search: "derive(password, found.salt, found.cost, found.hash.length)",
    replace: "derive(password, found.salt, cost, found.hash.length)",
    test: credentials
  },
  {
    name: "a device that logs in again leaves its earlier connection as it is",
    file: "chat/Lifecycle.ts",
    search: "if (before !== undefined) this.replace(before)\n",
    replace: "",
    test: devices
  },
  {
    name: "the lines of a replaced connection are dropped",
    file: "chat/Lifecycle.ts",
    search: "if (names.leave(peer, Phase.replaced)) this.absent(peer)",
    replace: 'if (names.leave(peer, Phase.leaving(peer.phase, "logged-out", undefined))) this.absent(peer)',
    test: devices
  },
  {
    name: "a replaced connection is still read from",
    file: "chat/Lifecycle.ts",
    search: "    peer.inbox.close()\n    predecessors",
    replace: "    predecessors",
    test: devices
  },
  {
    name: "a replaced connection that takes nothing is waited for",
    file: "chat/Lifecycle.ts",
    search: 'if (wasJammed) breakOff(peer, "logged-out")\n',
    replace: "wasJammed && breakOff\n",
    test: devices
  },
  {
    name: "each device of an account is announced",
    file: "chat/Lifecycle.ts",
    search: "isFirst && !names.isElsewhere(name)",
    replace: "(isFirst || peer.device !== undefined)",
    test: devices
  },
  {
    name: "an account is announced as gone when its first device leaves",
    file: "chat/Lifecycle.ts",
    search: "if (names.find(name) === undefined && !names.isElsewhere(name))",
    replace: "if (names !== undefined)",
    test: devices
  },
  {
    name: "a device that leaves takes the name of its account from /who",
    file: "chat/Names.ts",
    search: "next === undefined ? HashMap.remove(this.present, name) : HashMap.set(this.present, name, next)",
    replace: "HashMap.remove(this.present, name)",
    test: devices
  },
  {
    name: "a token gives power over the account",
    file: "accounts/AccountCommands.ts",
    search: 'if (device.proof !== "password") return refuse("token")\n    const secret = newPassword',
    replace: "const secret = newPassword",
    test: commands
  },
  {
    name: "a changed password leaves the other devices logged in",
    file: "accounts/AccountChanges.ts",
    search: 'yield* logOut(accounts, account, "password", (peer) => peer !== except)\n',
    replace: "",
    test: commands
  },
  {
    name: "a guest keeps a name that became an account",
    file: "accounts/AccountChanges.ts",
    search: "expelOthers(accounts, name, heir)",
    replace: "",
    test: "test/accounts/register.test.ts"
  },
  {
    name: "a registration whose client has left is forgotten",
    file: "accounts/AccountChanges.ts",
    search: "const account = index.add(stored)",
    replace: 'const account = owner?.phase._tag === "Gone" ? (undefined as never) : index.add(stored)',
    test: "test/accounts/register.test.ts"
  },
  {
    name: "a registration that the store refused counts",
    file: "accounts/AccountCommands.ts",
    search: "Effect.tapError(() => giveBack),\n",
    replace: "",
    test: "test/accounts/register.test.ts"
  },
  {
    name: "the name of a removed account is free",
    file: "accounts/AccountOperations.ts",
    search: "account.isRemoved = true",
    replace: "index.delete(account)",
    test: "test/accounts/operator.test.ts"
  },
  {
    name: "a line to an account that is being removed is given to its devices, and not stored",
    file: "accounts/Accounts.ts",
    search: "account === undefined || account.isRemoved",
    replace: "account === undefined",
    test: "test/simulation/store.test.ts"
  },
  {
    name: "a device that is forgotten for another while it logs in stays connected",
    file: "accounts/AccountChanges.ts",
    search: 'logOut(accounts, account, "forgotten", (peer) => peer.device?.name === forgotten)',
    replace: "Effect.asVoid(Effect.succeed(logOut))",
    test: devices
  },
  {
    name: "a password that is being checked when a thread ends is never checked",
    file: "accounts/HashThreads.ts",
    search: "for (const settle of this.asked.splice(0)) settle(",
    replace: "for (const settle of this.asked.splice(0, 0)) settle(",
    test: "test/accounts/HashThreads.test.ts"
  },
  {
    name: "passwords are checked with the priority of the event loop",
    file: "accounts/HashThread.ts",
    search: "setPriority(Number(thread), nice)",
    replace: "setPriority(Number(thread), getPriority())",
    test: "test/accounts/HashThreads.test.ts"
  },
  {
    name: "a token is enough to forget another device",
    file: "accounts/AccountCommands.ts",
    search: 'if (!isOwn && device.proof !== "password") return refuse("token")',
    replace: "",
    test: "test/accounts/commands.test.ts"
  },
  {
    name: "a device that forgets itself gets no reply",
    file: "accounts/AccountCommands.ts",
    search: "device.account, argument, before)",
    replace: "device.account, argument)",
    test: "test/accounts/commands.test.ts"
  }
]
