// Mutants of lines between the broker and the socket: written or returned, exactly. Read by main.mjs, which explains
// the fields.
export const mutants = [
  {
    name: "pending lines are dropped on disconnect",
    file: "chat/Lifecycle.ts",
    search: "const unwritten = [...queued, ...outbox.abandon()]",
    replace: "outbox.abandon()\n    const unwritten = [...queued]"
  },
  {
    name: "queued batches are dropped on disconnect",
    file: "chat/Lifecycle.ts",
    search: "const unwritten = [...queued, ...outbox.abandon()]",
    replace: "const unwritten = [...outbox.abandon()]"
  },
  {
    name: "the batch being written is lost on disconnect",
    file: "chat/Lifecycle.ts",
    search: "unwritten.unshift(batch)",
    replace: ""
  },
  {
    name: "a partly written batch is returned whole",
    file: "chat/Lifecycle.ts",
    search: "batch.splitAt(taken, ",
    replace: "batch.splitAt(0, "
  },
  {
    name: "a partly written line counts as written",
    file: "chat/Batch.ts",
    search: 'this.text.lastIndexOf("\\n", bytes - 1) + 1',
    replace: 'this.text.indexOf("\\n", bytes - 1) + 1'
  },
  {
    name: "a batch counts as written before the kernel took it",
    file: "chat/Connection.ts",
    search: "broker.blocked(peer)\n",
    replace: "broker.blocked(peer); wrote(peer, broker, batch)\n"
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
    replace: 'this.peer.outbox["handed"] = undefined; this.peer.outbox.break("connection-lost")'
  },
  {
    name: "an outbox ends while lines of its owner are in flight",
    file: "chat/Lifecycle.ts",
    search: 'if (phase._tag !== "Leaving" || peer.inFlight > 0 || peer.outbox.ended !== undefined) return',
    replace: 'if (phase._tag !== "Leaving" || peer.outbox.ended !== undefined) return'
  },
  {
    name: "a leaving sender is not settled when its last line is written",
    file: "chat/Settlement.ts",
    search: 'if (sender.inFlight === 0 && sender.phase._tag === "Leaving") settled(sender)',
    replace: ""
  },
  {
    name: "an outcome of a labelled line is lost when its recipient disconnects",
    file: "chat/Replies.ts",
    search: "this.putReturned(sender, names, reason, 1, label, retryMillis)",
    replace: ""
  },
  {
    name: "a summary of returned lines counts too few",
    file: "chat/Replies.ts",
    search: "if (label === undefined && isSame) {\n      pending.count += 1",
    replace: "if (label === undefined && isSame) {"
  },
  {
    name: "an answer overtakes the report of returned lines",
    file: "chat/Replies.ts",
    search: "if (peer.pendingReply !== undefined) this.flushPending(peer)",
    replace: ""
  },
  {
    name: "a disconnected client waits for its own outcomes",
    file: "chat/OutboxLoad.ts",
    search: "if (this.hasWriter && !this.owesWithin(1))",
    replace: "if (!this.owesWithin(1))"
  },
  {
    name: "a writer parks although lines were put after it had looked for some",
    file: "chat/OutboxBatches.ts",
    search: "const batch = this.takeQueued() ?? this.ready()",
    replace: "const batch = this.takeQueued()",
    test: "test/chat/yielding-writer.test.ts"
  },
  {
    name: "a writer waits for a queue that was retracted after it had looked",
    file: "chat/OutboxBatches.ts",
    search: "return batch === undefined ? this.park(writer) : writer.go(batch)",
    replace: "return batch === undefined ? Effect.never : writer.go(batch)",
    test: "test/chat/yielding-writer.test.ts"
  },
  {
    name: "a writer is not woken for what is left to do after a write at the end of a turn",
    file: "chat/OutboxBatches.ts",
    search: "if (rest !== undefined) resume(rest)",
    replace: "if (rest !== undefined && !isEndOfTurn) resume(rest)",
    test: "test/chat/Outbox.test.ts"
  }
]
