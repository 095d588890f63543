// Bugs in what the servers of one store tell each other about devices and lines. Imported by main.mjs.
const lines = "test/cluster/kept-lines.test.ts"
const devices = "test/cluster/kept-devices.test.ts"
const reports = "test/cluster/kept-reports.test.ts"
const retention = "test/cluster/kept-retention.test.ts"
const holding = "test/conversations/Holding.test.ts"
const slow = "test/cluster/kept-slow.test.ts"
const stores = "test/cluster/kept-stores.test.ts"
const away = "test/cluster/kept-away.test.ts"
const seam = "test/conversations/Seam.test.ts"

export const mutants = [
  {
    name: "a node that has come back takes devices of nodes that it does not know yet",
    file: "cluster/ServersOfStore.ts",
    search: "if (this.unknown.length === 0) this.areKnown.unsafeOpen()",
    replace: "if (this.unknown.length >= 0) this.areKnown.unsafeOpen()",
    test: devices
  },
  {
    name: "a line that another server has stored is not asked for",
    file: "conversations/Announcements.ts",
    search: "this.broker.announced(conversation, keyOfParties(conversation, parties), last)",
    replace: "if (last < 0) this.broker.announced(conversation, keyOfParties(conversation, parties), last)",
    test: lines
  },
  {
    name: "lines that were stored before the others knew of a device are not asked for",
    file: "conversations/RunningConversations.ts",
    search: "this.mailboxes.get(account)?.feedOf(device)?.checkAgain())",
    replace: "this.mailboxes.get(account)?.feedOf(device))",
    test: lines
  },
  {
    name: "what a lost server has stored at the end is not asked for",
    file: "conversations/RunningConversations.ts",
    search: "lost: () => this.checkAllAgain() })",
    replace: "lost: () => this.receipts.checkAgain() })",
    test: lines
  },
  {
    name: "a server gives a device up that is connected",
    file: "accounts/Takeover.ts",
    search: 'for (const peer of wanted.peers) expel(peer, FatalReply.loggedOut("replaced"))',
    replace: "wanted.peers.clear()",
    test: devices
  },
  {
    name: "a device goes on where it was before the last cursors were saved",
    file: "conversations/ConversationsStore.ts",
    search: "plain.sharing === undefined ? left(devices)",
    replace: "plain.sharing !== undefined ? left(devices)",
    test: devices
  },
  {
    name: "a device that another server has by now stays connected to one that was taken for lost",
    file: "accounts/AccountsElsewhere.ts",
    search: "return replace(accounts, change)",
    replace: "return",
    test: devices
  },
  {
    name: "a login waits for a server that is lost",
    file: "accounts/Takeover.ts",
    search: "if (asked.server === server) asked.done()\n    for",
    replace: "if (asked.server !== server) asked.done()\n    for",
    test: devices
  },
  {
    name: "a client that takes nothing keeps its device",
    file: "accounts/Takeover.ts",
    search: 'for (const peer of peers) breakOff(peer, "logged-out")',
    replace: "peers.size",
    test: devices
  },
  {
    name: "an account leaves while its device goes to another server",
    file: "accounts/Takeover.ts",
    search: "if (this.isHere(wanted.device)) devices.movesTo(wanted.device, wanted.server)",
    replace: "devices.has(account)",
    test: devices
  },
  {
    name: "a device waits for servers that were not told of it again",
    file: "accounts/DevicesElsewhere.ts",
    search: "if (server.known < server.last) known",
    replace: "known",
    test: "test/accounts/DevicesElsewhere.test.ts"
  },
  {
    name: "a device is known before a server has confirmed it",
    file: "accounts/DevicesElsewhere.ts",
    search: "if (known !== undefined) known.last = this.number\n",
    replace: "",
    test: "test/accounts/DevicesElsewhere.test.ts"
  },
  {
    name: "the accounts of a lost server stay",
    file: "accounts/DevicesElsewhere.ts",
    search: "for (const connected of known.devices.values()) this.remove(server, known, connected)",
    replace: "known.devices.clear()",
    test: devices
  },
  {
    name: "a device is anybody's as soon as its client has said /quit",
    file: "accounts/Accounts.ts",
    search: "if (device !== undefined) devicesElsewhere.left(device)",
    replace:
      "if (device === undefined) return\n      devicesElsewhere.left(device)\n      departures.add(keyOf(device))",
    also: {
      file: "accounts/Takeover.ts",
      search: "this.connectionsOf(device).length > 0",
      replace: "this.isHere(device)"
    },
    test: devices
  },
  {
    name: "a device whose login was given up while another server was asked is there for ever",
    file: "accounts/DevicesElsewhere.ts",
    search: "else if (!this.isComing(connected)) this.staysAway(connected)",
    replace: "else if (this.arriving.size === 0) this.staysAway(connected)",
    test: devices
  },
  {
    name: "what waits at the gate is written to a device that another server has taken",
    file: "accounts/AccountsElsewhere.ts",
    search: 'if (peer.outbox.lines > 0) breakOff(peer, "logged-out")',
    replace: 'if (peer.outbox.lines < 0) breakOff(peer, "logged-out")',
    test: devices
  },
  {
    name: "a guest gets the name of an account that was created while the name was claimed",
    file: "cluster/LocalNames.ts",
    search: "if (peer.device === undefined) expel(peer, decision)",
    replace: "if (peer.device !== undefined) expel(peer, decision)",
    test: "test/cluster/kept-names.test.ts"
  },
  {
    name: "what several servers hold of a conversation counts as far as the last one says",
    file: "conversations/Holding.ts",
    search: "step(slowest([own, asked.held]))",
    replace: "step([...own, ...asked.held])",
    test: retention
  },
  {
    name: "a server that appears while lines are about to be removed is not asked",
    file: "conversations/Holding.ts",
    search: "appeared: (server) => this.appeared(server),",
    replace: "appeared: () => {},",
    test: retention
  },
  {
    name: "lines are not removed while a server is asked that was lost",
    file: "conversations/Holding.ts",
    search: "  private lost(server: OtherServer) {\n    this.answered(server)\n",
    replace: "  private lost(server: OtherServer) {\n",
    test: retention
  },
  {
    name: "a server stands still for one that was lost",
    file: "conversations/Holding.ts",
    search: "    this.holds.get(server)?.done.unsafeOpen()\n",
    replace: "",
    test: retention
  },
  {
    name: "a server stands still without end",
    file: "conversations/Holding.ts",
    search: "Effect.timeoutOption(done.await, holdTime)",
    replace: "done.await",
    test: retention
  },
  {
    name: "lines are removed although a server has not answered what it holds",
    file: "conversations/Holding.ts",
    search: 'answered._tag === "None"',
    replace: "asked.number < 0",
    test: retention
  },
  {
    name: "lines are removed while other servers store and give",
    file: "conversations/Holding.ts",
    search:
      '      this.part.send(["held", number, held.slice(from, end), end >= held.length], server, `held ${from}`)\n  ' +
      "  }\n  }",
    replace:
      '      this.part.send(["held", number, held.slice(from, end), end >= held.length], server, `held ${from}`)\n  ' +
      "  }\n    this.done(server, number)\n  }",
    test: retention
  },
  {
    name: "a part of what a server holds counts as all of it",
    file: "conversations/Holding.ts",
    search: "if (isLast) this.answered(server)",
    replace: "this.answered(server)",
    test: holding
  },
  {
    name: "a server answers what it holds when nobody waits for that any more",
    file: "conversations/Holding.ts",
    search: "if (isOver()) return\n",
    replace: "",
    test: holding
  },
  {
    name: "what another server has found to return is not read in the log of changes",
    file: "conversations/ChangesElsewhere.ts",
    search: 'if (change._tag === "LinesReturned") returns.take(change.returns)',
    replace: "void returns",
    test: reports
  },
  {
    name: "lines that have returned are written by a server that was taken for lost",
    file: "conversations/ReturnsElsewhere.ts",
    search: "    this.takeBack(returned)\n",
    replace: "",
    test: reports
  },
  {
    name: "a server that was taken for lost breaks off everybody for whom lines wait",
    file: "conversations/ReturnsElsewhere.ts",
    search: "(last.get(conversation) ?? 0) > after",
    replace: "(last.get(conversation) ?? after) >= after",
    test: reports
  },
  {
    name: "a server resumes while lines are removed without what it holds",
    file: "conversations/Holding.ts",
    search: "      others.during(() =>\n        asked.missing.size > 0",
    replace: "      Effect.suspend(() =>\n        others.all.length < 0",
    test: reports
  },
  {
    name: "a server resumes while another one takes a device of it without asking",
    file: "cluster/ServersOfStore.ts",
    search: "if (underWay.size === 0 || collaborators === undefined) return answer()",
    replace: "if (underWay.size >= 0 || collaborators === undefined) return answer()",
    test: devices
  },
  {
    name: "a device that was taken back after a change of a room goes",
    file: "conversations/ChangesElsewhere.ts",
    search: "known.slice(index).some(isTakenBack",
    replace: "changes.slice(index).some(isTakenBack",
    test: "test/conversations/ChangesElsewhere.test.ts"
  },
  {
    name: "a return waits for a device that has left another server",
    file: "conversations/RunningConversations.ts",
    search: "devices.whenLeft((account) => this.returns.check(account))",
    replace: "devices.whenLeft(() => {})",
    test: reports
  },
  {
    name: "every server with a device of an account notifies it of a return",
    file: "conversations/RunningConversations.ts",
    search: "({ id }) => id < others.self",
    replace: "() => false",
    test: reports
  },
  {
    name: "returns to guests of other servers count as dead",
    file: "conversations/ReturnsElsewhere.ts",
    search: "account === undefined),\n      true\n",
    replace: "account === undefined),\n      false\n",
    test: reports
  },
  {
    name: "accounts at other servers do not learn of returns",
    file: "conversations/ReturnsElsewhere.ts",
    search: "    this.check(returned.flatMap(({ account }) => account ?? []))\n",
    replace: "",
    test: reports
  },
  {
    name: "a receipt comes once from each server",
    file: "conversations/Receipts.ts",
    search: "(this.latestElsewhere.get(dueOf) ?? 0) >= seq) return\n",
    replace: "false) return\n",
    test: reports
  },
  {
    name: "writers at other servers get no receipts",
    file: "conversations/Receipts.ts",
    search: "      this.tellOthers(",
    replace: "      void (",
    test: reports
  },
  {
    name: "other servers do not learn that a device takes too little",
    file: "accounts/DevicesElsewhere.ts",
    search: '    this.part.send(["slow", device.account, device.device, isSlow], undefined, `slow ${keyOf(device)}`)\n',
    replace: "",
    test: slow
  },
  {
    name: "a server that appears does not learn that a device takes too little",
    file: "accounts/DevicesElsewhere.ts",
    search: "    connected.isSlow = isSlow\n    this.part",
    replace: "    this.part",
    test: slow
  },
  {
    name: "a device that has caught up counts as one that takes too little",
    file: "conversations/Feed.ts",
    search: "else this.setSlow(false)",
    replace: "else this.setSlow(this.isSlow)",
    test: slow
  },
  {
    name: "a device that reads counts only at its own server",
    file: "conversations/RunningConversations.ts",
    search: "others === alone ? undefined : (account) => devices.isLive(account)",
    replace: "undefined",
    test: slow
  },
  {
    name: "what is found by asking again does not count while a page is on its way",
    file: "conversations/Feed.ts",
    search: "if (last > behind.last) this.hasGrown(behind, last)",
    replace: "behind.last = Math.max(behind.last, last)",
    test: seam
  },
  {
    name: "an announced line is where a device begins that has been given none",
    file: "conversations/Feed.ts",
    search: "if (this.isOver || this.isUnknown(conversation)) return\n",
    replace: "if (this.isOver) return\n",
    test: seam
  },
  {
    name: "an own line is where a device begins, although others may be before it",
    file: "conversations/Feed.ts",
    search: "if (this.isUnknown(conversation)) return this.noteOwn(conversation, line, by)\n",
    replace: "\n",
    test: seam
  },
  {
    name: "a line that was stored while a device asked what waits is left out",
    file: "conversations/Feed.ts",
    search: "if (this.isIncomplete) this.broker.askAgain?.(this)",
    replace: "if (this.isOver) this.broker.askAgain?.(this)",
    test: seam
  },
  {
    name: "an own line is given before those of others that were stored before it",
    file: "conversations/Feed.ts",
    search: "if (seq > before + 1 || !this.window.hasRoom)",
    replace: "if (!this.window.hasRoom)",
    test: seam
  },
  {
    name: "an own line is given again that was on a page",
    file: "conversations/Feed.ts",
    search: "if (seq <= before) return // it was on the last page\n",
    replace: "\n",
    test: seam
  },
  {
    name: "a device is given up with a cursor whose transaction then fails",
    file: "conversations/Cursors.ts",
    search: "const all = [...underWay, ...cursors]",
    replace: "const all = cursors\n      void underWay",
    test: "test/conversations/Cursors.test.ts"
  },
  {
    name: "lines are removed by a server for which the others have not waited to the end",
    file: "conversations/Holding.ts",
    search: "(hold.isDone || !hold.isAnswered ? Effect.void : this.goOn)",
    replace: "(hold.number > 0 ? Effect.void : this.goOn)",
    test: retention
  },
  {
    name: "a receipt that a lost server could not tell never comes",
    file: "conversations/RunningConversations.ts",
    search: "feed.checkAgain()\n    this.receipts.checkAgain()\n",
    replace: "feed.checkAgain()\n",
    test: reports
  },
  {
    name: "accounts that write wait for receipts that were lost, other than clients that only send",
    file: "conversations/Receipts.ts",
    search: "if ((this.awaited.get(dueOf)?.seq ?? 0) < seq) this",
    replace: 'if (key.kind === "guest" && (this.awaited.get(dueOf)?.seq ?? 0) < seq) this',
    test: reports
  },
  {
    name: "a server with another store than the others takes clients",
    file: "cluster/ServersOfStore.ts",
    search: "server !== undefined || node.incarnation > own)",
    replace: "server !== undefined || node.incarnation !== own)",
    test: stores
  },
  {
    name: "a server gives way to a later one with another store",
    file: "cluster/ServersOfStore.ts",
    search: "server !== undefined || node.incarnation > own)",
    replace: "server !== undefined || node.incarnation === own)",
    test: stores
  },
  {
    name: "servers of different stores take each other for ones of the same",
    file: "cluster/ServersOfStore.ts",
    search: "traffic.usesOther = log !== this.log",
    replace: 'traffic.usesOther = log === ""',
    test: stores
  },
  {
    name: "a server without a store takes clients next to others with one",
    file: "cluster/ClusterChat.ts",
    search: "    if (this.isAtOdds) this.close()\n",
    replace: "",
    test: stores
  },
  {
    name: "a message about the same takes the place of the old one, before others that were sent in between",
    file: "cluster/ServersOfStore.ts",
    search: "texts.delete(about) // it becomes the last\n",
    replace: "\n",
    test: "test/ports/OtherServers.test.ts"
  },
  {
    name: "messages about the same thing pile up for a server that takes nothing",
    file: "cluster/ServersOfStore.ts",
    search: "const about = key === undefined ?",
    replace: "const about = key !== undefined || key === undefined ?",
    test: away
  },
  {
    name: "guests that come and go pile up for a server that takes nothing",
    file: "rooms/RoomsElsewhere.ts",
    search: "const isBehind = this.part.mustWait(server)",
    replace: "const isBehind = this.part.mustWait(server) && id === undefined",
    test: away
  },
  {
    name: "a guest that left while its server could not say so stays in the room",
    file: "rooms/RoomsElsewhere.ts",
    search: "if (!present.has(number)) this.guestLeft",
    replace: "if (present.has(number) && number < 0) this.guestLeft",
    test: away
  },
  {
    name: "devices that come and go pile up for a server that takes nothing",
    file: "accounts/DevicesElsewhere.ts",
    search: "if (!this.part.mustWait(server)) return this.part.send(came(devices), server)",
    replace: "if (devices.length > 0) return this.part.send(came(devices), server)",
    test: away
  },
  {
    name: "receipts pile up for a server that takes nothing",
    file: "conversations/Receipts.ts",
    search: "const mustWait = this.part.mustWait(server)",
    replace: "const mustWait = this.part.mustWait(server) && receipts.length < 0",
    test: away
  },
  {
    name: "announcements for a server that takes nothing pile up",
    file: "conversations/Announcements.ts",
    search: "if (this.part.mustWait(server)) continue",
    replace: "void server",
    test: "test/cluster/kept-lines.test.ts"
  }
]
