// Mutants of lines between the broker and the socket: written or returned, exactly. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "pending lines are dropped on disconnect",
    file: "chat/Sessions.ts",
    search: "const unwritten = [...queued, ...peer.outbox.abandon()]",
    replace: "const unwritten = [...queued]"
  },
  {
    name: "queued batches are dropped on disconnect",
    file: "chat/Sessions.ts",
    search: "const unwritten = [...queued, ...peer.outbox.abandon()]",
    replace: "const unwritten = [...peer.outbox.abandon()]"
  },
  {
    name: "the batch being written is lost on disconnect",
    file: "chat/Sessions.ts",
    search: "unwritten.unshift(unfinished.batch)",
    replace: ""
  },
  {
    name: "a partly written batch is returned whole",
    file: "chat/Sessions.ts",
    search: "this.written(peer, unfinished.batch.splitAt(unfinished.taken))",
    replace: ""
  },
  {
    name: "a partly written line counts as written",
    file: "chat/Outbox.ts",
    search: 'this.text.lastIndexOf("\\n", bytes - 1) + 1',
    replace: 'this.text.indexOf("\\n", bytes - 1) + 1'
  },
  {
    name: "a batch counts as written before the kernel took it",
    file: "chat/Connection.ts",
    search: "broker.blocked(peer)\n",
    replace: "broker.blocked(peer); broker.wrote(peer, batch)\n"
  },
  {
    name: "a failed write counts as written",
    file: "chat/Connection.ts",
    search: 'if (taken._tag === "Left") outbox.break("connection-lost")',
    replace: ""
  },
  {
    name: "bytes handed to the socket count as taken by the kernel",
    file: "chat/Connection.ts",
    search: "inHand.text.length - socket.untaken()",
    replace: "inHand.text.length"
  },
  {
    name: "the batch being written is forgotten when the connection breaks",
    file: "chat/Connection.ts",
    search: 'this.peer.outbox.break("connection-lost")',
    replace: 'this.peer.outbox.inHand = undefined; this.peer.outbox.break("connection-lost")'
  },
  {
    name: "an outbox ends while lines of its owner are in flight",
    file: "chat/Sessions.ts",
    search: "if (peer.leaving === undefined || peer.inFlight > 0 || peer.outbox.ended !== undefined) return",
    replace: "if (peer.leaving === undefined || peer.outbox.ended !== undefined) return"
  },
  {
    name: "a leaving sender is not settled when its last line is written",
    file: "chat/Sessions.ts",
    search: "if (sender.inFlight === 0 && sender.leaving !== undefined) settled(sender)",
    replace: ""
  },
  {
    name: "an outcome of a labelled line is lost when its recipient disconnects",
    file: "chat/Routing.ts",
    search: "this.putUndelivered(sender, names, why, 1, label)",
    replace: ""
  },
  {
    name: "a summary of returned lines counts too few",
    file: "chat/Routing.ts",
    search: "untold.count += 1",
    replace: ""
  },
  {
    name: "an answer overtakes the report of returned lines",
    file: "chat/Routing.ts",
    search: "if (peer.untold !== undefined) this.tell(peer)",
    replace: ""
  },
  {
    name: "a disconnected client waits for its own outcomes",
    file: "chat/Outbox.ts",
    search: "if (!this.hasWriter) return",
    replace: ""
  }
]
