// Bugs in what is stored of rooms. Imported by main.mjs.
const suite = "test/ports/Store.test.ts"
const tables = "test/store/SqlRooms.test.ts"

const rooms = "store/SqlRooms.ts"
const lines = "store/SqlLines.ts"
const texts = "store/SharedTexts.ts"

export const mutants = [
  {
    name: "the numbers of a room start again with another one of its name",
    file: rooms,
    search: "const last = (yield* state.meta()).endedSeq",
    replace: "const last = 0",
    test: suite
  },
  {
    name: "a room that ends leaves it to chance which numbers come next",
    file: rooms,
    search: "meta.endedSeq = Math.max(meta.endedSeq, head.next - 1)\n",
    replace: "",
    test: suite
  },
  {
    name: "an account can read rooms that it is not in",
    file: lines,
    search: "if (member === undefined) return undefined\n  return isRoom",
    replace: "if (member === undefined && !isRoom) return undefined\n  return isRoom",
    test: suite
  },
  {
    name: "a guest can read conversations that are no rooms",
    file: lines,
    search: 'if (reader === "guest") return isRoom ? head.first : undefined',
    replace: 'if (reader === "guest") return head.first',
    test: suite
  },
  {
    name: "a room can be read after its end",
    file: lines,
    search: 'head.key.kind === "room" && !head.isEnded',
    replace: 'head.key.kind === "room"',
    test: suite
  },
  {
    name: "a room that has ended takes lines",
    file: "store/SqlState.ts",
    search: 'head?.key.kind === "room" && !head.isEnded',
    replace: 'head?.key.kind === "room"',
    test: suite
  },
  {
    name: "a member of a room cannot read what was before its join",
    file: lines,
    search: "return isRoom ? head.first : Math.max(head.first, member.since)",
    replace: "return Math.max(head.first, member.since)",
    test: suite
  },
  {
    name: "a new member is given what was before its join",
    file: rooms,
    search: "id, account, next, next - 1, joined)",
    replace: "id, account, 1, next - 1, joined)",
    test: suite
  },
  {
    name: "everything before a join is unread",
    file: rooms,
    search: "id, account, next, next - 1, joined)",
    replace: "id, account, next, 0, joined)",
    test: suite
  },
  {
    name: "cursors stay when their account leaves the room",
    file: rooms,
    search:
      'yield* run("delete from cursor where account = ? and device = ? and conversation = ?", account, device, id)',
    replace: "if (device === undefined) yield* run(id)",
    test: suite
  },
  {
    name: "a room passes to the newest of its members",
    file: rooms,
    search: "order by joined limit 1",
    replace: "order by joined desc limit 1",
    test: suite
  },
  {
    name: "a room belongs to an account that has left it",
    file: rooms,
    search: "if (owner !== account) return",
    replace: "if (owner !== -account) return",
    test: suite
  },
  {
    name: "a room passes to an account that is not in it",
    file: rooms,
    search: "if (owner !== undefined && (yield* state.member(head, owner)) === undefined) return false",
    replace: "",
    test: suite
  },
  {
    name: "whoever wants to joins a locked room",
    file: rooms,
    search: "if (!isInvited && room?.locked === 1) return undefined",
    replace: "",
    test: suite
  },
  {
    name: "an invitation lets its account in again and again",
    file: rooms,
    search: "const isInvited = yield* withdraw(id, account)",
    replace:
      'const isInvited = (yield* row("select account from invitation where conversation = ? and account = ?", id, ' +
      "account)) !== undefined",
    test: suite
  },
  {
    name: "a second join moves the cursors of a member",
    file: rooms,
    search: "if ((yield* state.member(head, account)) === undefined) {\n    const isInvited",
    replace:
      "if ((yield* state.member(head, account)) !== undefined) yield* removeMember(state, head, account)\n  {\n    " +
      "const isInvited",
    test: suite
  },
  {
    name: "a removed account stays the owner of its rooms",
    file: "store/SqlAccounts.ts",
    search: "yield* removeMember(state, head, account)\n",
    replace: "",
    test: suite
  },
  {
    name: "a removed account stays invited",
    file: "store/SqlAccounts.ts",
    search: '  yield* run("delete from invitation where account = ?", account)\n',
    replace: "",
    test: suite
  },
  {
    name: "a device takes what the account was given in rooms with it",
    file: "store/SqlAccounts.ts",
    search:
      'yield* run("update member set given = ? where conversation = ? and account = ?", seq, conversation, account)',
    replace: "if (seq < 0) yield* run(account, conversation)",
    test: suite
  },
  {
    name: "a new device gets what others were given in rooms",
    file: "store/SqlAccounts.ts",
    search: "for (const { conversation, given } of inRooms) {",
    replace: "for (const { conversation, given } of inRooms.slice(inRooms.length)) {",
    test: suite
  },
  {
    name: "lines that a member was given count as direct ones",
    file: "store/SqlAppend.ts",
    search: 'if (last <= member.given || head.key.kind === "room") return',
    replace: "if (last <= member.given) return",
    test: suite
  },
  {
    name: "lines of rooms return when nobody has read them",
    file: "store/SqlUpkeep.ts",
    search: '    if (head.key.kind === "room") return\n',
    replace: "",
    also: {
      file: "store/LineRecipient.ts",
      search: 'key.kind !== "room" && author !== ownAuthor(key, account)',
      replace: "author !== ownAuthor(key, account)"
    },
    test: suite
  },
  {
    name: "what waits in rooms counts for what may be unread",
    file: "store/SqlUnread.ts",
    search: "and c.kind < ${roomKind} ",
    replace: "",
    test: suite
  },
  {
    name: "retention spares what is in rooms like unread direct lines",
    file: "store/SqlUpkeep.ts",
    search: 'key.kind !== "room" && [...members]',
    replace: 'key.kind === "room" || [...members]',
    test: suite
  },
  {
    name: "rooms fill the store beyond every bound",
    file: "store/SqlAppend.ts",
    search:
      'if ((yield* state.excess()) > state.limits.keepBytes / 8) return { _tag: "Full" }\n    if (account !== ' +
      "undefined) yield*",
    replace: "if (account !== undefined) yield*",
    test: suite
  },
  {
    name: "the lines of a room stay on disk after its end",
    file: "store/SqlUpkeep.ts",
    search: "  yield* step.removeEnded()\n",
    replace: "",
    test: suite
  },
  {
    name: "the lines of a room are exported after its end",
    file: "store/SqlExport.ts",
    search: '"l.id = ?"} and c.kind < ${endedKind} order by',
    replace: '"l.id = ?"} order by',
    test: suite
  },
  {
    name: "an import forgets who has been in a room longest",
    file: "store/SqlImport.ts",
    search: "const joined = room === null ? 0 : index + 1",
    replace: "const joined = room === null ? 0 : members.length - index",
    test: suite
  },
  {
    name: "a text goes with the first of the lines that have it",
    file: texts,
    search: "where id = ? and uses = 0",
    replace: "where id = ?",
    test: suite
  },
  {
    name: "a text stays on disk after the last line that had it",
    file: texts,
    search: "where id = ? and uses = 0",
    replace: "where id = ? and uses < 0",
    test: suite
  },
  {
    name: "a text is stored for each recipient",
    file: texts,
    search: "same.length === 1) continue",
    replace: "same.length > 0) continue",
    test: tables
  },
  {
    name: "the text of a label is compared with nothing, because it is elsewhere",
    file: "store/SqlAppend.ts",
    search: "`select l.seq, l.at, ${text} from ${linesWithText}",
    replace: "`select l.seq, l.at, l.body from ${linesWithText}",
    test: suite
  },
  {
    name: "a line to a room reads all of its members",
    file: "store/SqlState.ts",
    search: 'head.key.kind === "room" || (yield* this.loadMembers(head))',
    replace: "yield* this.loadMembers(head)",
    test: tables
  },
  {
    name: "rooms grow in memory until retention comes",
    file: "store/MemoryLines.ts",
    search: "else if (conversation.lines.length > keepLines) state.removeFirst(conversation)",
    replace: "",
    test: "test/store/MemoryRooms.test.ts"
  },
  {
    name: "in memory, a room that has ended keeps its likeness",
    file: "store/MemoryState.ts",
    search: "if (room !== undefined) this.roomsLike.delete(room.likeness)",
    replace: "",
    test: suite
  },
  {
    name: "in memory, a room can be read by accounts that are not in it",
    file: "store/MemoryLines.ts",
    search: "return member === undefined ? undefined : room === undefined",
    replace: "return member === undefined ? room && first : room === undefined",
    test: suite
  }
]
