// Mutants of deadlines, clocks and rates. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "deadlines and rates follow the wall clock",
    file: "ports/Time.ts",
    search: "Number(clock.unsafeCurrentTimeNanos()) / 1_000_000",
    replace: "clock.unsafeCurrentTimeMillis()"
  },
  {
    name: "deadlines alone follow the wall clock",
    file: "chat/BrokerState.ts",
    search: "new Watch({ budget, now, options, outboxes, reachability })",
    replace: "new Watch({ budget, now: time.wall, options, outboxes, reachability })"
  },
  {
    name: "rates follow the wall clock",
    file: "chat/BrokerState.ts",
    search: "turn, options, now })",
    replace: "turn, options, now: time.wall })"
  },
  {
    name: "the duration of a connection follows the wall clock",
    file: "chat/Connection.ts",
    search: "now() - peer.openedAt",
    replace: "wall() - peer.since"
  },
  {
    name: "the time in which the process was stopped counts",
    file: "chat/Watch.ts",
    search: "Math.min(this.now() - this.tickBegan, 2 * this.tickMillis)",
    replace: "(this.now() - this.tickBegan)",
    also: { file: "chat/Watch.ts", search: "if (!this.isLate) return\n", replace: "return\n" }
  },
  {
    name: "a tick that comes too late counts as two in time",
    file: "chat/Watch.ts",
    search: "if (!this.isLate) return\n",
    replace: "return\n"
  },
  {
    name: "what happens before the tick that comes too late is dated after it",
    file: "chat/Watch.ts",
    search: "Math.min(this.now() - this.tickBegan, 2 * this.tickMillis)",
    replace: "(this.now() - this.tickBegan)"
  },
  {
    name: "no tick counts on a machine where every tick is late",
    file: "chat/Watch.ts",
    search: "if (wasLate) this.countedMillis += this.tickMillis",
    replace: "void wasLate",
    test: "test/chat/late-ticks.test.ts"
  },
  {
    name: "a line that is too long does not count against the rate",
    file: "chat/Routing.ts",
    search: "else if (this.mayPass(peer, label)) this.replies.refuse(peer, Reply.tooLong",
    replace: "else this.replies.refuse(peer, Reply.tooLong",
    test: "test/chat/rate-limit.test.ts"
  },
  {
    name: "an '@' without a label does not count against the rate",
    file: "chat/Routing.ts",
    search: "else if (this.mayPass(peer, undefined)) this.replies.refuse(peer, why",
    replace: "else this.replies.refuse(peer, why",
    test: "test/chat/rate-limit.test.ts"
  }
]
