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
    name: "retry= of a refused line is a millisecond too short",
    file: "chat/TokenBucket.ts",
    search: "return Math.ceil(((1 - epsilon - this.tokens) * 1000) / this.perSecond)",
    replace: "return Math.floor(((1 - epsilon - this.tokens) * 1000) / this.perSecond)"
  },
  {
    name: "a client that sent nothing for long may send more than its burst",
    file: "chat/TokenBucket.ts",
    search: "Math.min(this.burst, this.tokens + ((now - this.filledAt) * this.perSecond) / 1000)",
    replace: "this.tokens + ((now - this.filledAt) * this.perSecond) / 1000"
  },
  {
    name: "a line that the client's rate refuses counts against its address",
    file: "chat/Routing.ts",
    search: "const wait = own > 0 ? own : (hostRate?.take(now) ?? 0)",
    replace: "const wait = Math.max(own, hostRate?.take(now) ?? 0)"
  },
  {
    name: "a line that the rate of the address refuses counts against the client",
    file: "chat/Routing.ts",
    search: "if (own === 0) rate?.putBack()",
    replace: ""
  },
  {
    name: "the clients of one address share no rate",
    file: "chat/HostLimits.ts",
    search: "this.isLimited(host) ? this.find(subscriber(host)).lines : undefined",
    replace:
      "this.isLimited(host) ? TokenBucket.configured(undefined, this.limits.current.ratePerAddress, " +
      "this.limits.current.burstPerAddress, this.now()) : undefined"
  },
  {
    name: "a first line that is too long does not count against the rate",
    file: "chat/PeerInput.ts",
    search: "return routing.mayPass(peer, label) ? lifecycle",
    replace: "return true ? lifecycle"
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
  },
  {
    name: "changed limits give every address and every client a full allowance",
    file: "chat/TokenBucket.ts",
    search: "if (present === undefined) return new TokenBucket(perSecond, burst, now)",
    replace: "if (present !== undefined || present === undefined) return new TokenBucket(perSecond, burst, now)",
    test: "test/chat/HostLimits.test.ts"
  },
  {
    name: "a larger burst gives an address that has used its allowance a new one",
    file: "chat/TokenBucket.ts",
    search: "this.tokens *= burst / this.burst",
    replace: "this.tokens += Math.max(0, burst - this.burst)",
    test: "test/chat/HostLimits.test.ts"
  },
  {
    name: "the end of a server's scope waits for a clock that nobody moves",
    file: "chat/Server.ts",
    search: "isOutOfTime.unsafeOpen()",
    replace: "{}",
    test: "test/chat/forgotten.test.ts"
  },
  {
    name: "the end of a client's scope waits for a clock that nobody moves",
    file: "client/LineConnection.ts",
    search: "Time.onStandstill(clock, () => socket.destroy())",
    replace: "Time.onStandstill(clock, () => {})",
    test: "test/chat/forgotten.test.ts"
  },
  {
    name: "the end of a scope takes a clock that moves for one that stands still",
    file: "ports/Time.ts",
    search: "if (now !== last) {",
    replace: "if (now < last) {",
    test: "test/chat/forgotten.test.ts"
  }
]
