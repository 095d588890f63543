// Mutants of held senders, jammed and stalled recipients. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "senders held by a peer are forgotten when it disconnects",
    file: "chat/Broker.ts",
    search: "input.release(peer.outbox)\n",
    replace: "\n"
  },
  {
    name: "held senders are not released when there is room",
    file: "chat/OutboxLoad.ts",
    search: "(hasRoom || isQueueShort || isPaid) && this.hasWaiting",
    replace: "(hasRoom || isQueueShort || isPaid) && false"
  },
  {
    name: "held senders are not released when the outbox is jammed",
    file: "chat/Broker.ts",
    search: 'for (const outbox of jammed) backlog.add({ _tag: "Room", outbox })',
    replace: "void jammed"
  },
  {
    name: "released senders overtake those that still wait",
    file: "chat/OutboxLoad.ts",
    search: "this.waiting = [...senders, ...this.waiting]",
    replace: "this.waiting = this.waiting"
  },
  {
    name: "a client that comes back is ahead of the lines of its last connection",
    file: "chat/Predecessors.ts",
    search: "if (!isRouted(predecessor)) return false\n",
    replace: ""
  },
  {
    name: "the lines of a connection that is over wait for room, and those of the next one for them",
    file: "chat/Routing.ts",
    search: "to !== peer.outbox && !peer.isOver) {",
    replace: "to !== peer.outbox) {",
    test: "test/chat/reconnection.test.ts"
  },
  {
    name: "a client that comes back waits for the answer to a command of its last connection",
    file: "chat/Broker.ts",
    search: "if (peer.hold !== undefined) input.routeRest(peer)\n",
    replace: "",
    test: "test/chat/reconnection.test.ts"
  },
  {
    name: "lines of connections that are over fill a queue without a bound",
    file: "chat/Routing.ts",
    search: "to.bytes >= overflowBytes && to.isFull && peer.isOver",
    replace: "false",
    test: "test/chat/reconnection.test.ts"
  },
  {
    name: "a held sender continues at the start of its block",
    file: "chat/Routing.ts",
    search: "inbox.position = at\n",
    replace: "\n"
  },
  {
    name: "a held sender continues after the line it was held at",
    file: "chat/Routing.ts",
    search: "if (stop instanceof OtherLine) {\n",
    replace: "{\n"
  },
  {
    name: "no sender is ever held",
    file: "chat/Routing.ts",
    search: "if (to.isFull && !to.isJammed && to !== peer.outbox && !peer.isOver) {",
    replace: "if (to.isFull && to.isJammed) {"
  },
  {
    name: "some of several recipients get a line twice",
    file: "chat/Routing.ts",
    search: "if (to.isFull && !to.isJammed && to !== peer.outbox && !peer.isOver) {\n",
    replace:
      "if (to.isFull && !to.isJammed) {\n          this.put(peer, outboxes.slice(0, i), peer.head + text, label)\n"
  },
  {
    name: "a line for a jammed outbox is accepted",
    file: "chat/Routing.ts",
    search: "if (to.isJammed || (to.bytes >= overflowBytes && to.isFull && peer.isOver)) {\n",
    replace: "if (false) {\n"
  },
  {
    name: "a jam never ends",
    file: "chat/Watch.ts",
    search: "this.blockedPeers.delete(peer)\n    this.socketMoved(peer)",
    replace: "this.blockedPeers.delete(peer)"
  },
  {
    name: "a stalled client is never closed",
    file: "chat/Watch.ts",
    search: "else if (now - blocked.movedAt >= this.stallMillisOf(peer)) stalled.push(peer)",
    replace: ""
  },
  {
    name: "a slow client is closed as stalled although it takes bytes",
    file: "chat/Watch.ts",
    search: "blocked.movedAt = now\n        this.socketMoved(peer)",
    replace: "this.socketMoved(peer)"
  },
  {
    name: "a held client is not probed for a broken connection",
    file: "chat/Watch.ts",
    search: "[...this.heldPeers, ...this.shortPeers.keys()].values()",
    replace: "[...this.shortPeers.keys()].values()",
    test: "test/chat/probes.test.ts"
  },
  {
    name: "the broker takes no other turn by itself after one that ran over its bounds (lost wake-up)",
    file: "chat/Broker.ts",
    search: "const isDone = backlog.length === 0 && !turn.hasUnflushed",
    replace: "const isDone = true"
  },
  {
    name: "outboxes that a turn left unflushed wait for the next event",
    file: "chat/Broker.ts",
    search: "const isDone = backlog.length === 0 && !turn.hasUnflushed",
    replace: "const isDone = backlog.length === 0"
  },
  {
    name: "a client that has used its share of a turn is forgotten",
    file: "chat/PeerInput.ts",
    search: "else if (!isAtEnd && peer.hold === undefined) backlog.continueLater(peer)",
    replace: ""
  },
  {
    name: "held senders beyond one share of a turn are forgotten",
    file: "chat/PeerInput.ts",
    search: 'backlog.add({ _tag: "Room", outbox })',
    replace: ""
  },
  {
    name: "a client is read ahead of the broker without a bound",
    file: "chat/Inbox.ts",
    search: "if (this.bytesAhead >= readAheadBytes) this.pause()",
    replace: ""
  },
  {
    name: "a paused client is never read again",
    file: "chat/Inbox.ts",
    search: "if (!this.stopped) this.socket.resume()",
    replace: ""
  }
]
