// Mutants of what the ledger and the measured state agree on. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a returned line is in the ledger, but in no outbox",
    file: "chat/Settlement.ts",
    search: "outbox.reported(batch.returns)",
    replace: ""
  },
  {
    name: "a disconnected peer that is still held is left out of the measured state",
    file: "chat/Lifecycle.ts",
    search: "gone.inFlight > 0 || !gone.inbox.isConsumed",
    replace: "gone.inFlight > 0"
  },
  {
    name: "absent recipients of a disconnected peer are left out of the measured state until its input ends",
    file: "chat/Inspection.ts",
    search: "orphan.inFlight + pendingPairs(orphan)",
    replace: "orphan.inFlight"
  },
  {
    name: "a defect leaves input behind that a drain waits for",
    file: "chat/BrokerState.ts",
    search: "peer.inbox.clear()\n",
    replace: "",
    test: "test/chat/connection-end.test.ts"
  },
  {
    name: "a defect loses the report of returned lines",
    file: "chat/BrokerState.ts",
    search: "replies.flushPending(peer)\n    defects",
    replace: "defects",
    test: "test/chat/connection-end.test.ts"
  }
]
