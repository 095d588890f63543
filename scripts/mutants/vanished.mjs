// Mutants of noticing clients that vanished. Read by main.mjs, which explains the fields.
const test = "test/chat/vanished.test.ts"

export const mutants = [
  {
    name: "a client that vanished is never closed",
    file: "chat/Vanished.ts",
    search: "if (this.checkedAt - since >= this.stallMillis) {",
    replace: "if (this.checkedAt - since === Infinity) {"
  },
  {
    name: "a client that is alive but does not read passes for vanished",
    file: "chat/Vanished.ts",
    search: "if (attempts === 0) return undefined\n",
    replace: ""
  },
  {
    name: "a window that is probed passes for a silent kernel",
    file: "transport/KernelReachability.ts",
    search: "{ attempts: 0, silentMillis: 0 } :",
    replace: "{ attempts: probes, silentMillis: 0 } :",
    test: "test/ports/Reachability.test.ts"
  },
  {
    name: "the time between two probes without an answer does not count",
    file: "transport/KernelReachability.ts",
    search: "silentMillis: (firesIn / 2) * millisPerTick",
    replace: "silentMillis: 0",
    test: "test/ports/Reachability.test.ts"
  },
  {
    name: "a silence that the kernel knows of counts from the check that found it",
    file: "chat/Vanished.ts",
    search: "const known = this.checkedAt - silentMillis",
    replace: "const known = this.checkedAt - 0 * silentMillis",
    test
  },
  {
    name: "a table that cannot be read has no rows",
    file: "transport/KernelReachability.ts",
    search: 'found.set(socket, "unknown")',
    replace: "void 0",
    test: "test/ports/Reachability.test.ts"
  },
  {
    name: "a row that the kernel skips between two pages passes for a client that has acknowledged everything",
    file: "transport/KernelReachability.ts",
    search: "if (skipped.size > 0) await look(skipped, families, from, signal, found)",
    replace: "",
    test: "test/ports/Reachability.test.ts"
  },
  {
    name: "a client that cannot be checked is forgotten",
    file: "chat/Vanished.ts",
    search: "        this.keep(socket, one)\n        deadline",
    replace: "        deadline",
    test
  },
  {
    name: "what a client acknowledges late does not count",
    file: "chat/Vanished.ts",
    search: "atLeast > silence.acknowledged || attempts < silence.attempts",
    replace: "attempts < 0 && atLeast < 0",
    test
  },
  {
    name: "a client is vanished only for as long as it has been checked",
    file: "chat/Vanished.ts",
    search: "since: Math.min(known, this.writtenAt(marks, atMost))",
    replace: "since: Math.max(this.checkedAt, Math.min(known, this.writtenAt(marks, atMost)))",
    test
  },
  {
    name: "a line that was acknowledged counts as the start of the silence",
    file: "chat/Vanished.ts",
    search: "marks.findLastIndex(({ handed }) => handed <= position)",
    replace: "marks.findIndex(({ handed }) => handed <= position)",
    test
  },
  {
    name: "a client whose socket took nothing for some time was silent all that time",
    file: "chat/Vanished.ts",
    search: "one.silence = { ...one.silence, since: time }",
    replace: "void 0",
    test
  },
  {
    name: "the time in which the process was stopped counts for clients that vanished",
    file: "chat/Watch.ts",
    search: "time: () => this.time,",
    replace: "time: () => this.now(),",
    also: { file: "chat/Watch.ts", search: "this.vanished.tick(now)", replace: "this.vanished.tick(this.now())" },
    test
  },
  {
    name: "a client whose socket takes nothing is unreachable instead of slow",
    file: "chat/Watch.ts",
    search: "isBlocked: (peer) => this.blockedPeers.has(peer)",
    replace: "isBlocked: () => false",
    test
  },
  {
    name: "ticks stop while a check is under way",
    file: "chat/Vanished.ts",
    search: "this.unconfirmed.size > 0 || this.isChecking",
    replace: "this.unconfirmed.size > 0",
    test
  },
  {
    name: "the silence of a client whose socket was blocked counts from the first write",
    file: "chat/Vanished.ts",
    search: "one.marks = [{ time, handed: oldest.handed }]",
    replace: "one.marks = [oldest]",
    test
  }
]
