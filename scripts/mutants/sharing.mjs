// Bugs in stores that several servers use. Read by main.mjs, which explains the fields.
const suite = "test/store/Sharing.test.ts"
const touched = "test/store/Touched.test.ts"

export const mutants = [
  {
    name: "which lines return is in no log",
    file: "store/SqlReturns.ts",
    search: "  yield* SqlChanges.addReturns(state, all)\n",
    replace: "",
    test: suite
  },
  {
    name: "a server that is alone opens a store that others share",
    file: "store/PostgresSchema.ts",
    search: 'isShared ? "advisory_lock_shared" : "advisory_lock"',
    replace: '"advisory_lock_shared"',
    test: suite
  },
  {
    name: "what a server that was alone has changed is in no log, and nobody learns that",
    file: "store/PostgresSchema.ts",
    search: "insert into change select max(id) + 2",
    replace: "insert into change select max(id)",
    test: suite
  },
  {
    name: "a server that has lost a device still moves its cursors",
    file: "store/SqlAppend.ts",
    search: " || (state.sharing !== undefined && owner !== state.sharing.server)",
    replace: "",
    test: suite
  },
  {
    name: "a server that has lost a device still moves its cursors, in memory",
    file: "store/MemoryLines.ts",
    search: "known !== undefined && known.owner === sharing?.server",
    replace: "known !== undefined",
    test: suite
  },
  {
    name: "two servers have one device",
    file: "store/SqlAccounts.ts",
    search:
      'if (owner !== null && !isAway && owner !== takeFrom && others.includes(owner)) return { _tag: "Elsewhere", ' +
      "owner }",
    replace: "",
    test: suite
  },
  {
    name: "a server takes a device that another one has given up for a third one",
    file: "store/SqlAccounts.ts",
    search: "owner !== takeFrom && others",
    replace: "takeFrom === undefined && others",
    test: suite
  },
  {
    name: "a token for later takes the device from the server that it is connected to",
    file: "store/SqlAccounts.ts",
    search: "const wasTaken = !isAway && (",
    replace: "const wasTaken = (",
    test: suite
  },
  {
    name: "a server does not learn that it has lost a device",
    file: "store/SqlAccounts.ts",
    search: "if (before === null) return false",
    replace: "if (before !== server) return false",
    test: suite
  },
  {
    name: "a server that has lost a device gives it up for its new one",
    file: "store/SqlAccounts.ts",
    search: "if (owner === state.sharing.server) yield* setOwner",
    replace: "if (owner !== undefined) yield* setOwner",
    test: suite
  },
  {
    name: "a device that is connected to another server is forgotten to make room",
    file: "store/SqlAccounts.ts",
    search: "present.includes(name) || (owner !== null && others.includes(owner))",
    replace: "present.includes(name)",
    test: suite
  },
  {
    name: "a device that is connected to another server is forgotten because it is away",
    file: "store/SqlAccounts.ts",
    search: "away.filter(({ owner }) => !isElsewhere(owner))",
    replace: "away",
    test: suite
  },
  {
    name: "a device stays that of a server that nobody has logged in to",
    file: "store/SqlAccounts.ts",
    search: "yield* giveUp(state, running - openingMillis)\n",
    replace: "\n",
    test: suite
  },
  {
    name: "a login loses its device while it is being opened",
    file: "store/SqlAccounts.ts",
    search: "yield* giveUp(state, running - openingMillis)",
    replace: "yield* giveUp(state, running)",
    test: suite
  },
  {
    name: "a hash that is made anew logs everybody out elsewhere",
    file: "store/SqlAccounts.ts",
    search: "if (before === undefined) yield* SqlChanges.add",
    replace: "yield* SqlChanges.add",
    test: suite
  },
  {
    name: "a login with the old password brings it back",
    file: "store/SqlAccounts.ts",
    search: "if (before !== undefined && (yield* credential(account)) !== before) return false",
    replace: "",
    test: suite
  },
  {
    name: "who was no member leaves a room for the other servers",
    file: "store/MemoryRooms.ts",
    search: "if (conversation?.members.has(account) !== true) return undefined",
    replace: "if (conversation === undefined) return undefined",
    test: suite
  },
  {
    name: "a log that has lost changes counts as complete",
    file: "store/MemorySharing.ts",
    search: "id < first - 1 || id > last",
    replace: "id > last",
    test: suite
  },
  {
    name: "a log goes on after a restored backup as if nothing was missing",
    file: "store/SqlChanges.ts",
    search: "id < first - 1 || id > last",
    replace: "id < first - 1",
    test: suite
  },
  {
    name: "all servers remove lines",
    file: "store/SqlUpkeep.ts",
    search: "const isOff = state.sharing?.keepsOrder === false || (",
    replace: "const isOff = (",
    test: suite
  },
  {
    name: "two servers keep a store in order",
    file: "store/PostgresSchema.ts",
    search: 'tryLock(connection, "advisory_lock", orderNumber, schema)',
    replace: 'tryLock(connection, "advisory_lock_shared", orderNumber, schema)',
    test: suite
  },
  {
    name: "nobody keeps a store in order after a server has ended",
    file: "store/MemorySharing.ts",
    search: "if (this.isKeeper) this.shared.keeper = undefined",
    replace: "",
    test: suite
  },
  {
    name: "the time of a server begins with its first request",
    file: "store/PostgresEngine.ts",
    search: "await this.drive(await this.connect(reserveMillis), this.derived.running(moment))",
    replace: "await this.connect(reserveMillis)",
    test: suite
  },
  {
    name: "a damaged line takes those beside it along, in a shared database",
    file: "store/PostgresEngine.ts",
    search: " || isAborted(error)",
    replace: "",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "a server does not see what another one has written",
    file: "store/SqlState.ts",
    search: "if (current.commits === known?.commits) return",
    replace: "if (known !== undefined) return",
    test: suite
  },
  {
    name: "a server counts on where it was, after another one has written",
    file: "store/SqlAppend.ts",
    search: "    this.state.touched?.conversations.add(head.id)\n",
    replace: "",
    test: suite
  },
  {
    name: "a server does not learn what another one has given to an account",
    file: "store/SqlState.ts",
    search: "    this.touched?.conversations.add(id)\n",
    replace: "",
    test: suite
  },
  {
    name: "retention does not count what other servers have stored",
    file: "store/SqlState.ts",
    search: "else yield* this.retention.addLines(known.lastLine, current.lastLine)",
    replace: "",
    test: suite
  },
  {
    name: "retention begins anew whenever another server has written",
    file: "store/SqlState.ts",
    search: "if (known === undefined) this.retention.forget()",
    replace: "if (known === undefined || touched !== undefined) this.retention.forget()",
    test: suite
  },
  {
    name: "a server goes on from before a transaction that it knows nothing of",
    file: "store/Touched.ts",
    search: "return next === before ? found : undefined",
    replace: "return found",
    test: touched
  },
  {
    name: "a transaction that may have changed anything has changed nothing",
    file: "store/Touched.ts",
    search: 'if (touched === undefined) return ""',
    replace: "if (touched === undefined) return after(text, commits, nothing())",
    test: touched
  },
  {
    name: "the text of what was touched grows for ever",
    file: "store/Touched.ts",
    search: "if (whole.length <= maxLength) return whole",
    replace: "if (whole.length >= 0) return whole",
    test: touched
  }
]
