// Mutants of the drain and its grace time. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "the drain ends the outboxes while lines are in flight",
    file: "chat/Drain.ts",
    search: "if (ledger.inFlight > 0) return false",
    replace: ""
  },
  {
    name: "the drain does not wait for held senders",
    file: "chat/Drain.ts",
    search: "if (peer.outbox.hasWaiting || (!peer.isShutOut && peer.phase.isHeard)) return false",
    replace: ""
  },
  {
    name: "lines are accepted after the shutdown began",
    file: "chat/Drain.ts",
    search: "peer.inbox.close()\n      input.readLater(peer)",
    replace: "peer.isShutOut = !peer.phase.isHeard\n      input.readLater(peer)"
  },
  {
    name: "connections are accepted after the shutdown began",
    file: "chat/AcceptLoop.ts",
    search: "stopped = true\n",
    replace: "stopped = true; return Effect.void\n"
  },
  {
    name: "no client is cut off at the grace time",
    file: "chat/Drain.ts",
    search: 'if (hasLines) breakOff(peer, "cut-off")',
    replace: ""
  }
]
