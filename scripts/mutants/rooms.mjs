// Bugs in rooms, most of which the simulation of a server with a store must find. Imported by main.mjs.
export const mutants = [
  {
    name: "a client that left a room and came back at once gets the notice that it has left",
    file: "rooms/RoomNotices.ts",
    search: "const since = before.get(peer) ?? 0",
    replace: "const since = 0",
    store: true
  },
  {
    name: "a room that cannot end on a damaged disk is tried without a pause",
    file: "rooms/RoomChanges.ts",
    search: "failed(trouble, () => this.retryStuck())",
    replace: "Effect.sync(() => this.retryStuck())",
    test: "test/rooms/stuck.test.ts"
  },
  {
    name: "a room that cannot end holds every change of other rooms",
    file: "rooms/RoomChanges.ts",
    search: "          this.ending.delete(room)\n          this.stuck.add(room)",
    replace: "          this.stuck.add(room)",
    test: "test/rooms/stuck.test.ts"
  },
  {
    name: "a room that the store could not end is entered",
    file: "rooms/RoomCommands.ts",
    search: 'if (room?.isEnding === true) return refuse("unavailable", stuck)',
    replace: "",
    test: "test/rooms/stuck.test.ts"
  },
  {
    name: "slow mode remembers every writer for ever",
    file: "rooms/Manners.ts",
    search: "&& this.written.size <= maxWriters) break",
    replace: ") break",
    test: "test/rooms/Manners.test.ts"
  },
  {
    name: "a room takes any number of silences",
    file: "rooms/Manners.ts",
    search: "if (this.silenced.size >= maxSilenced && !this.silenced.has(writer)) return false",
    replace: "",
    test: "test/rooms/Manners.test.ts"
  },
  {
    name: "a newcomer in a room is given one line from before its join",
    file: "rooms/RoomMembership.ts",
    search: "feed.follow(room.id, ofRoom(room.id), last, room.last)",
    replace: "feed.follow(room.id, ofRoom(room.id), Math.max(0, last - 1), room.last)",
    store: true
  },
  {
    name: "who has left a room is still given its lines",
    file: "rooms/RoomMembership.ts",
    search:
      "      room.feeds.delete(feed)\n      feed.forget(room.id, ofRoom(room.id))\n    }\n    const { owner } = room",
    replace: "    }\n    const { owner } = room",
    store: true
  },
  {
    name: "who was removed from a room is given its lines until the server is killed",
    file: "rooms/RoomMembership.ts",
    search:
      "      room.feeds.delete(feed)\n      feed.forget(room.id, ofRoom(room.id))\n    }\n    const { owner } = room",
    replace: "    }\n    const { owner } = room",
    test: "test/faults/kills.test.ts",
    build: true
  },
  {
    name: "a killed server has saved that members were given lines which they have not acknowledged",
    file: "conversations/FeedWindow.ts",
    search: "    this.lines += lines\n    this.bytes += bytes\n",
    replace:
      "    this.lines += lines\n    this.bytes += bytes\n    if (this.device !== undefined) " +
      "this.broker.cursors.moved(this.device, conversation, key, seq)\n",
    test: "test/faults/kills.test.ts",
    build: true
  },
  {
    name: "lines of which a device has taken some keep their place in its window",
    file: "conversations/FeedWindow.ts",
    search: "Math.floor((line.bytes * lines) / line.lines)",
    replace: "0",
    test: "test/conversations/Feed.test.ts"
  },
  {
    name: "a line that is not for a device waits for the next one, although it has taken all before",
    file: "conversations/FeedWindow.ts",
    search: "line.key === undefined || line.lines === 0) continue\n      line.upTo",
    replace: "line.key === undefined) continue\n      line.upTo",
    test: "test/conversations/Feed.test.ts"
  },
  {
    name: "a guest that has registered still writes to the rooms that it was in",
    file: "rooms/RoomMembership.ts",
    search: "if (!isPresent) room.departed.add(guest)",
    replace: "room.departed.add(guest)",
    test: "test/rooms/rooms.test.ts"
  },
  {
    name: "a guest that registers is in its rooms, but not in the store",
    file: "rooms/Rooms.ts",
    search: "Effect.match(store.rooms.join(room.id, account), {",
    replace: "Effect.match(Effect.succeed(room.last), {",
    test: "test/rooms/rooms.test.ts"
  },
  {
    name: "what a guest that registers was not given yet is lost",
    file: "conversations/Feed.ts",
    search: "const given = this.given?.get(conversation) ?? cursor",
    replace: "const given = Math.max(cursor, this.given?.get(conversation) ?? 0)",
    test: "test/rooms/rooms.test.ts"
  },
  {
    name: "a guest that registers is given again what it has got",
    file: "rooms/RoomMembership.ts",
    search: "if (place !== undefined) feed?.goOn(room.id, ofRoom(room.id), place, room.last)",
    replace: "if (place !== undefined) feed?.goOn(room.id, ofRoom(room.id), { given: 1, own: undefined }, room.last)",
    test: "test/rooms/rooms.test.ts"
  },
  {
    name: "a guest that registers is a member twice",
    file: "rooms/RoomMembership.ts",
    search: "      index.leave(room, guest)\n      if (before",
    replace: "      if (before",
    test: "test/rooms/rooms.test.ts"
  },
  {
    name: "who becomes the owner of a room stays silenced",
    file: "rooms/Rooms.ts",
    search: "if (sender.device !== undefined && sender.device.account.id === owner) return undefined",
    replace: "",
    test: "test/rooms/owners.test.ts"
  },
  {
    name: "conversations are listed with former owners of a name",
    file: "conversations/PastCommands.ts",
    search: "open.filter(isNamed).map",
    replace: "open.map",
    test: "test/rooms/looking-back.test.ts"
  },
  {
    name: "a line to a room comes back to the connection that sent it",
    file: "conversations/Feed.ts",
    search: "const isOwn = by === this.peer || this.isOwn(conversation, seq)",
    replace: "const isOwn = this.isOwn(conversation, seq)",
    store: true
  },
  {
    name: "a guest that met its own line on a page gets it",
    file: "conversations/Feed.ts",
    search: 'if (by !== this.peer || (account !== undefined && !by.words.has("copies"))) return',
    replace: 'if (by !== this.peer || account === undefined || !by.words.has("copies")) return',
    test: "test/rooms/feeds.test.ts"
  },
  {
    name: "a device that connects is not given lines of its rooms as they are stored",
    file: "rooms/RoomMembership.ts",
    search: "for (const room of this.rooms.index.of(feed.device.account)) this.present(room, feed)",
    replace: "",
    store: true
  },
  {
    name: "who is not in a room may write to it",
    file: "rooms/RoomIndex.ts",
    search: 'return room.members.has(memberOf(client)) || room.departed.has(client) ? room : "not-member"',
    replace: "return room",
    store: true
  },
  {
    name: "who is in a room does not find what was before its join",
    file: "store/MemoryLines.ts",
    search: "room === undefined ? Math.max(first, member.since) : first",
    replace: "Math.max(first, member.since)",
    store: true
  },
  {
    name: "a read mark in the store moves back",
    file: "store/MemoryLines.ts",
    search: "member.read = Math.max(member.read, Math.min(seq, nextOf(conversation) - 1))",
    replace: "member.read = Math.min(seq, nextOf(conversation) - 1)",
    store: true
  }
]
