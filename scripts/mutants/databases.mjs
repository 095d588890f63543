// Bugs in the databases: files, connections, backups, exports. Read by main.mjs, which explains the fields.
const file = "test/store/Sqlite.test.ts"
const opening = "test/store/SqliteOpening.test.ts"
const disk = "test/store/disk.test.ts"
const kills = "test/store/kills.test.ts"
const damage = "test/store/SqliteDamage.test.ts"
const copies = "test/store/SqliteDamage-copies.test.ts"
const rescue = "test/store/SqliteRescue.test.ts"
const backup = "test/store/SqliteBackup.test.ts"
const losses = "test/store/SqliteRescue-losses.test.ts"

export const mutants = [
  {
    name: "a page that touches damage is refused",
    file: "store/SqlQuery.ts",
    search: 'error.reason === "damaged") return damage',
    replace: 'error.reason === "nothing") return damage',
    test: damage
  },
  {
    name: "a page does not say which of its lines are damaged",
    file: "conversations/PastCommands.ts",
    search: "damaged: joined(damaged)",
    replace: "damaged: []",
    test: "test/conversations/damaged.test.ts"
  },
  {
    name: "a page reports numbers without lines as damaged",
    file: "conversations/PastCommands.ts",
    search: "damaged: joined(damaged)",
    replace: "damaged: lines.length > 1 ? [{ first: 2, last: 2 }] : damaged",
    test: "test/conversations/damaged.test.ts"
  },
  {
    name: "a device stays before a page whose lines are all damaged",
    file: "conversations/Feed.ts",
    search: "Math.max(behind.given, page.damaged?.at(-1)?.last ?? 0)",
    replace: "behind.given",
    test: "test/conversations/Feed.test.ts"
  },
  {
    name: "an account that cannot be rescued leaves its number, and its conversations, to the next one",
    file: "store/SqlExport.ts",
    search: "found === damage || found === undefined ? SqlRescue.withoutAccount(id)",
    replace: 'found === damage || found === undefined ? [{ type: "lost" as const, what: "account" as const, id }]',
    test: rescue
  },
  {
    name: "an export loses the lines beside those that are damaged",
    file: "store/SqlExport.ts",
    search: 'isTogether ? "l.id > ?" : "l.id = ?"',
    replace: 'isTogether ? "l.id > ?" : "l.id >= ?"',
    test: copies
  },
  {
    name: "lines are rescued of a conversation that is not",
    file: "store/SqlExport.ts",
    search: " && !position.lost.includes(line.conversation)",
    replace: "",
    test: rescue
  },
  {
    name: "a member whose row is lost waits for everything in the rescued store",
    file: "store/SqlRescue.ts",
    search: "push({ account, since: first, read: 0, given: afterAll })",
    replace: "push({ account, since: first, read: 0, given: 0 })",
    test: rescue
  },
  {
    name: "a rescue keeps the places of devices that are lost",
    file: "store/SqlExport.ts",
    search: "devices.includes(device) && !lost",
    replace: "!lost",
    test: losses
  },
  {
    name: "an import takes the places of devices that are not in it",
    file: "store/SqlImport.ts",
    search: "      if (!(yield* state.devicesOf(account)).has(device)) return\n",
    replace: "",
    test: losses
  },
  {
    name: "a device whose places are there already cannot log in",
    file: "store/SqlAccounts.ts",
    search: '"insert into cursor values (?, ?, ?, ?) on conflict (account, device, conversation) do nothing"',
    replace: '"insert into cursor values (?, ?, ?, ?)"',
    test: losses
  },
  {
    name: "a check knows nothing of places without a device",
    file: "store/SqlChecks.ts",
    search: "SqlRooms.check(), places()]",
    replace: "SqlRooms.check()]",
    test: losses
  },
  {
    name: "the number of a lost account that is only invited goes to the next one",
    file: "store/SqlRescue.ts",
    search: '    ["account", "invitation"],\n',
    replace: "",
    test: losses
  },
  {
    name: "the number of a lost account that only has lines goes to the next one",
    file: "store/SqlRescue.ts",
    search: '    ["account", "line"],\n',
    replace: "",
    test: losses
  },
  {
    name: "the number of a lost account that only had a conversation goes to the next one",
    file: "store/SqlRescue.ts",
    search: '    ["other", `conversation where kind < ${roomKind}`]\n',
    replace: "",
    test: losses
  },
  {
    name: "an import gives the numbers of accounts that it lacks to new ones",
    file: "store/SqlImport.ts",
    search: "of yield* SqlRescue.missingAccounts()",
    replace: "of [] as ReadonlyArray<number>",
    test: losses
  },
  {
    name: "damage in the invitations to a room costs the room",
    file: "store/SqlExport.ts",
    search: "room === damage) return",
    replace: "room === damage || (yield* unlessDamaged(invitedTo(id))) === damage) return",
    test: rescue
  },
  {
    name: "a new room numbers its lines as one did that is lost",
    file: "store/SqlExport.ts",
    search: "Math.max(endedSeq, yield* SqlRescue.lastLineOf(lost))",
    replace: "endedSeq",
    test: losses
  },
  {
    name: "a check ends with the first table that cannot be read",
    file: "store/SqlChecks.ts",
    search: 'error.reason === "damaged")) throw error',
    replace: 'error.reason === "nothing")) throw error',
    test: rescue
  },
  {
    name: "a block whose words cannot be read is not searched",
    file: "store/SqlSearch.ts",
    search: "if (row === damage) return [{ block, lines }]",
    replace: "if (row === damage) return []",
    test: damage
  },
  {
    name: "a store is closed once the database has answered, however long it takes",
    file: "store/PostgresEngine.ts",
    search: "setTimeout(closeMillis, true, timer)",
    replace: "new Promise<boolean>(() => {})",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "two servers use one database",
    file: "store/PostgresEngine.ts",
    search: "if (!isReserved) throw isShared ? inUseAlone : inUse",
    replace: "if (!isReserved) return connection",
    test: "test/store/Postgres.test.ts"
  },
  {
    name: "a session that the database takes for alive keeps the server from its store",
    file: "store/PostgresEngine.ts",
    search: "if (this.session !== undefined) await",
    replace: "if (this.isClosed && this.session !== undefined) await",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "a check of a damaged file loses what it has found before it fails",
    file: "store/SqliteChecks.ts",
    search: "if (faults.length === 0) faults.push(describeError(error))",
    replace: "faults.splice(0, faults.length, describeError(error))",
    test: damage
  },
  {
    name: "a transaction is reported as stored before it is flushed",
    file: "store/SqliteFile.ts",
    search: '"synchronous = full"',
    replace: '"synchronous = normal"',
    also: {
      file: "store/SqliteFile.ts",
      search: 'if (pragma(connection, "synchronous") !== 2) throw',
      replace: "if (false) throw"
    },
    test: kills
  },
  {
    name: "a database that is not there yet is taken for one that refuses",
    file: "store/PostgresEngine.ts",
    search: 'isAway(error) ? "away" : "not-accessible"',
    replace: '"not-accessible"',
    test: "test/store/Postgres.test.ts"
  },
  {
    name: "Postgres says that a commit has failed, and is believed",
    file: "store/PostgresEngine.ts",
    search: "if (await this.hasCommitted(committing.transaction)) return committing.result",
    replace: "",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "Postgres is asked for ever about a transaction that it does not know",
    file: "store/PostgresEngine.ts",
    search: 'if (codeOf(error) === "22023") return false',
    replace: "",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "two servers can use one file",
    file: "store/SqliteFile.ts",
    search: 'pragma(connection, "locking_mode = exclusive")',
    replace: "",
    test: opening
  },
  {
    name: "a file of a newer version is opened",
    file: "store/SqliteFile.ts",
    search: 'if (Number(pragma(connection, "user_version")) > migrations.length) {',
    replace: "if (false) {",
    test: opening
  },
  {
    name: "the database of another application is changed before it is refused",
    file: "store/SqliteFile.ts",
    search: "refuseOther(connection, path)\n    restrict(path)\n    prepare(connection)",
    replace: "prepare(connection)\n    refuseOther(connection, path)\n    restrict(path)",
    test: opening
  },
  {
    name: "others can read a store whose copy they could read",
    file: "store/SqliteFile.ts",
    search: "    restrict(path)\n",
    replace: "",
    test: opening
  },
  {
    name: "a store that belongs to another user cannot be opened",
    file: "store/SqliteFile.ts",
    search: 'if (!(error instanceof Error && "code" in error && error.code === "EPERM")) throw error',
    replace: "throw error",
    test: "test/cli/store.test.ts",
    build: true
  },
  {
    name: "a log that is left can be read by others",
    file: "store/SqliteFile.ts",
    search: "[path, `${path}-wal`]",
    replace: "[path]",
    test: opening
  },
  {
    name: "damage to the roots of the tables is not noticed at the start",
    file: "store/SqliteFile.ts",
    search: "SqliteChecks.edges(connection)",
    replace: "undefined",
    test: damage
  },
  {
    name: "a file that is written to is not marked",
    file: "store/SqliteEngine.ts",
    search: "if (!this.isMarked) this.statement(SqliteFile.mark).run()",
    replace: "",
    test: damage
  },
  {
    name: "a restored backup has the log of the original",
    file: "store/SqliteBackup.ts",
    search: "update meta set log = '', clean = 1",
    replace: "update meta set clean = 1",
    test: backup
  },
  {
    name: "a transaction whose commit failed is not looked for",
    file: "store/StoreThread.ts",
    search: "const isCommitted = commits === uncertain.commits",
    replace: "const isCommitted = commits === undefined",
    test: disk
  },
  {
    name: "the reserve is not given up when the disk is full",
    file: "store/SqliteEngine.ts",
    search: "        this.reserve.release()\n",
    replace: "",
    test: disk
  },
  {
    name: "a backup copies the file while pages are moved into it",
    file: "store/SqliteCheckpoints.ts",
    search: "this.isHeld ? 0 :",
    replace: "this.isHeld ? 1 :",
    test: backup
  },
  {
    name: "a large transaction lets pages be moved into a file that is copied",
    file: "store/SqliteCheckpoints.ts",
    search: "if (!this.isHeld) this.apply()",
    replace: "this.isHeld = false; this.apply()",
    test: backup
  },
  {
    name: "after a large transaction, the log stays long",
    file: "store/SqliteCheckpoints.ts",
    search: "if (isLarge === this.isUnderLoad) return",
    replace: "if (!isLarge) return",
    test: backup
  },
  {
    name: "the log grows for good after a backup",
    file: "store/SqliteBackup.ts",
    search: "if (!this.isAbandoned) this.checkpoints.hold(false)",
    replace: "",
    test: backup
  },
  {
    name: "a backup gives the lock of the file up",
    file: "store/SqliteBackup.ts",
    search: "await this.transfer(this.source, copy)",
    replace: "await this.transfer(this.source, copy); closeSync(this.source); this.source = undefined",
    test: backup
  },
  {
    name: "a backup takes the log of another file of its name",
    file: "store/SqliteBackup.ts",
    search: "if (leftover !== undefined) throw",
    replace: "if (leftover === file) throw",
    test: backup
  },
  {
    name: "a reload does not reach the store",
    file: "cli/serve/Reload.ts",
    search: "yield* store.configure(StoreFlags.limitsOf(next.values))",
    replace: "",
    test: "test/cli/control.test.ts",
    build: true
  },
  {
    name: "a commit that fails for want of memory is never answered",
    file: "store/SqliteEngine.ts",
    search: 'this.state = "unavailable"\n        failure.uncertain',
    replace: "failure.uncertain",
    test: file
  },
  {
    name: "an account is made in a store that ends with the command",
    file: "cli/serve/StoreFlags.ts",
    search: `  target === "memory"
    ? ExitStatus`,
    replace: `  target === ""
    ? ExitStatus`,
    test: "test/cli/store.test.ts",
    build: true
  },
  {
    name: "an export passes a damaged line off as good",
    file: "store/SqlExport.ts",
    search: "Checksum.ofLine(line) === line.crc",
    replace: "true",
    test: copies
  },
  {
    name: "an export ends at a page that cannot be read",
    file: "store/SqlExport.ts",
    search: 'if (part !== "lines") return undefined',
    replace: 'if (part !== "lines" || intact >= 0) return undefined',
    test: copies
  },
  {
    name: "after an import that lacks the last lines, new lines count as given",
    file: "store/SqlImport.ts",
    search: '    yield* run("update cursor set seq = ? where conversation = ? and seq > ?", last, id, last)\n',
    replace: "",
    test: copies
  },
  {
    name: "a copy gives the numbers of lost last lines again",
    file: "store/SqlExport.ts",
    search: "number === 0 || (yield* isExported(id, number))",
    replace: "number >= 0 || (yield* isExported(id, number))",
    test: copies
  },
  {
    name: "a line that cannot be read makes the conversation unreadable in a database",
    file: "store/SqlState.ts",
    search: "const size = yield* unlessDamaged(owed(key, id, account, given, next - 1))",
    replace: "const size = yield* owed(key, id, account, given, next - 1)",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "a last line that cannot be read is taken for one that is not there",
    file: "store/SqlLastNumbers.ts",
    search: "if (yield* isAnyFrom(last + step)) last += step",
    replace: "if (yield* isAnyFrom(last + step)) last += step - 1",
    test: "test/store/Postgres-failures.test.ts"
  },
  {
    name: "a started server gives the numbers of lost last lines again",
    file: "store/SqlState.ts",
    search: "Math.max(last?.seq ?? first - 1, yield* this.lastNumbers.missing(id)) + 1",
    replace: "(last?.seq ?? first - 1) + 1",
    test: copies
  },
  {
    name: "a room whose last lines are lost gives their numbers again",
    file: "store/SqlRooms.ts",
    search: "Math.max(last ?? first - 1, missing ?? 0)",
    replace: "last ?? first - 1",
    test: copies
  },
  {
    name: "a conversation without lines begins with the numbers that are lost",
    file: "store/SqlGaps.ts",
    search: "if (before === null) yield*",
    replace: "if (before === null && last < 0) yield*",
    test: copies
  },
  {
    name: "a guest's conversation whose last lines are lost never ends",
    file: "store/SqlUpkeep.ts",
    search: "(yield* state.lastNumbers.missing(head.id)) > line.seq ?",
    replace: "(yield* state.lastNumbers.missing(head.id)) < 0 ?",
    test: copies
  },
  {
    name: "an import forgets the ids of conversations that have ended",
    file: "store/SqlImport.ts",
    search: "endedId: lastConversation,",
    replace: "endedId: 0 * lastConversation,",
    test: "test/ports/Store.test.ts"
  },
  {
    name: "without the index of lines, a copy gives numbers again that a device was given",
    file: "store/SqlRescue.ts",
    search: "return Math.max(missing, known)",
    replace: "return missing",
    test: copies
  },
  {
    name: "the check does not say whose conversation is damaged",
    file: "store/SqlChecks.ts",
    search: "(${yield* partiesOf(id)})",
    replace: "(${yield* partiesOf(0 as ConversationId)})",
    test: damage
  },
  {
    name: "an account whose row is gone is lost without a word",
    file: "store/SqlExport.ts",
    search: "found === damage || found === undefined ? SqlRescue.withoutAccount(id) :",
    replace: "found === damage ? SqlRescue.withoutAccount(id) : found === undefined ? [] :",
    test: losses
  },
  {
    name: "a member whose row is gone can read its conversation no more",
    file: "store/SqlRescue.ts",
    search: "if (found !== damage && found?.state === 0) missing.push(account)",
    replace: "if (found === damage) missing.push(account)",
    test: losses
  },
  {
    name: "the copy of a rescued store is reported as damaged",
    file: "store/SqlExport.ts",
    search: "...(missing > 0 ? { missing } : {})",
    replace: "",
    test: copies
  },
  {
    name: "the copy of a rescued store reports lines that retention has removed",
    file: "store/SqlGaps.ts",
    search: " and g.last >= c.first",
    replace: "",
    test: copies
  },
  {
    name: "a store in Postgres needs a role that may ask which cluster it is in",
    file: "store/PostgresSchema.ts",
    search: 'Number(privilege?.["granted"]) === 1',
    replace: "privilege !== undefined",
    test: "test/store/Postgres.test.ts"
  },
  {
    name: "a database that was restored continues with its log",
    file: "store/PostgresSchema.ts",
    search: `if (!isSamePlace(before, now)) await connection.execute("update meta set log = ''")`,
    replace: "if (!isSamePlace(before, now)) void 0",
    test: "test/store/Postgres.test.ts"
  },
  {
    name: "a server continues with the log of a database that was restored meanwhile",
    file: "store/PostgresEngine.ts",
    search: "if (this.log !== log) throw restored",
    replace: "",
    test: "test/store/Postgres.test.ts"
  }
]
