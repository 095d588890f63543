// Bugs in rooms and accounts that several servers have in memory. Imported by main.mjs.
const order = "test/conversations/ChangesElsewhere.test.ts"
const kept = "test/cluster/kept-rooms.test.ts"

const changes = "conversations/ChangesElsewhere.ts"
const elsewhere = "rooms/RoomsElsewhere.ts"

export const mutants = [
  {
    name: "a room of guests ends when a server takes others for lost, or they it",
    file: "rooms/Rooms.ts",
    search: "if (elsewhere.isLosing) abandoned.add(room)",
    replace: "if (elsewhere.isLosing && room.last < 0) abandoned.add(room)",
    test: kept
  },
  {
    name: "a room that only guests of a lost server were in never ends",
    file: "rooms/Rooms.ts",
    search: "notices.run, endEmptyLater, endAbandoned]",
    replace: "notices.run, endEmptyLater]",
    test: kept
  },
  {
    name: "a room ends that an account has entered at another server",
    file: "rooms/RoomChanges.ts",
    search: "this.store.rooms.end(room.id, this.isShared)",
    replace: "this.store.rooms.end(room.id)",
    test: kept
  },
  {
    name: "a change of this server is taken after those of others that the store has later",
    file: changes,
    search: "unread.slice(0, own + 1)",
    replace: "unread",
    test: order
  },
  {
    name: "a change of a room does not wait for earlier ones of other servers",
    file: "rooms/RoomChanges.ts",
    search: "Effect.zipLeft(decision as Effect.Effect<() => A, StoreError>, this.beforeOwn)",
    replace: "(decision as Effect.Effect<() => A, StoreError>)",
    test: kept
  },
  {
    name: "a server hears its own changes as those of others",
    file: changes,
    search: "if (by === sharing.server) return\n",
    replace: "",
    test: order
  },
  {
    name: "a device that was taken back is logged out",
    file: changes,
    search: "if (!isOver) take(change)",
    replace: "take(change)",
    test: order
  },
  {
    name: "a server that has missed changes never notices",
    file: changes,
    search: "this.mustReload ||= !isComplete",
    replace: "this.mustReload ||= false",
    test: order
  },
  {
    name: "what could not be read before one's own change is never read again",
    file: changes,
    search: "Effect.sync(() => (this.mustReload = true))",
    replace: "Effect.void",
    test: order
  },
  {
    name: "a lost server leaves its guests in the rooms",
    file: elsewhere,
    search: "for (const guest of guests.values()) this.exit(room, guest, null)",
    replace: "void [room, guests]",
    test: kept
  },
  {
    name: "a guest elsewhere that registers is announced once more",
    file: elsewhere,
    search: "wasVisible ||= isVisible(guest)",
    replace: "",
    test: kept
  },
  {
    name: "guests elsewhere are not in a room that is heard of later",
    file: elsewhere,
    search:
      "for (const guest of rooms.get(room.id)?.values() ?? []) this.rooms.membership().enter(room, guest, room.last)",
    replace: "void rooms",
    test: kept
  },
  {
    name: "a guest elsewhere cannot be removed",
    file: elsewhere,
    search: "this.numbers.get(member) !== number",
    replace: "true",
    test: kept
  },
  {
    name: "a silence holds at one server only",
    file: elsewhere,
    search: "if (millis > 0) room.manners.silence(writer, millis)",
    replace: "if (millis > 0) room.manners.unsilence(writer)",
    test: kept
  },
  {
    name: "guests stay in a room that another server has locked",
    file: "rooms/StoredChanges.ts",
    search: "if (isLocked) {\n",
    replace: "if (isLocked && actor.peer !== undefined) {\n",
    test: kept
  },
  {
    name: "what was stored while a server was cut off never reaches its guests",
    file: "rooms/Rooms.ts",
    search: "all.forEach(({ id, last }) => announced(id, last))",
    replace: "void all",
    test: kept
  },
  {
    name: "lines that another server has stored for a room reach nobody",
    file: "rooms/Rooms.ts",
    search: "for (const feed of room.feeds) host.announced(feed, room.id, last)",
    replace: "",
    test: kept
  },
  {
    name: "a name that was freed and taken again is lost",
    file: "accounts/AccountIndex.ts",
    search: "if (this.byLikeness.get(likeness)?.id === id) ",
    replace: "",
    test: kept
  },
  {
    name: "a guest keeps a name that became an account at another server",
    file: "accounts/AccountsElsewhere.ts",
    search: "expelOthers(accounts, change.account.name)",
    replace: "",
    test: kept
  },
  {
    name: "a new password elsewhere leaves devices logged in",
    file: "accounts/AccountsElsewhere.ts",
    search: 'return logOut(account.id, "password")',
    replace: "return",
    test: kept
  },
  {
    name: "a device counts as away where it is connected to another server",
    file: "rooms/RoomCommands.ts",
    search: " || host.devicesElsewhere.has(member)",
    replace: "",
    test: kept
  }
]
