// Mutants of held senders, jammed and stalled recipients. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "senders held by a peer are forgotten when it disconnects",
    file: "chat/Sessions.ts",
    search: "this.release(peer.outbox)\n  }",
    replace: "}"
  },
  {
    name: "held senders are not released when there is room",
    file: "chat/Outbox.ts",
    search: "&& this.waiting.length > 0",
    replace: "&& false"
  },
  {
    name: "held senders are not released when the outbox is jammed",
    file: "chat/Broker.ts",
    search: "for (const peer of deadlines.jammed(time)) sessions.release(peer.outbox)",
    replace: "deadlines.jammed(time)"
  },
  {
    name: "released senders overtake those that still wait",
    file: "chat/Sessions.ts",
    search: "outbox.waiting = [...still, ...outbox.waiting]",
    replace: "outbox.waiting = outbox.waiting"
  },
  {
    name: "a held sender continues at the start of its block",
    file: "chat/Routing.ts",
    search: "peer.inlet.position = position",
    replace: "peer.inlet.position = 0"
  },
  {
    name: "a held sender continues after the line it was held at",
    file: "chat/Routing.ts",
    search: "if (full !== undefined) return this.hold(peer, full, at)",
    replace: "if (full !== undefined) return this.hold(peer, full, end + 1)"
  },
  {
    name: "no sender is ever held",
    file: "chat/Routing.ts",
    search: "if (outbox.full && !outbox.jammed) {",
    replace: "if (outbox.full && outbox.jammed) {"
  },
  {
    name: "some of several recipients get a line twice",
    file: "chat/Routing.ts",
    search: "if (outbox.jammed) {\n",
    replace: "if (outbox.full && !outbox.jammed) return outbox\n      if (outbox.jammed) {\n",
    also: {
      file: "chat/Routing.ts",
      search: "if (outbox.full && !outbox.jammed) {",
      replace: "if (false) {"
    }
  },
  {
    name: "a line for a jammed outbox is accepted",
    file: "chat/Routing.ts",
    search: "if (outbox.jammed) {\n",
    replace: "if (false) {\n"
  },
  {
    name: "a jam never ends",
    file: "chat/Deadlines.ts",
    search: "this.blockedPeers.delete(peer)\n    peer.outbox.jammed = false",
    replace: "this.blockedPeers.delete(peer)"
  },
  {
    name: "a stalled client is never closed",
    file: "chat/Deadlines.ts",
    search: "else if (now - blocked.movedAt >= this.stallMillis) stalled.push(peer)",
    replace: ""
  },
  {
    name: "a slow client is closed as stalled although it takes bytes",
    file: "chat/Deadlines.ts",
    search: "blocked.movedAt = now\n",
    replace: "\n"
  },
  {
    name: "a held client is not probed for a broken connection",
    file: "chat/Deadlines.ts",
    search: "for (const peer of this.heldPeers) peer.socket.probe()",
    replace: ""
  },
  {
    name: "a paused client is never read again",
    file: "chat/Inlet.ts",
    search: "if (!this.stopped) this.socket.resume()",
    replace: ""
  }
]
