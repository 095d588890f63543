// Bugs in questions: what a client waits for while the broker asks somebody else. Imported by main.mjs.
const test = "test/chat/questions.test.ts"

export const mutants = [
  {
    name: "lines overtake the question before them",
    file: "chat/Lifecycle.ts",
    search: "if (peer.hold !== undefined) return\n",
    replace: "",
    test
  },
  {
    name: "the answer to a question of a disconnected client is used",
    file: "chat/Lifecycle.ts",
    search: '_tag === "Login" || _tag === "Present" ? question.answered(exit) : undefined',
    replace: "question.answered(exit)",
    test
  },
  {
    name: "lines after a question are lost when its client disconnects",
    file: "chat/Lifecycle.ts",
    search: "if (next === undefined) this.read(peer)",
    replace: 'if (next === undefined) { if (_tag === "Present") this.read(peer) }',
    test
  },
  {
    name: "the login deadline runs while a login is decided",
    file: "chat/Lifecycle.ts",
    search: "this.broker.watch.loginEnds(peer)\n    const decision",
    replace: "const decision",
    test
  },
  {
    name: "the drain never gives up a question",
    file: "chat/Drain.ts",
    search: "if (lifecycle.giveUpQuestion(peer)) continue\n",
    replace: "",
    test
  },
  {
    name: "the answer to a question that was given up is used",
    file: "chat/Lifecycle.ts",
    search: "if (peer.hold !== question) return\n",
    replace: "",
    test
  },
  {
    name: "a defect in a question leaves its client waiting",
    file: "chat/Lifecycle.ts",
    search: "this.broker.defective(peer, exit.cause)",
    replace: "",
    test
  }
]
