// Bugs in what is kept, and in how it is counted. Imported by main.mjs.
const kept = "test/chat/memory.test.ts"
const budget = "test/chat/budget.test.ts"

export const mutants = [
  {
    name: "the thread of a store lets the young generation grow",
    file: "cli/V8Heap.ts",
    search: "  if (missingFactor() <= 1) keepYoung()\n",
    replace: "",
    also: { file: "cli/V8Heap.ts", search: "    else keepYoung()\n", replace: "" },
    test: "test/cli/young-generation.test.ts",
    build: true
  },
  {
    name: "a label keeps the read alive that it was sliced from",
    file: "chat/Routing.ts",
    search: "labelled === undefined ? undefined : Wire.copy(labelled.label)",
    replace: "labelled?.label",
    test: kept
  },
  {
    name: "an open batch keeps the reads alive that its lines were sliced from",
    file: "chat/Batch.ts",
    search: "if (this.hasSlices) this.fresh.charCodeAt(0)",
    replace: "",
    test: kept
  },
  {
    name: "a route keeps the read alive that its address was sliced from",
    file: "chat/Directory.ts",
    search: "new KnownRoute(Wire.copy(head), RouteParts.make(found),",
    replace: "new KnownRoute(head, RouteParts.make(found),",
    test: kept
  },
  {
    name: "the outbox of a disconnected client is still counted",
    file: "chat/OutboxLoad.ts",
    search: "this.bounds.budget.used -= this.queueCost",
    replace: ""
  },
  {
    name: "an outcome that came is still counted",
    file: "chat/OutboxLoad.ts",
    search: "this.bounds.budget.used -= outcomeBytes",
    replace: ""
  },
  {
    name: "the unfinished line of a disconnected client is still counted",
    file: "chat/Lifecycle.ts",
    search: "peer.inbox.drop()\n",
    replace: ""
  },
  {
    name: "forgotten routes are still counted",
    file: "chat/Directory.ts",
    search: "this.count(-route.cost)",
    replace: ""
  },
  {
    name: "an outbox may take more memory than is left",
    file: "chat/OutboxLoad.ts",
    search: "lines <= part * bounds.lines && cost <= part * bounds.budget.share",
    replace: "lines <= part * bounds.lines",
    test: budget
  },
  {
    name: "newcomers are accepted when the memory is used up",
    file: "chat/AcceptLoop.ts",
    search: "|| budget.isExhausted",
    replace: "",
    test: budget
  },
  {
    name: "a forgotten route is still counted",
    file: "chat/Directory.ts",
    search: "this.count(-route.cost)",
    replace: ""
  },
  {
    name: "the unfinished line is counted once for each read of it",
    file: "chat/Inbox.ts",
    search: "this.counted = cost",
    replace: "this.counted = this.bytesAhead"
  },
  {
    name: "no connection is closed when the memory budget is overrun",
    file: "chat/Broker.ts",
    search: "if (budget.isOverrun) relieve(state)",
    replace: "",
    test: budget
  },
  {
    name: "a client whose unfinished line finds no memory waits for ever",
    file: "chat/Broker.ts",
    search: 'for (const peer of starved) breakOff(peer, "memory")',
    replace: "void starved",
    test: budget
  },
  {
    name: "an unfinished line may take more memory than is left",
    file: "chat/Inbox.ts",
    search: "this.framing.restBytes > this.budget.share",
    replace: "false",
    test: budget
  },
  {
    name: "routes may take all of the memory",
    file: "chat/Directory.ts",
    search: "Math.min(maxRouteBytes, this.budget.limit * maxRoutePart)",
    replace: "maxRouteBytes",
    test: budget
  },
  {
    name: "idle connections are closed when the memory budget is overrun",
    file: "chat/Broker.ts",
    search: "if (excess <= 0 || costOf(peer) === 0) return",
    replace: "if (excess <= 0) return",
    test: budget
  },
  {
    name: "the young generation stays small after a rest",
    file: "cli/V8Heap.ts",
    search: "  V8.setFlagsFromString(`--semi-space-growth-factor=${Math.max(2, missingFactor())}`)",
    replace: "",
    test: "test/cli/young-generation.test.ts",
    build: true
  },
  {
    name: "the directory looks for its oldest route at each login",
    file: "chat/Directory.ts",
    search: "if (this.used + cost > most) this.makeRoom(most * keptPart)",
    replace: "this.makeRoom(most * keptPart)",
    test: "test/chat/Directory.test.ts"
  }
]
