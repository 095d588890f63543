// Mutants of the bounds of a turn, and of what clients share in it. Read by main.mjs, which explains the fields.
const test = "test/chat/turn-bounds.test.ts"
const notices = "test/chat/notices.test.ts"

export const mutants = [
  {
    name: "parsing an address with thousands of names counts as no work",
    file: "chat/Routing.ts",
    search: "this.turn.spend(work.addressByte * (colon < 0 ? rest.length : colon))\n",
    replace: "",
    test: "test/chat/turn-bounds.test.ts"
  },
  {
    name: "the broker waits as long as connections are accepted",
    file: "chat/Events.ts",
    search: "if (this.acceptTurns <= maxAcceptTurns) return true\n    this.acceptTurns = 1\n    return false",
    replace: "return true",
    test: "test/chat/Events.test.ts"
  },
  {
    name: "what is read while the broker continues waits for another turn",
    file: "chat/Events.ts",
    search: "if (!waits && this.brought.length > 0)",
    replace: "if (!waits && this.brought.length > 0 && !this.goesOn)",
    test: "test/chat/Events.test.ts"
  },
  {
    name: "a line that is stored at once is given in the next turn",
    file: "conversations/StoreWriter.ts",
    search: "this.isStarting ? Effect.sync(run) : this.broker.inTurn(run)",
    replace: "this.broker.inTurn(run)",
    test: "test/rooms/feeds.test.ts"
  },
  {
    name: "the broker waits for a single accept",
    file: "chat/Events.ts",
    search: "this.acceptTurns < 2 ||",
    replace: "this.acceptTurns < 1 ||",
    test: "test/chat/Events.test.ts"
  },
  {
    name: "what the broker has handled is kept while there is more to do",
    file: "chat/Backlog.ts",
    search: "if (this.next === this.front.length) {",
    replace: "this.front.push(...this.back.splice(0))\n    if (this.next === this.front.length) {",
    test: "test/chat/Backlog.test.ts"
  },
  {
    name: "the text of a block is kept after it was handled",
    file: "chat/Inbox.ts",
    search: 'if (current?._tag === "Lines") current.release()',
    replace: "",
    test: "test/chat/Inbox.test.ts"
  },
  {
    name: "a login waits for all floods",
    file: "chat/Backlog.ts",
    search: "(first.length === 0 || this.inARow >= this.most)",
    replace: "true",
    test: "test/chat/Backlog.test.ts"
  },
  {
    name: "the ends of clients come before the lines of others",
    file: "chat/Backlog.ts",
    search: "if (bytesAhead === 0) queue.first.push(event)",
    replace: "if (bytesAhead === 0) prompt.first.push(event)",
    test: "test/chat/Backlog.test.ts"
  },
  {
    name: "large input waits as long as there is small input",
    file: "chat/Backlog.ts",
    search: "new Pair<Event>(32)",
    replace: "new Pair<Event>(Infinity)",
    test: "test/chat/Backlog.test.ts"
  },
  {
    name: "the ends of all clients that leave at once are reported at once",
    file: "transport/Endings.ts",
    search: "if (this.reported >= atOnce || this.waiting.length > 0) {",
    replace: "if (false) {",
    test: "test/transport/Endings.test.ts"
  },
  {
    name: "an end overtakes those that wait",
    file: "transport/Endings.ts",
    search: " || this.waiting.length > 0",
    replace: "",
    test: "test/transport/Endings.test.ts"
  },
  {
    name: "the probes of held clients begin again in each turn",
    file: "chat/Watch.ts",
    search: "this.probing ??= ",
    replace: "this.probing = ",
    test: "test/chat/probes.test.ts"
  },
  {
    name: "one acknowledgement settles all lines at once",
    file: "chat/Lifecycle.ts",
    search: "this.receiveAcknowledged(outbox, settledAtOnce)",
    replace: "this.receiveAcknowledged(outbox)",
    test: "test/chat/turn-bounds.test.ts"
  },
  {
    name: "the rest of a large acknowledgement is forgotten",
    file: "chat/Lifecycle.ts",
    search: "if (outbox.unacknowledged?.isAhead === true) this.broker.settleLater(peer)",
    replace: "",
    test: "test/chat/turn-bounds.test.ts"
  },
  {
    name: "no turn follows one that has left something to do",
    file: "chat/Broker.ts",
    search: "const isDone = backlog.length === 0 && !turn.hasUnflushed",
    replace: "const isDone = true",
    test
  },
  {
    name: "outboxes that a turn has not flushed are forgotten",
    file: "chat/Turn.ts",
    search: "this.later = all.length <= flushes ? [] : all.slice(flushes)",
    replace: "this.later = []",
    test
  },
  {
    name: "a turn has no end",
    file: "chat/Turn.ts",
    search: "return this.done + this.flushWork >= this.bounds.work\n",
    replace: "return false\n",
    test
  },
  {
    name: "a client's share has no end",
    file: "chat/Turn.ts",
    search: "return this.done >= this.shareEnd",
    replace: "return false",
    test
  },
  {
    name: "a line that costs many shares costs one",
    file: "chat/Turn.ts",
    search: "client.shareUsed -= this.bounds.share",
    replace: "client.shareUsed = 0",
    test
  },
  {
    name: "a client that has used its share is not served again",
    file: "chat/PeerInput.ts",
    search: "else if (!isAtEnd && peer.hold === undefined) backlog.continueLater(peer)",
    replace: "",
    test
  },
  {
    name: "held senders that a turn has not released stay held",
    file: "chat/PeerInput.ts",
    search: 'backlog.add({ _tag: "Room", outbox })\n        break',
    replace: "break",
    test
  },
  {
    name: "a labelled mistake shares its reply with others",
    file: "chat/Replies.ts",
    search: "if (label !== undefined) return this.reply(peer, refusal(label))",
    replace: "",
    test
  },
  {
    name: "mistakes share a reply although a line between them was delivered",
    file: "chat/Replies.ts",
    search: 'if (peer.pendingReply?._tag === "Refused") this.flushPending(peer)',
    replace: "",
    test
  },
  {
    name: "different mistakes share a reply",
    file: "chat/Replies.ts",
    search: 'if (pending?._tag === "Refused" && isSameRefusal(pending.refusal, refusal)) {',
    replace: 'if (pending?._tag === "Refused") {',
    test
  },
  {
    name: "notices go to all subscribers in one turn",
    file: "chat/Notices.ts",
    search: "if (isOver()) return false",
    replace: "",
    test: notices
  },
  {
    name: "notices that a turn has not sent are forgotten",
    file: "chat/Notices.ts",
    search: "if (!this.sendUntil(() => turn.isOver)) sendLater()",
    replace: "this.sendUntil(() => turn.isOver)",
    test: notices
  },
  {
    name: "notices that come while others are sent stay collected",
    file: "chat/Notices.ts",
    search: "if (this.collected.length > 0) this.collecting.unsafeOpen()",
    replace: "",
    test: notices
  },
  {
    name: "a subscriber is notified of itself when many log in",
    file: "chat/Notices.ts",
    search: "if (places === undefined) return",
    replace: "return",
    test: notices
  },
  {
    name: "a subscriber is notified of the end of an earlier client of its name",
    file: "chat/Notices.ts",
    search: "this.collected.push({ line, about })",
    replace: 'this.collected.push({ line, about: line.startsWith("* left ") ? "" : about })',
    test: notices
  },
  {
    name: "several notices count as one line",
    file: "chat/Notices.ts",
    search: "blocks.push({ text, lines: at - first, own })",
    replace: "blocks.push({ text, lines: 1, own })",
    test: notices
  },
  {
    name: "a callback that throws stops all fibers for ever",
    file: "chat/Scheduler.ts",
    search: "    } finally {\n      this.run()\n    }",
    replace: "      this.run()\n    } finally {\n    }",
    test: "test/chat/Scheduler.test.ts"
  }
]
