// Bugs in lines to accounts: how they are stored, and given to devices. Imported by main.mjs.
const feed = "test/conversations/Feed.test.ts"
const delivery = "test/conversations/delivery.test.ts"
const damaged = "test/conversations/damaged.test.ts"
const trouble = "test/conversations/trouble.test.ts"
const returns = "test/conversations/returns.test.ts"
const retention = "test/conversations/retention.test.ts"
const receipts = "test/conversations/receipts.test.ts"
const shutdown = "test/conversations/shutdown.test.ts"

export const mutants = [
  {
    name: "a permit is lost with the fiber that was interrupted before it could use it",
    file: "concurrency/FifoSemaphore.ts",
    search: "this.waiting.delete(give) ? Effect.void : this.release",
    replace: "Effect.sync(() => this.waiting.delete(give))",
    test: "test/concurrency/FifoSemaphore.test.ts"
  },
  {
    name: "a label that is in use is reported without the recipient",
    file: "protocol/Reply.ts",
    search: 'refusal("label-used", Name.show(recipient), ',
    replace: 'refusal("label-used", "", ',
    test: delivery
  },
  {
    name: "a label that is in use with one recipient is taken for a refusal of the whole line",
    file: "client/Outcomes.ts",
    search: " || (received.code === labelUsed && names.length > 0)",
    replace: "",
    test: "test/client/Outcomes.test.ts"
  },
  {
    name: "a gap in a conversation of a guest has the likeness in the place of the name",
    file: "conversations/Rendering.ts",
    search: "return guest ?? Wire.encode(key.likeness)",
    replace: "return Wire.encode(key.likeness)",
    test: retention
  },
  {
    name: "after a crash, a device gets copies of what it sent itself",
    file: "conversations/Feed.ts",
    search: " || line.isOwn === true",
    replace: "",
    test: "test/conversations/delivery.test.ts"
  },
  {
    name: "a cursor is moved when a line is given, not when it was taken",
    file: "conversations/Feed.ts",
    search: "this.window.add(conversation, key, 1, seq, shown.length, false)",
    replace:
      "this.window.add(conversation, key, 1, seq, shown.length, false); if (this.device !== undefined) " +
      "this.broker.cursors.moved(this.device, conversation, key, seq)",
    test: delivery
  },
  {
    name: "the first line that is stored while a device logs in is passed over",
    file: "conversations/Feed.ts",
    search: "this.fallBehind(conversation, key, seq - 1, seq, guest)",
    replace: "this.fallBehind(conversation, key, seq, seq, guest)",
    test: feed
  },
  {
    name: "a line that was on the last page is given once more",
    file: "conversations/Feed.ts",
    search: "if (seq <= before) return",
    replace: "if (seq < 0) return",
    test: feed
  },
  {
    name: "a device is live after a page that is not the last",
    file: "conversations/Feed.ts",
    search: "if (hasMore || behind.hasMore)",
    replace: "if (behind.hasMore)",
    test: delivery
  },
  {
    name: "a device is live although lines were stored since its last page was asked for",
    file: "conversations/Feed.ts",
    search: "if (hasMore || behind.hasMore)",
    replace: "if (hasMore)",
    test: feed
  },
  {
    name: "a device that is full is given more",
    file: "conversations/Feed.ts",
    search: "if (seq > before + 1 || !this.window.hasRoom)",
    replace: "if (seq > before + 1)",
    test: feed
  },
  {
    name: "damaged lines at the end of a conversation are asked for again, and not told",
    file: "conversations/Feed.ts",
    search: "if (!hasMore && last > behind.given) {",
    replace: "if (!hasMore && lines.length === 0 && last > behind.given) {",
    test: feed
  },
  {
    name: "lines that meet a defect of the store are never settled",
    file: "conversations/StoreWriter.ts",
    search: "Effect.flatMap(Effect.exit(append), (answer)",
    replace: "Effect.flatMap(Effect.exit(Effect.catchAllDefect(append, () => Effect.never)), (answer)",
    test: trouble
  },
  {
    name: "a page that is damaged is asked for again and again",
    file: "conversations/Feed.ts",
    search: "    behind.isSingle = true\n",
    replace: "",
    test: feed
  },
  {
    name: "a line that is intact is passed over with the damaged ones of its page",
    file: "conversations/Feed.ts",
    search: "if (behind.isSingle) behind.after += 1\n",
    replace: "behind.after += 1\n",
    test: feed
  },
  {
    name: "everybody waits while a part of the store is damaged",
    file: "conversations/Pager.ts",
    search: 'error.reason === "damaged"',
    replace: "false",
    test: damaged
  },
  {
    name: "a device whose feed has a defect stays connected, and is given nothing",
    file: "conversations/LostFeeds.ts",
    search: "if (peer.outbox.ended === undefined) this.broker.expel(peer, FatalReply.cannotGive(retryMillis))",
    replace: "",
    test: damaged
  },
  {
    name: "a damaged store is logged each second",
    file: "conversations/StoreTrouble.ts",
    search: "if (before !== undefined && this.now() - before < logMillis) return Effect.void\n",
    replace: "",
    test: damaged
  },
  {
    name: "lines that a failing store does not have stay in flight at the end of a drain",
    file: "conversations/Conversations.ts",
    search: "        cutOff: () => started.cutOff()\n",
    replace: "",
    test: shutdown
  },
  {
    name: "a mailbox is forgotten while an address is resolved that leads to it",
    file: "conversations/Mailboxes.ts",
    search: "    this.idle.add(mailbox)\n    return mailbox",
    replace: "    this.rest(mailbox)\n    return mailbox",
    test: "test/conversations/mailboxes.test.ts"
  },
  {
    name: "a device with a guest's many conversations remembers all of them",
    file: "conversations/RecentNumbers.ts",
    search: "if (this.numbers.size + (this.numbers.has(key) ? 0 : 1) > this.most) this.forgetOldest()\n",
    replace: "",
    test: "test/conversations/RecentNumbers.test.ts"
  },
  {
    name: "what a device was given last is forgotten once it is given a line of another conversation",
    file: "conversations/RecentNumbers.ts",
    search: "if (this.lastKey !== undefined) this.numbers = this.numbers.put(this.lastKey, this.lastNumber)\n",
    replace: "",
    test: "test/conversations/RecentNumbers.test.ts"
  },
  {
    name: "a gap is not told",
    file: "conversations/Feed.ts",
    search: "this.broker.rendering.gap(this.peer, key, guest, first, last)",
    replace: "",
    test: retention
  },
  {
    name: "a device gets its own lines as copies",
    file: "conversations/Feed.ts",
    search: "isOwn && !isSelf(key) ? undefined :",
    replace: "",
    test: delivery
  },
  {
    name: "a device gets its own lines as copies when they are on a page",
    file: "conversations/Feed.ts",
    search: "by === this.peer || this.isOwn(conversation, seq)",
    replace: "by === this.peer",
    test: feed
  },
  {
    name: "a connection that replaces another is fed before that has ended",
    file: "conversations/RunningConversations.ts",
    search: "if (before === undefined) this.opening.add(feed)",
    replace: "this.opening.add(feed)",
    store: true
  },
  {
    name: "cursors that a login could not save are lost",
    file: "conversations/Cursors.ts",
    search: "Effect.tapError(store.saveCursors(all), () => Effect.sync(() => this.keep(cursors)))",
    replace: "store.saveCursors(all)",
    test: trouble
  },
  {
    name: "cursors of rooms that a transaction has no time for are lost",
    file: "conversations/Cursors.ts",
    search: "if (taken.length >= count) return taken\n        moves.delete(key)",
    replace: "moves.delete(key)\n        if (taken.length >= count) continue",
    test: "test/conversations/Cursors.test.ts"
  },
  {
    name: "cursors of rooms wait for other transactions, however long",
    file: "conversations/Cursors.ts",
    search: "this.due = this.ofRooms.size",
    replace: "this.due = 0",
    test: "test/conversations/Cursors.test.ts"
  },
  {
    name: "transactions without anything in them follow each other without end after a login",
    file: "conversations/Cursors.ts",
    search: "this.due = Math.max(0, Math.min(this.due, this.ofRooms.size))",
    replace: "this.due = Math.max(0, this.due)",
    test: "test/conversations/Cursors.test.ts"
  },
  {
    name: "a transaction saves the cursors of all members of a room",
    file: "conversations/Cursors.ts",
    search: "Math.min(mostOfRooms, ",
    replace: "Math.max(mostOfRooms, ",
    test: "test/conversations/Cursors.test.ts"
  },
  {
    name: "a new device starts at cursors that are not saved yet",
    file: "conversations/ConversationsStore.ts",
    search: "cursors.save(plain, ...accounts)",
    replace: "Effect.void",
    test: delivery
  },
  {
    name: "lines in devices' outboxes expire",
    file: "conversations/RunningConversations.ts",
    search: "held: () => slowest(Array.from(this.feeds.values(), ({ held }) => held))",
    replace: "held: () => []",
    test: retention
  },
  {
    name: "lines in the outbox of the slowest device expire",
    file: "conversations/Holding.ts",
    search: "Math.min(after, slowest.get(conversation) ?? after)",
    replace: "after",
    test: retention
  },
  {
    name: "lines expire while a page of them is on its way to a device",
    file: "conversations/Pager.ts",
    search: "return this.oneByOne.withPermit(step)",
    replace: "return step",
    test: retention
  },
  {
    name: "a batch that the store may have stored returns at the end of a shutdown",
    file: "conversations/KeptRecipient.ts",
    search: "decidesAlone: true",
    replace: "decidesAlone: false",
    test: shutdown
  },
  {
    name: "cursors that could not be saved are lost",
    file: "conversations/StoreWriter.ts",
    search: "broker.cursors.putBack(cursors)\n",
    replace: "",
    test: trouble
  },
  {
    name: "what was put while a transaction was under way is stored with the next line",
    file: "conversations/StoreWriter.ts",
    search: "if (this.isDue || this.hasWaiting) this.startSoon()\n",
    replace: "",
    store: true
  },
  {
    name: "what the devices were given is not saved at the end",
    file: "conversations/StoreWriter.ts",
    search: "Effect.ignore(this.broker.cursors.save(this.broker.store))",
    replace: "Effect.void",
    test: shutdown
  },
  {
    name: "lines are reported as stored, and given, before the store has answered",
    file: "conversations/StoreWriter.ts",
    search: "Effect.exit(append), (answer) => {",
    replace:
      'Effect.exit(Effect.as(Effect.fork(append), lines.map((_, at) => ({ _tag: "Stored" as const, conversation: 1 ' +
      "as never, seq: at + 1, at: 0, again: false })))), (answer) => {",
    store: true
  },
  {
    name: "a line that was given a moment ago expires when it is kept no longer",
    file: "conversations/ConversationsStore.ts",
    search: "saved(plain.retain(...step))",
    replace: "plain.retain(...step)",
    test: returns
  },
  {
    name: "a line that was given a moment ago returns when its recipient is removed",
    file: "conversations/ConversationsStore.ts",
    search: "saved(remove(account), account)",
    replace: "remove(account)",
    test: returns
  },
  {
    name: "a line that is sent again brings no receipt once its reader has left",
    file: "conversations/Receipts.ts",
    search: "Math.max(saved, this.latest",
    replace: "Math.max(0, this.latest",
    test: receipts
  },
  {
    name: "of several guests with one name, the last one to write gets the receipts",
    file: "conversations/RunningConversations.ts",
    search: "    this.receipts.wrote(by, mailbox.account, { conversation, key, seq })\n",
    replace: "    if (account !== undefined) this.receipts.wrote(by, mailbox.account, { conversation, key, seq })\n",
    also: {
      file: "conversations/RunningConversations.ts",
      search: "return this.returns.guestsIn(conversation)",
      replace: "return this.returns.guestsIn(conversation).slice(-1)"
    },
    test: receipts
  },
  {
    name: "lines wait for a store that does not answer, however long",
    file: "conversations/StoreWriter.ts",
    search: "this.isOverdue || unanswered < checks",
    replace: "this.isOverdue || unanswered < 1_000 * checks",
    test: trouble
  },
  {
    name: "lines wait behind a batch that a store has which does not answer",
    file: "conversations/StoreWriter.ts",
    search: "for (const { recipient } of this.work) recipient.stuck()\n",
    replace: "",
    test: trouble
  },
  {
    name: "nothing is stored after the store has not answered once",
    file: "conversations/StoreWriter.ts",
    search: "this.isOverdue = false\n    this.isFree",
    replace: "this.isFree",
    also: {
      file: "conversations/StoreWriter.ts",
      search: "this.isOverdue = false\n    let index",
      replace: "let index"
    },
    test: trouble
  },
  {
    name: "a store that answers slowly counts as one that does not answer",
    file: "conversations/StoreWriter.ts",
    search: "this.underWay === seen ? unanswered + 1 : 0",
    replace: "unanswered + 1",
    test: trouble
  },
  {
    name: "the pause after a failure of the store is taken for a store that does not answer",
    file: "conversations/StoreWriter.ts",
    search: "    this.underWay = undefined // nothing",
    replace: "    // nothing",
    test: trouble
  },
  {
    name: "an outbox whose store does not answer takes lines again because it has room",
    file: "chat/Outbox.ts",
    search: "!this.isSurrendered && !this.stuck",
    replace: "!this.isSurrendered",
    test: trouble
  },
  {
    name: "a client leaves a room only once lines are stored that have returned",
    file: "rooms/RoomInlet.ts",
    search: "this.settledLines += outbox.lines - (outbox.inHand?.lines ?? 0)\n",
    replace: "",
    test: trouble
  },
  {
    name: "lines that wait for the store at the end return as if their recipient had left",
    file: "chat/Lifecycle.ts",
    search: 'if (jamReason === "unavailable") this',
    replace: 'if (jamReason === "unavailable" && unwritten.length === 0) this',
    test: shutdown
  },
  {
    name: "lines that the store refused are reported as stored",
    file: "conversations/StoreWriter.ts",
    search: 'const unavailable: LineOutcome = { _tag: "Returned", reason: "unavailable" }',
    replace: 'const unavailable: LineOutcome = { _tag: "Delivered", fate: "stored", params: "" }',
    test: trouble
  },
  {
    name: "a line that is stored again is given again",
    file: "conversations/RunningConversations.ts",
    search: "if (again) return this.receipts.wroteAgain(",
    replace: "if (again) this.receipts.wroteAgain(",
    test: delivery
  },
  {
    name: "lines of guests that had left when they expired are not counted as dead",
    file: "conversations/Returns.ts",
    search: "if (dead !== 0) this.wasTold([], dead)\n",
    replace: "",
    test: returns
  },
  {
    name: "a guest is not told, because an earlier client of its name wrote first",
    file: "conversations/GuestLines.ts",
    search: "latest?.peer === guest && latest.last === seq - 1",
    replace: "latest !== undefined",
    test: returns
  },
  {
    name: "a return that the store does not know to be delivered is delivered again",
    file: "conversations/Returns.ts",
    search: "this.underWay.set(account, undefined)",
    replace: "this.underWay.delete(account)",
    test: returns
  },
  {
    name: "an account counts as notified before it has taken the notice",
    file: "conversations/Returns.ts",
    search: "if (left > 0) return",
    replace: "return",
    also: {
      file: "conversations/Returns.ts",
      search: "broker.give(peer, pending.map(OutcomeReply.returned)",
      replace: "this.wasTold(pending, 0); broker.give(peer, pending.map(OutcomeReply.returned)"
    },
    test: returns
  },
  {
    name: "a client that only sends gets no receipts",
    file: "conversations/RunningConversations.ts",
    search: "    this.receipts.wrote(by, mailbox.account, { conversation, key, seq })\n",
    replace: "",
    test: receipts
  },
  {
    name: "expired lines are reported to a guest in a line that does not count for /ack",
    file: "conversations/Returns.ts",
    search: "this.broker.give(peer, OutcomeReply.returned({ ...undelivered, ...own }), 1, toldOnce)",
    replace: "peer.outbox.put(OutcomeReply.returned({ ...undelivered, ...own }), 1, undefined, undefined)",
    test: returns
  },
  {
    name: "a slower device brings another receipt",
    file: "conversations/Receipts.ts",
    search: "if ((latest.get(conversation) ?? 0) >= seq) return\n",
    replace: "",
    test: receipts
  },
  {
    name: "a gap is passed before the device has taken its report",
    file: "conversations/Feed.ts",
    search: '    Metrics.refused("gap")\n',
    replace:
      '    Metrics.refused("gap")\n    if (this.device !== undefined) this.broker.cursors.moved(this.device, ' +
      "conversation, key, last)\n",
    store: true
  },
  {
    name: "a gap counts as a message of a client that acknowledges",
    file: "conversations/Feed.ts",
    search: "this.broker.give(this.peer, text, 1, this.gaps)",
    replace: "this.broker.give(this.peer, text, 1, { delivered: this.gaps.delivered })",
    test: retention
  },
  {
    name: "only one of several guests with one name learns that its lines are lost",
    file: "conversations/GuestLines.ts",
    search: "return [...shares.values()]",
    replace: "return [...shares.values()].slice(-1)",
    test: returns
  },
  {
    name: "runs of lines of guests beyond the limit are forgotten, and their connections go on",
    file: "conversations/GuestLines.ts",
    search: "    this.breakOff(most)\n",
    replace: "",
    test: "test/conversations/GuestLines.test.ts"
  },
  {
    name: "lines of guests that were given count as long as their connections last",
    file: "conversations/Receipts.ts",
    search:
      '    latest.set(conversation, seq)\n    if (key.kind === "guest") this.broker.givenOfGuest(conversation, seq)\n',
    replace: "    latest.set(conversation, seq)\n",
    test: "test/conversations/GuestLines.test.ts"
  },
  {
    name: "lines of which the store has not answered yet are removed, and given",
    file: "conversations/RunningConversations.ts",
    search: "this.pager.between(this.writer.between(step))",
    replace: "this.pager.between(step)",
    test: retention
  },
  {
    name: "a server waits at its end for a store that never answers",
    file: "conversations/Loops.ts",
    search: "setTimeout(() => resume(Effect.void), endMillis)",
    replace: "setTimeout(() => {}, endMillis)",
    test: shutdown
  },
  {
    name: "a server with a full disk starts without a word",
    file: "conversations/RunningConversations.ts",
    search: "this.trouble.atStart(this.store.state())",
    replace: "Effect.void",
    test: "test/conversations/trouble.test.ts"
  }
]
