// Bugs in acknowledgements by clients. Read by main.mjs, which explains the fields.
const test = "test/chat/acknowledgement.test.ts"
const unacknowledged = "test/chat/unacknowledged.test.ts"
const floods = "test/chat/acknowledgement-floods.test.ts"
const leaving = "test/chat/acknowledgement-leaving.test.ts"

export const mutants = [
  {
    name: "messages to a client that acknowledges settle when they are written",
    file: "chat/Settlement.ts",
    search: "if (outbox.unacknowledged === undefined) settleNow(outbox, batch, fate)",
    replace: "settleNow(outbox, batch, fate)\n    if (true) {}"
  },
  {
    name: "replies count as messages for an acknowledgement",
    file: "chat/Unacknowledged.ts",
    search: "if (sender === undefined || before === count) continue",
    replace: "if (before === count) continue"
  },
  {
    name: "messages from before /hello ack count",
    file: "chat/OutboxLoad.ts",
    search: "new Unacknowledged(owner, this.linesHere, this.bounds.budget)",
    replace: "new Unacknowledged(owner, 0, this.bounds.budget)"
  },
  {
    name: "an acknowledgement settles one message too many",
    file: "chat/Unacknowledged.ts",
    search: "this.acknowledged = messages\n",
    replace: "this.acknowledged = messages + 1\n"
  },
  {
    name: "a client may acknowledge what was never sent to it",
    file: "chat/Unacknowledged.ts",
    search: "if (messages > this.written && messages > this.written + this.messagesIn(inHand)) return undefined",
    replace: ""
  },
  {
    name: "the acknowledgement of a part of a write is refused",
    file: "chat/Unacknowledged.ts",
    search: "messages > this.written + this.messagesIn(inHand)",
    replace: "messages > this.written",
    test
  },
  {
    name: "what was acknowledged before the write was settled is forgotten",
    file: "chat/Settlement.ts",
    search: 'unacknowledged.isAhead || owner.phase._tag === "Leaving"',
    replace: 'owner.phase._tag === "Leaving"',
    test
  },
  {
    name: "unacknowledged messages do not count against the bounds",
    file: "chat/OutboxLoad.ts",
    search: "if (written.isCounted) {",
    replace: "if (false) {"
  },
  {
    name: "what was acknowledged of a write that breaks returns, if the kernel does not say how far it got",
    file: "chat/Lifecycle.ts",
    search: "outbox.unacknowledged?.linesGot(batch) ?? 0",
    replace: "0"
  },
  {
    name: "an acknowledgement does not show that the client has got the lines from before its /hello ack",
    file: "chat/Unacknowledged.ts",
    search: "let earlier = this.earlier\n    let lines",
    replace: "let earlier = 0\n    let lines",
    test
  },
  {
    name: "senders are not released by an acknowledgement",
    file: "chat/Lifecycle.ts",
    search:
      "this.broker.settleLater(peer)\n    if (outbox.makeRoom()) this.broker.hasRoom(outbox)\n    " +
      "this.finishIfSettled(peer)",
    replace: "this.broker.settleLater(peer)\n    this.finishIfSettled(peer)",
    test: unacknowledged
  },
  {
    name: "a client is not read from while it has acknowledged too little",
    file: "chat/Routing.ts",
    search: "if (isHeard && (outbox.isQueueFull || outbox.isOwed) && !peer.isOver) return outbox",
    replace: "if (isHeard && (outbox.isFull || outbox.isOwed) && !peer.isOver) return outbox",
    also: {
      file: "chat/PeerInput.ts",
      search: "peer.outbox === outbox ? outbox.isQueueFull || outbox.isOwed :",
      replace: "peer.outbox === outbox ? outbox.isFull || outbox.isOwed :"
    }
  },
  {
    name: "a held client's unacknowledged messages hold its senders",
    file: "chat/PeerInput.ts",
    search: "if (peer.outbox.ownerIsHeld()) hasRoom(peer.outbox)",
    replace: "",
    test: floods
  },
  {
    name: "unacknowledged messages never count again after a hold",
    file: "chat/OutboxLoad.ts",
    search: "this.written.isCounted = true\n",
    replace: "\n",
    test: floods
  },
  {
    name: "a client waits for its own acknowledgements of what it writes to itself",
    file: "chat/Routing.ts",
    search: "&& to !== peer.outbox",
    replace: ""
  },
  {
    name: "a client that acknowledges nothing is never closed",
    file: "chat/Broker.ts",
    search: 'for (const peer of unresponsive.unreachable) breakOff(peer, "unreachable")',
    replace: ""
  },
  {
    name: "a client that acknowledges slowly is closed as unreachable",
    file: "chat/Watch.ts",
    search: "this.unresponsive.moved(peer)\n",
    replace: "\n"
  },
  {
    name: "a client that only repeats its last acknowledgement is closed as unreachable",
    file: "chat/Unresponsive.ts",
    search: "if (waiting !== undefined) waiting.aliveAt = this.time()",
    replace: "if (waiting === undefined) return",
    test: unacknowledged
  },
  {
    name: "a client is among those that wait only after the cause of its wait was lifted",
    file: "chat/PeerInput.ts",
    search: "if (peer.outbox.ownerIsHeld()) hasRoom(peer.outbox)",
    replace: "peer.outbox.ownerIsHeld()",
    test: unacknowledged
  },
  {
    name: "the senders of a client that leaves stay held",
    file: "chat/Lifecycle.ts",
    search:
      "    // Nothing else would release the senders: there may be nothing left to write.\n    if " +
      "(outbox.makeRoom()) this.broker.hasRoom(outbox)",
    replace: "",
    test: unacknowledged
  },
  {
    name: "a repeated acknowledgement releases the held senders",
    file: "chat/Lifecycle.ts",
    search: "this.broker.watch.unresponsive.stillBusy(peer)",
    replace: "this.broker.watch.acknowledged(peer)",
    test: unacknowledged
  },
  {
    name: "the time to acknowledge continues while a client is held",
    file: "chat/Unresponsive.ts",
    search: "if (waiting.heldSince !== undefined) continue",
    replace: "",
    test: floods
  },
  {
    name: "a client that acknowledges nothing is never jammed",
    file: "chat/Watch.ts",
    search: "this.unresponsive.forEach(jam)\n",
    replace: "\n"
  },
  {
    name: "an acknowledgement does not end a jam",
    file: "chat/Watch.ts",
    search: "if (blocked !== undefined) blocked.movedAt = this.time\n    peer.outbox.unjam()",
    replace: "if (blocked !== undefined) blocked.movedAt = this.time",
    test: unacknowledged
  },
  {
    name: "a client that acknowledges what it has is closed because its socket takes nothing",
    file: "chat/Watch.ts",
    search: "if (blocked !== undefined) blocked.movedAt = this.time\n",
    replace: "void blocked\n",
    test: unacknowledged
  },
  {
    name: "a client that has acknowledged something is never closed because its socket takes nothing",
    file: "chat/Watch.ts",
    search: "if (blocked !== undefined) blocked.movedAt = this.time\n",
    replace: "if (blocked !== undefined) blocked.movedAt = Infinity\n",
    test: unacknowledged
  },
  {
    name: "what was not acknowledged is lost when the connection ends",
    file: "chat/Lifecycle.ts",
    search: "const unacknowledged = outbox.unacknowledged?.takeAll() ?? []",
    replace: "outbox.unacknowledged?.takeAll(); const unacknowledged: ReadonlyArray<Runs<Peer>> = []"
  },
  {
    name: "acknowledgements after /quit are ignored",
    file: "chat/Routing.ts",
    search: "this.isAcknowledgement(peer, line.slice(Line.label(line)?.length ?? 0))",
    replace: "void line",
    test: leaving
  },
  {
    name: "a client that quits is not asked for its acknowledgements",
    file: "chat/Lifecycle.ts",
    search: "if (peer.isHeardAfterQuit && !peer.outbox.isEmpty) return",
    replace: "",
    test: leaving
  },
  {
    name: "a client that quits and acknowledges nothing is waited for longer than the linger time",
    file: "chat/Unresponsive.ts",
    search:
      "if (peer.isHeardAfterQuit && now - waiting.movedAt >= this.lingerMillis) leaving.push(peer)\n      else if",
    replace: "if",
    test: leaving
  },
  {
    name: "a client that can acknowledge no more is waited for",
    file: "chat/PeerInput.ts",
    search: "broker.lifecycle.acknowledgesNoMore(peer)\n",
    replace: "\n"
  },
  {
    name: "acknowledgements are refused during a shutdown",
    file: "chat/Routing.ts",
    search: "if (this.isAcknowledgement(peer, rest)) return undefined",
    replace: "if (!peer.isShutOut && this.isAcknowledgement(peer, rest)) return undefined"
  },
  {
    name: "acknowledgements count against the rate",
    file: "chat/Routing.ts",
    search: "if (this.isAcknowledgement(peer, rest)) return undefined",
    replace:
      "if ((peer.rate === undefined || this.mayPass(peer, label)) && this.isAcknowledgement(peer, rest)) return " +
      "undefined",
    test
  },
  {
    name: "a drain does not cut off clients that have not acknowledged everything",
    file: "chat/Drain.ts",
    search: "const hasLines = !peer.outbox.isEmpty",
    replace: "const hasLines = peer.outbox.lines > 0",
    test: leaving
  },
  {
    name: "the memory of acknowledged messages is still counted",
    file: "chat/Unacknowledged.ts",
    search: "this.budget.used += runs * runBytes",
    replace: "this.budget.used += Math.max(0, runs) * runBytes"
  },
  {
    name: "a client that waits for outcomes of lines to itself cannot acknowledge them",
    file: "chat/OutboxLoad.ts",
    search: "const pending = this.outcomes - this.ownOutcomes",
    replace: "const pending = this.outcomes",
    test: unacknowledged
  }
]
