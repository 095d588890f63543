// Bugs in rooms, which the simulation of a server with a store must find. Imported by main.mjs.
export const mutants = [
  {
    name: "who left a room and came back at once is told that it has left",
    file: "rooms/RoomNotices.ts",
    search: "const since = before.get(peer) ?? 0",
    replace: "const since = 0",
    store: true
  },
  {
    name: "a room that cannot end on a damaged disk is tried without a pause",
    file: "rooms/RoomChanges.ts",
    search: "      this.hasEnding.unsafeClose()\n      return failed",
    replace: "      return failed",
    store: true
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
    name: "what waited for who has left a room is still given",
    file: "rooms/RoomMembership.ts",
    search: "      feed.forget(room.id, ofRoom(room.id))\n    }\n    const { owner } = room",
    replace: "    }\n    const { owner } = room",
    also: {
      file: "conversations/Feed.ts",
      search: "behind !== undefined && !isOld && this.broker.mayRead(this.peer, behind.key)",
      replace: "behind !== undefined && !isOld"
    },
    store: true
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
    search: 'if (by !== this.peer || (this.device !== undefined && !by.words.has("copies"))) return',
    replace: 'if (by !== this.peer || this.device === undefined || !by.words.has("copies")) return',
    store: true
  },
  {
    name: "a client in a room misses the lines that are stored while its page is read",
    file: "conversations/Feed.ts",
    search:
      "      behind.hasMore = true\n      behind.last = Math.max(behind.last, seq)\n      return this.noteOwn(conversation, seq, by)\n",
    replace:
      '      if (key.kind !== "room") behind.hasMore = true\n      behind.last = Math.max(behind.last, seq)\n      return this.noteOwn(conversation, seq, by)\n',
    store: true
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
  }
]
