// Bugs in the adapter of NATS, which only nats-server shows. Imported by main.mjs.
const test = "test/cluster/Nats.test.ts"
const table = "cluster/NatsTable.ts"
const exactWrites = "cluster/NatsExactWrites.ts"
const stuckLeader = "cluster/NatsStuckLeader.ts"

export const mutants = [
  {
    name: "the start of a message in two reads is put before the next one as well",
    file: "cluster/NatsStream.ts",
    search: "      this.rest = undefined\n",
    replace: "      if (line === rest) this.rest = undefined\n",
    test: "test/cluster/NatsStream.test.ts"
  },
  {
    name: "the start of a message lies in the memory of the next read",
    file: "cluster/NatsStream.ts",
    search: "this.rest = Buffer.from(this.withRest(bytes.subarray(at)))",
    replace: "this.rest = this.withRest(bytes.subarray(at))",
    test: "test/cluster/NatsStream.test.ts"
  },
  {
    name: "what the client may keep lies in the memory of the next read",
    file: "cluster/NatsStream.ts",
    search: "this.pass(Buffer.from(bytes.subarray(from, end)))",
    replace: "this.pass(bytes.subarray(from, end))",
    test: "test/cluster/NatsStream.test.ts"
  },
  {
    name: "reads of NATS pause after the first one",
    file: "transport/NodeInternals.ts",
    search: "return true // false would",
    replace: "return false // true would not",
    test: "test/transport/reused-reads.test.ts"
  },
  {
    name: "frames take the way through the client",
    file: "cluster/NatsTap.ts",
    search: "!(socket instanceof Socket) ||",
    replace: "socket instanceof Socket ||",
    test
  },
  {
    name: "a term that three milliseconds do not divide has no watches",
    file: "cluster/NatsJetStream.ts",
    search: "Math.round(heartbeatMillis * 1e6)",
    replace: "heartbeatMillis * 1e6",
    test
  },
  {
    name: "several nodes change an entry of the same revision",
    file: table,
    search: "if (expected === 0 || !this.connection.isClustered) return",
    replace: "if (expected >= 0 || !this.connection.isClustered) return",
    test
  },
  {
    name: "a swap meant for a directory that was lost changes the new one",
    file: table,
    search: "    this.base = this.highest\n",
    replace: "    this.base = 0\n",
    test
  },
  {
    name: "a stream that was emptied in its place is taken for the old one",
    file: table,
    search: "if (prefix === this.prefix && !isShorter) return prefix",
    replace: "if (prefix === this.prefix) return prefix",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a name that was released is first written in vain",
    file: table,
    search: "let expected = this.markerOf.get(key) ?? 0",
    replace: "let expected = 0",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a name whose marker is gone cannot be taken",
    file: table,
    search: "for (let attempt = 0; attempt < 2; attempt++) {",
    replace: "for (let attempt = 0; attempt < 1; attempt++) {",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a claim of a taken name is written in vain",
    file: "cluster/OtherOwners.ts",
    search: "if (entry !== undefined) return yield* this.ofEntry(entry)",
    replace: "if (entry !== undefined) return undefined",
    test: "test/cluster/Claims.test.ts"
  },
  {
    name: "a watch that falls behind the leader goes on as long as its heartbeats come",
    file: "cluster/NatsWatch.ts",
    search: "if (start.isCurrent) void this.check(start).catch(() => {})",
    replace: "if (start.isCurrent) return",
    test: "test/cluster/NatsWatch.test.ts"
  },
  {
    name: "a watch that stands still before it has told everything goes on as long as its heartbeats come",
    file: "cluster/NatsWatch.ts",
    search: "else if (start.number === start.checked) this.begin()",
    replace: "else if (start.number < 0) this.begin()",
    test: "test/cluster/NatsWatch.test.ts"
  },
  {
    name: "a leader that accepts no write leads for ever",
    file: stuckLeader,
    search: "    if (this.isDue) void this.ask()\n",
    replace: "",
    test: "test/cluster/NatsStuckLeader.test.ts"
  },
  {
    name: "a leader that was just elected is asked to stand down",
    file: stuckLeader,
    search: "Math.max(this.failing.since, this.leader?.since ?? -Infinity)",
    replace: "this.failing.since",
    test: "test/cluster/NatsStuckLeader.test.ts"
  },
  {
    name: "a leader whose stream other nodes change all the time is asked to stand down",
    file: stuckLeader,
    search: "    if (isRefused(error, codes.wrongLastSequence)) return\n",
    replace: "",
    test: "test/cluster/NatsStuckLeader.test.ts"
  },
  {
    name: "each node asks a leader that accepts no write to stand down, with every write",
    file: stuckLeader,
    search: "    failing.since = now\n",
    replace: "",
    test: "test/cluster/NatsStuckLeader.test.ts"
  },
  {
    name: "a server that takes only small messages is used",
    file: "cluster/NatsConnection.ts",
    search: "if (!this.isClosed && payload >= minPayload)",
    replace: "if (!this.isClosed)",
    test: "test/cluster/Nats.test.ts"
  },
  {
    name: "a watch starts again whenever the last message was deleted",
    file: "cluster/NatsWatch.ts",
    search: "sequence < start.due && (await this.table.hasAfter(sequence))",
    replace: "sequence < start.due",
    test: "test/cluster/NatsWatch.test.ts"
  },
  {
    name: "a watch goes on although the stream went back",
    file: "cluster/NatsWatch.ts",
    search: "if (sequence <= start.sequence) return this.table.wentBack()",
    replace: "",
    test: "test/cluster/NatsWatch.test.ts"
  },
  {
    name: "a watch that finds out that the stream went back does not say that entries are lost",
    file: "cluster/NatsWatch.ts",
    search: "if (sequence <= start.sequence) return this.table.wentBack()",
    replace: "if (sequence <= start.sequence) return this.begin()",
    test: "test/cluster/NatsWatch.test.ts"
  },
  {
    name: "a stream that has passed a forgotten write is taken for one that has to catch up",
    file: table,
    search: "if (this.base === base && this.last >= revision - base) this.wentBack()",
    replace: "",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a node keeps a name that another one could claim because the engine had lost the first claim",
    file: "cluster/Claims.ts",
    search: "    else if (held !== undefined && held.revision <= revision) this.pending.add(likeness)\n",
    replace: "",
    test: "test/cluster/Claims-forgotten.test.ts"
  },
  {
    name: "a node does not notice that its claim was replaced",
    file: "cluster/NamesElsewhere.ts",
    search: "    } else this.options.foreign(key, revision)\n",
    replace: "    }\n",
    test: "test/cluster/NamesElsewhere.test.ts"
  },
  {
    name: "a node has all its writes on their way at once",
    file: exactWrites,
    search: "if (!this.isBusy) void this.run()",
    replace: "void this.run()",
    test: "test/cluster/NatsExactWrites.test.ts"
  },
  {
    name: "writes that wait go on to a stream that has lost what they are about",
    file: exactWrites,
    search: 'if (write.losses !== this.options.losses()) throw new Error("the directory was lost")',
    replace: "",
    test: "test/cluster/NatsExactWrites.test.ts"
  },
  {
    name: "writes wait one after the other for an engine that does not answer",
    file: exactWrites,
    search: "if (lastSequenceIn(error) === undefined) for",
    replace: "if (error === 0) for",
    test: "test/cluster/NatsExactWrites.test.ts"
  },
  {
    name: "a stream whose servers tell that it has no leader is taken for an empty one",
    file: table,
    search: "if (this.connection.isClustered && info.cluster?.leader === undefined) {",
    replace: "if (false) {",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a stream that was just made anew is deleted because the one before had no leader",
    file: table,
    search: "const since = before === undefined || isAnother ? now : before.since",
    replace: "const since = before?.since ?? now",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "a write to a stream that was emptied in its place has a revision that was used before",
    file: table,
    search: "if (this.base === base && base + sequence <= highest) this.wentBack()",
    replace: "",
    test: "test/cluster/NatsTable.test.ts"
  },
  {
    name: "what a stopped engine does not take is kept without a bound",
    file: "cluster/NatsConnection.ts",
    search: "    if (this.published - this.confirmed >= this.options.maxUnconfirmedBytes) return\n",
    replace: "",
    test
  },
  {
    name: "a connection that is opened while it reconnects has two clients",
    file: "cluster/NatsConnection.ts",
    search: "this.connecting ??= this.connect()",
    replace: "this.connecting = this.connect()",
    test: "test/cluster/NatsConnection.test.ts"
  },
  {
    name: "a connection that is lost again and again fills the log",
    file: "cluster/NatsLosses.ts",
    search: "      yield* Effect.sleep(period)\n",
    replace: "",
    test: "test/cluster/NatsLosses.test.ts"
  },
  {
    name: "a complaint about the addresses of NATS shows the password in them",
    file: "cli/settings/Setting.ts",
    search: 'facts.isSecret === true ? () => "its value" : JSON.stringify',
    replace: "JSON.stringify",
    test: "test/cli/ClusterFlags.test.ts"
  },
  {
    name: "the random word at the end of a delivery's reply subject is read as a number",
    file: "cluster/NatsJetStream.ts",
    search: "words.length < 11 ? 5 : 7",
    replace: "-4",
    test: "test/cluster/NatsJetStream.test.ts"
  }
]
