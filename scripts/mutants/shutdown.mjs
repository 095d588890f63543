// Mutants of the drain and its grace time. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "the drain ends the outboxes while lines are in flight",
    file: "chat/Broker.ts",
    search: "if (ledger.snapshot().inFlight > 0) return false",
    replace: ""
  },
  {
    name: "the drain does not wait for held senders",
    file: "chat/Broker.ts",
    search: "if (peer.outbox.waiting.length > 0 || (!peer.closing && peer.leaving === undefined)) return false",
    replace: ""
  },
  {
    name: "lines are accepted after the shutdown began",
    file: "chat/Broker.ts",
    search: "peer.inlet.close()\n        sessions.read(peer)",
    replace: "peer.closing = peer.leaving !== undefined\n        sessions.read(peer)"
  },
  {
    name: "connections are accepted after the shutdown began",
    file: "chat/AcceptLoop.ts",
    search: "stopped = true\n",
    replace: "stopped = true; return Effect.void\n"
  },
  {
    name: "no client is cut off at the grace time",
    file: "chat/Broker.ts",
    search: 'if (peer.outbox.lines > 0) breakOff(peer, "cut-off")',
    replace: ";"
  }
]
