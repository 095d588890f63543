// Bugs in what the servers of one store tell each other about devices and lines. Imported by main.mjs.
const lines = "test/cluster/kept-lines.test.ts"
const devices = "test/cluster/kept-devices.test.ts"

export const mutants = [
  {
    name: "a line that another server has stored is not asked for",
    file: "conversations/Announcements.ts",
    search: "this.broker.announced(conversation, keyOf(conversation, parties), last)",
    replace: "if (last < 0) this.broker.announced(conversation, keyOf(conversation, parties), last)",
    test: lines
  },
  {
    name: "lines that were stored before the others knew of a device are not asked for",
    file: "conversations/Conversations.ts",
    search: "this.mailboxes.get(account)?.feedOf(device)?.checkAgain())",
    replace: "this.mailboxes.get(account)?.feedOf(device))",
    test: lines
  },
  {
    name: "what a lost server has stored at the end is not asked for",
    file: "conversations/Conversations.ts",
    search: 'others.part("tails", { lost: () => this.checkAllAgain() })',
    replace: 'others.part("tails", {})',
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
  }
]
