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
  }
]
