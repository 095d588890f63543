// Mutants of the drain and its grace time. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "the drain ends the outboxes while lines are in flight",
    file: "chat/Drain.ts",
    search: "let isSettled = ledger.inFlight === 0",
    replace: "let isSettled = true"
  },
  {
    name: "the drain does not wait for held senders",
    file: "chat/Drain.ts",
    search: 'if (hold !== undefined) return "held"\n',
    replace: "\n",
    also: {
      file: "chat/Drain.ts",
      search: "if (!isShutOut && phase.isHeard) isSettled = false",
      replace: ""
    }
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
  },
  {
    name: "a SIGHUP after the drain kills the server",
    file: "cli/serve/Reload.ts",
    search: "yield* Signals.surviveHangup\n",
    replace: "",
    test: "test/cli/signals.test.ts",
    build: true
  }
]
