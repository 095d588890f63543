// Mutants of the parameters of messages, and of the bots that rely on them. Read by main.mjs, which explains the
// fields.
export const mutants = [
  {
    name: "a route with a mixture of forms is not split",
    file: "chat/RouteParts.ts",
    search: "one.suffix === suffix && one.form === form",
    replace: "one.suffix === suffix"
  },
  {
    name: "routes keep the form that a reader had when they were resolved",
    file: "chat/Names.ts",
    search: 'if (phase._tag === "Present") this.changed(name)',
    replace: ""
  },
  {
    name: "a recipient is listed among the others",
    file: "chat/RouteParts.ts",
    search: "other === index || recipient === undefined",
    replace: "recipient === undefined"
  },
  {
    name: "other recipients are listed without end",
    file: "chat/RouteParts.ts",
    search: "const maxListed = 20",
    replace: "const maxListed = 21",
    test: "test/chat/to.test.ts"
  },
  {
    name: "people are marked as programs",
    file: "chat/Routing.ts",
    search: 'LineForm.marksPrograms(form) && peer.words.has("auto")',
    replace: "LineForm.marksPrograms(form)"
  },
  {
    name: "marks are sent to clients that did not ask for them",
    file: "chat/Routing.ts",
    search: 'LineForm.marksPrograms(form) && peer.words.has("auto")',
    replace: 'peer.words.has("auto")'
  },
  {
    name: "exec does not say that it is a program",
    file: "cli/commands/exec.ts",
    search: "...memory, ack: true, auto: true }",
    replace: "...memory, ack: true }",
    test: "test/cli/exec.test.ts",
    build: true
  },
  {
    name: "a bot answers other programs",
    file: "client/LoopGuard.ts",
    search: "if (auto === true) {",
    replace: "if (perSecond < 0) {",
    test: "test/client/LoopGuard.test.ts"
  },
  {
    name: "a bot that is over its rate continues at the rate",
    file: "client/LoopGuard.ts",
    search: 'if (now < sender.pausedUntil) return "Ignore"',
    replace: "",
    test: "test/client/LoopGuard.test.ts"
  },
  {
    name: "a bot reports each failure to its sender",
    file: "client/LoopGuard.ts",
    search: "if (now - sender.remarkedAt < remarkMillis) return false",
    replace: "",
    test: "test/cli/exec.test.ts",
    build: true
  },
  {
    name: "a bot remembers every sender that it ever had",
    file: "client/LoopGuard.ts",
    search: "if (senders.size > maxSenders)",
    replace: "if (senders.size < 0)",
    test: "test/client/LoopGuard.test.ts"
  },
  {
    name: "a client takes a name with blanks on an original server for a name with parameters",
    file: "client/Received.ts",
    search: 'server === "a-chat" ? head.indexOf(" ") : -1',
    replace: 'head.indexOf(" ")',
    test: "test/client/Received.test.ts"
  }
]
