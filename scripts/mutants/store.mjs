// Bugs in what is stored. Imported by main.mjs.
const suite = "test/ports/Store.test.ts"
const file = "test/store/Sqlite.test.ts"
const damage = "test/store/SqliteDamage.test.ts"
const copies = "test/store/SqliteDamage-copies.test.ts"

const stuckDisk = "test/cli/stuck-disk.test.ts"

export const mutants = [
  {
    name: "a server whose disk stands still never ends",
    file: "cli/ExitStatus.ts",
    search: 'isHanging ? killed("SIGKILL", failed) : ',
    replace: "",
    test: stuckDisk,
    build: true
  },
  {
    name: "a second signal waits for a disk that stands still",
    file: "cli/ExitStatus.ts",
    search: "return hasStoreThread ? killed(signal, status) : process.exit(status)",
    replace: "process.exit(status)",
    test: stuckDisk,
    build: true
  },
  {
    name: "the next transaction never waits for more lines",
    file: "conversations/StoreWriter.ts",
    search: "const pauseMillis = 2",
    replace: "const pauseMillis = 0",
    test: "test/conversations/pause.test.ts"
  },
  {
    name: "the next transaction waits although no lines have come",
    file: "conversations/StoreWriter.ts",
    search: "if (lines.length > fewLines && this.hasWaiting)",
    replace: "if (lines.length > fewLines)",
    test: "test/conversations/pause.test.ts"
  },
  {
    name: "a store that does not answer is shown as one that works",
    file: "store/Measured.ts",
    search: 'isLate && store.state() === "ok"',
    replace: 'isLate && store.state() !== "ok"',
    test: "test/store/Measured.test.ts"
  },
  {
    name: "a store that has answered late is shown as one that does not answer, for ever",
    file: "store/Measured.ts",
    search: "unanswered.delete(request)",
    replace: "undefined",
    test: "test/store/Measured.test.ts"
  },
  {
    name: "a damaged text is delivered",
    file: "store/SqlLines.ts",
    search: "Checksum.ofLine({ ...line, conversation }) === line.crc",
    replace: "true",
    test: damage
  },
  {
    name: "the age of lines continues while no server runs",
    file: "store/SqlState.ts",
    search: "*running({ now }: Moment): Sql<number> {",
    replace: "*running({ now, wall }: Moment): Sql<number> { if (wall > 0) return wall",
    test: file
  },
  {
    name: "a label is recognised whatever its text",
    file: "store/SqlAppend.ts",
    search: 'if (!equal(earlier.body, body)) return { _tag: "LabelUsed" }',
    replace: "",
    test: suite
  },
  {
    name: "a label is forgotten within a transaction",
    file: "store/SqlAppend.ts",
    search: "if (once !== undefined) this.labels.set(labelOf(head.id, added.account, once), added)",
    replace: "",
    test: suite
  },
  {
    name: "anybody can read a conversation",
    file: "store/SqlLines.ts",
    search: "const member = yield* state.member(head, reader)",
    replace: "const member = head.members.values().next().value",
    test: suite
  },
  {
    name: "a page has lines from before its reader's time",
    file: "store/SqlLines.ts",
    search: "return isRoom ? head.first : Math.max(head.first, member.since)",
    replace: "return head.first",
    test: suite
  },
  {
    name: "the time of a line is before that of the one before it",
    file: "store/SqlAppend.ts",
    search: "const at = Math.max(this.moment.wall, head.at)",
    replace: "const at = this.moment.wall",
    test: suite
  },
  {
    name: "a cursor moves back",
    file: "store/SqlAppend.ts",
    search: "do update set seq = excluded.seq where excluded.seq > cursor.seq",
    replace: "do update set seq = excluded.seq",
    test: suite
  },
  {
    name: "a cursor counts one line too many as given",
    file: "store/SqlUnread.ts",
    search: "where conversation = ? and seq > ? and seq <= ? and account <> ?",
    replace: "where conversation = ? and seq >= ? and seq <= ? and account <> ?",
    test: suite
  },
  {
    name: "a new device starts at the beginning",
    file: "store/SqlAccounts.ts",
    search: "      conversation,\n      given\n    )",
    replace: "      conversation,\n      given * 0\n    )",
    test: suite
  },
  {
    name: "a removed account's name is free",
    file: "store/SqlAccounts.ts",
    search: '"select id from account where likeness = ? and state < ?", likeness, freed',
    replace: '"select id from account where likeness = ? and state < ?", likeness, removed',
    test: suite
  },
  {
    name: "a line expires while it is in an outbox",
    file: "store/SqlUpkeep.ts",
    search: "if (line.seq <= (this.held.get(line.conversation) ?? Infinity)) yield*",
    replace: "yield*",
    test: suite
  },
  {
    name: "an empty line counts nothing",
    file: "ports/StoreLines.ts",
    search: "export const lineOverhead = 100",
    replace: "export const lineOverhead = 0",
    test: suite
  },
  {
    name: "the other recipients of a line count nothing",
    file: "ports/StoreLines.ts",
    search: "  to.length +\n",
    replace: "",
    test: suite
  },
  {
    name: "guests with ever new names fill the store",
    file: "store/SqlState.ts",
    search: "guestConversationOverhead * guests",
    replace: "0",
    test: suite
  },
  {
    name: "a guest's conversation ends before a device learns that lines are gone",
    file: "store/SqlUpkeep.ts",
    search: "if (yield* this.isBehind(id)) {",
    replace: "if (false) {",
    test: suite
  },
  {
    name: "returns that are dropped count as dead for nobody",
    file: "store/SqlReturns.ts",
    search: "meta.dead += Number(found?.lines) //",
    replace: "//",
    test: suite
  },
  {
    name: "a line that is not stored begins a conversation",
    file: "store/SqlAppend.ts",
    search: "const known = yield* headOf(state, key)",
    replace: "const known = (yield* headOf(state, key)) ?? (yield* createConversation(state, key))",
    test: suite
  },
  {
    name: "guests write faster than retention removes their lines",
    file: "store/SqlAppend.ts",
    search:
      'if (key.kind === "guest" && (yield* state.excess()) > state.limits.keepBytes / 8) return { _tag: "Full" }\n',
    replace: "",
    test: suite
  },
  {
    name: "a guest's conversation begins with numbers of an earlier one",
    file: "store/SqlUpkeep.ts",
    search: "meta.endedSeq = Math.max(meta.endedSeq, head.next - 1)\n",
    replace: "",
    test: suite
  },
  {
    name: "the id of a conversation is used again",
    file: "store/SqlUpkeep.ts",
    search: "meta.endedId = Math.max(meta.endedId, head.id)\n",
    replace: "",
    test: file
  },
  {
    name: "lines that never were are reported as gone",
    file: "store/SqlLines.ts",
    search: "Math.max(seq ?? 0, since - 1)",
    replace: "(seq ?? 0)",
    test: suite
  },
  {
    name: "retention stops at lines that are in an outbox",
    file: "store/SqlUpkeep.ts",
    search: "state.retention.passed = line.id\n",
    replace: "",
    test: suite
  },
  {
    name: "unread lines go before read ones",
    file: "store/SqlUpkeep.ts",
    search: "(isSparing && isUnread(head, line))",
    replace: "(isSparing && seqOf(line) < 0)",
    also: {
      file: "store/SqlUpkeep.ts",
      search: "const isUnread = (",
      replace: "const seqOf = ({ seq }: OldLine) => seq\n\nexport const isUnread = ("
    },
    test: suite
  },
  {
    name: "numbers that are not in the table yet are dropped from memory",
    file: "store/SqlState.ts",
    search: "  private keep(head: Head) {\n",
    replace: "  private keep(head: Head) {\n    this.trim()\n",
    test: "test/store/Sqlite.test.ts"
  },
  {
    name: "an expired line is not counted",
    file: "store/SqlUpkeep.ts",
    search: "      meta.expired += 1\n",
    replace: "",
    test: suite
  },
  {
    name: "a return is given again after its sender got it",
    file: "store/SqlReturns.ts",
    search: '"delete from undelivered where id = ? and last = ?"',
    replace: '"delete from undelivered where id = -? and last = ?"',
    also: {
      file: "store/SqlReturns.ts",
      search: '"update undelivered set first = ?, count = count - ? where id = ?", last + 1, count, id',
      replace: '"update undelivered set first = first + ? - ? where id = ?", 0, 0, id'
    },
    test: suite
  },
  {
    name: "what is added to a return while its sender is notified is lost",
    file: "store/SqlReturns.ts",
    search: '"delete from undelivered where id = ? and last = ?", id, last',
    replace: '"delete from undelivered where id = ?", id',
    test: suite
  },
  {
    name: "what a removed account has written is stored after its removal",
    file: "store/SqlAppend.ts",
    search: 'if (account !== undefined && !active.has(account)) return { _tag: "Removed" }\n',
    replace: "",
    test: suite
  },
  {
    name: "a line of a forgotten device is stored once more",
    file: "store/SqlAppend.ts",
    search: "(yield* state.devicesOf(account))).has(device)",
    replace: "(yield* state.devicesOf(account))).has(device) || true",
    test: suite
  },
  {
    name: "lines that an export has left out are a fault of the store",
    file: "store/SqlChecks.ts",
    search: "line.seq !== expected && !isAfterGap",
    replace: "line.seq !== expected",
    test: copies
  },
  {
    name: "a rescued store tolerates numbers that are missing anywhere",
    file: "store/SqlChecks.ts",
    search: "gaps.some(({ first, last }) => first <= expected && last === line.seq - 1)",
    replace: "gaps.length > 0",
    test: copies
  },
  {
    name: "a check cannot read what a rescued store lacks, beside damage",
    file: "store/SqlChecks.ts",
    search: "    if (SqlGaps.has(gaps, seq)) continue\n",
    replace: "",
    test: copies
  },
  {
    name: "a check reports a gap between damaged lines as damaged",
    file: "store/SqlChecks.ts",
    search: "if (line > expected) reportUnreadable(expected - 1)",
    replace: "if (line < expected) reportUnreadable(expected - 1)",
    test: copies
  },
  {
    name: "a page calls damaged what a rescued store lacks, beside damage",
    file: "store/SqlLines.ts",
    search: "    if (SqlGaps.has(gaps, seq)) continue\n",
    replace: "",
    test: copies
  }
]
