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
  }
]
