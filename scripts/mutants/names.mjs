// Mutants of names and routes. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a peer is removed by name, from both ends of its connection",
    file: "chat/Names.ts",
    search: "if (this.byLikeness.get(likeness) === peer) this.byLikeness.delete(likeness)",
    replace: "this.byLikeness.delete(likeness)",
    also: {
      file: "chat/Connection.ts",
      search: 'this.peer.outbox.break("connection-lost")',
      replace:
        'this.peer.outbox.break("connection-lost"); this.broker.leave(this.peer, { reason: "connection-lost", ' +
        "unfinished: undefined, queued: [] })"
    }
  },
  {
    name: "the name of a disconnected peer is never freed",
    file: "chat/Lifecycle.ts",
    search: "names.free(peer)",
    replace: ""
  },
  {
    name: "the last route is still used after a recipient left",
    file: "chat/Routing.ts",
    search: "last !== undefined && !last.isStale && ",
    replace: "last !== undefined && "
  },
  {
    name: "cached routes never expire",
    file: "chat/Directory.ts",
    search: "for (const route of allOf(this.byName.get(name))) this.forget(route)",
    replace: ""
  },
  {
    name: "a route does not expire for its second recipient",
    file: "chat/Directory.ts",
    search: "for (const name of route.names) this.byName.set",
    replace: "for (const name of route.names.slice(0, 1)) this.byName.set"
  },
  {
    name: "a client that left in order can still be addressed",
    file: "chat/Names.ts",
    search: "if (peer.device === undefined) this.become(HashMap.remove(this.present, peer.name), peer.name)\n    else",
    replace: "if (peer.device !== undefined)"
  },
  {
    name: "a block uses its cached route after a recipient left",
    file: "chat/Routing.ts",
    search: "if (route !== undefined && !route.isStale && Block.startsWith",
    replace: "if (route !== undefined && Block.startsWith",
    also: { file: "chat/Directory.ts", search: 'this.head = ""\n    this.parts = []\n', replace: "" }
  },
  {
    name: "lines of a client that has not logged in go to an address that another client has used",
    file: "chat/Routing.ts",
    search: 'if (bytes.length < largeBlock || peer.name === "" ||',
    replace: "if (bytes.length < largeBlock ||",
    test: "test/chat/fast-paths.test.ts"
  },
  {
    name: "a second login with the same name is accepted",
    file: "chat/Names.ts",
    search: "if (this.byLikeness.has(likeness)) return false",
    replace: ""
  },
  {
    name: "names that differ only in case are both accepted",
    file: "chat/Names.ts",
    search: "Wire.isAscii(name) ? name.toUpperCase() : Name.likeness(Wire.decode(name))",
    replace: "Wire.isAscii(name) ? name : Name.likeness(Wire.decode(name))"
  },
  {
    name: "names that differ only in invisible characters are both accepted",
    file: "protocol/Name.ts",
    search: 'name.normalize("NFKC").replace(invisible, "").toLowerCase()',
    replace: 'name.normalize("NFKC").toLowerCase()'
  },
  {
    name: "names that differ only in their compatibility form are both accepted",
    file: "protocol/Name.ts",
    search: 'name.normalize("NFKC").replace(invisible, "").toLowerCase().toUpperCase().normalize("NFKC")',
    replace: 'name.normalize("NFC").replace(invisible, "").toLowerCase().toUpperCase().normalize("NFC")'
  },
  {
    name: "names that look the same by upper case only are both accepted",
    file: "protocol/Name.ts",
    search: ".toLowerCase().toUpperCase()",
    replace: ".toLowerCase()"
  },
  {
    name: "a name in another normal form is another name",
    file: "protocol/Name.ts",
    search: 'const name = Wire.decode(trimmed).normalize("NFC")',
    replace: "const name = Wire.decode(trimmed)"
  },
  {
    name: "a connection that broke after its login line takes the name",
    file: "chat/PeerInput.ts",
    search: 'if (peer.phase._tag === "Gone") return undefined // the connection is over: the name would have no owner',
    replace: 'if (peer.phase._tag === "Gone") Reflect.set(peer, "current", Phase.login)'
  },
  {
    name: "lines after a refused login are read",
    file: "chat/Lifecycle.ts",
    search: "const phase = Phase.leaving(peer.phase, reason, label)",
    replace: 'const phase = reason === "login-in-use" ? peer.phase : Phase.leaving(peer.phase, reason, label)'
  },
  {
    name: "a blank line before the login is a bad login",
    file: "chat/PeerInput.ts",
    search: 'if (label === undefined && Wire.trim(line) === "") return undefined',
    replace: ""
  },
  {
    name: "a byte 255 that is written twice ends the data of a telnet option",
    file: "protocol/Telnet.ts",
    search: 'while (iac >= 0 && wire.charCodeAt(iac + 1) === IAC) iac = wire.indexOf("\\xff", iac + 2)',
    replace: "",
    test: "test/server/login.test.ts"
  },
  {
    name: "a name is suggested for an absent one although its client has left",
    file: "chat/Names.ts",
    search: 'peer?.phase._tag === "Present" && peer.name !== name',
    replace: "peer !== undefined && peer.name !== name",
    test: "test/chat/Names.test.ts"
  },
  {
    name: "suggested names do not count towards the length of a line",
    file: "protocol/Reply.ts",
    search: "joined.length + shown.length + extra + more > maxNamesBytes",
    replace: "joined.length + shown.length > maxNamesBytes",
    test: "test/protocol/Reply.test.ts"
  },
  {
    name: "a name is suggested to a sender that has addressed it",
    file: "protocol/OutcomeReply.ts",
    search: "name === undefined || addressed.has(name) ? undefined : name",
    replace: "addressed.size === 0 ? undefined : name",
    test: "test/protocol/Reply.test.ts"
  },
  {
    name: "a name is suggested for all absent names",
    file: "protocol/OutcomeReply.ts",
    search: "likes.slice(start, end).flatMap((name) => name ?? [])",
    replace: "likes.flatMap((name) => name ?? [])",
    test: "test/protocol/Reply.test.ts"
  },
  {
    name: "a client that only sends takes the name of one that is present",
    file: "chat/Names.ts",
    search: "if (this.byLikeness.has(likeness)) return false",
    replace: "if (!peer.isSendOnly && this.byLikeness.has(likeness)) return false",
    test: "test/server/send-only.test.ts"
  },
  {
    name: "a client takes the name of one that only sends",
    file: "chat/Names.ts",
    search: "senders !== undefined && !(peer.isSendOnly && senders.name === name)",
    replace: "senders !== undefined && senders.name !== name",
    test: "test/server/send-only.test.ts"
  },
  {
    name: "the first client that only sends and leaves frees the name of all",
    file: "chat/Names.ts",
    search: "if (senders?.delete(peer) === true && senders.size === 0) this.senders.delete(likeness)",
    replace: "if (senders?.delete(peer) === true) this.senders.delete(likeness)",
    test: "test/server/send-only.test.ts"
  },
  {
    name: "a client that only sends is announced when it leaves",
    file: "chat/Names.ts",
    search: 'peer.phase._tag === "Present" && !peer.isSendOnly',
    replace: 'peer.phase._tag === "Present"',
    test: "test/server/send-only.test.ts"
  },
  {
    name: "a client that is present only sends after /hello send-only",
    file: "protocol/HelloWord.ts",
    search: "known.includes(word) && !(hasLoggedIn && forLogin.has(word))",
    replace: "known.includes(word)",
    test: "test/server/send-only.test.ts"
  },
  {
    name: "a client that only sends gets messages",
    file: "chat/Names.ts",
    search: "else senders.clients.add(peer)\n",
    replace: "else senders.clients.add(peer)\n      this.become(HashMap.set(this.present, name, peer), name)\n"
  },
  {
    name: "a client that only sends is announced when it comes",
    file: "chat/Lifecycle.ts",
    search: "if (peer.isSendOnly) return\n",
    replace: ""
  },
  {
    name: "two clients that only send cannot have one name",
    file: "chat/Names.ts",
    search: "senders !== undefined && !(peer.isSendOnly && senders.name === name)",
    replace: "senders !== undefined"
  },
  {
    name: "a name that looks like that of a client that only sends is free",
    file: "chat/Names.ts",
    search: "senders !== undefined && !(peer.isSendOnly && senders.name === name)",
    replace: "senders !== undefined && senders.name === name && !peer.isSendOnly"
  },
  {
    name: "a name that only senders have is free for a client that does more",
    file: "chat/Names.ts",
    search: "senders !== undefined && !(peer.isSendOnly && senders.name === name)",
    replace: "peer.isSendOnly && senders !== undefined && senders.name !== name"
  },
  {
    name: "a connection that was replaced waits for itself when it ends",
    file: "chat/Predecessors.ts",
    search: "this.over.has(peer) || ",
    replace: "",
    test: "test/chat/Predecessors.test.ts"
  }
]
