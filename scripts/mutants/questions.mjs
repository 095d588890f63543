// Bugs in questions: what a client waits for while the broker asks somebody else. Imported by main.mjs.
const test = "test/chat/questions.test.ts"

export const mutants = [
  {
    name: "lines overtake the question before them",
    file: "chat/PeerInput.ts",
    search: "if (peer.hold !== undefined || peer.isQueued) return\n",
    replace: "if (peer.isQueued) return\n",
    store: true
  },
  {
    name: "lines after a question are lost when its client disconnects",
    file: "chat/PeerInput.ts",
    search: "if (next === undefined) this.read(peer)",
    replace: 'if (next === undefined) { if (_tag === "Present") this.read(peer) }',
    test
  },
  {
    name: "the login deadline runs while a login is decided",
    file: "chat/PeerInput.ts",
    search: "this.broker.watch.loginEnds(peer)\n    const { device, name, secret }",
    replace: "const { device, name, secret }",
    test
  },
  {
    name: "the drain never gives up a question",
    file: "chat/Drain.ts",
    search: "input.giveUpQuestion(peer)\n",
    replace: "\n",
    test
  },
  {
    name: "the answer to a question that was given up is used",
    file: "chat/PeerInput.ts",
    search: "if (peer.hold !== question) return\n",
    replace: "",
    test
  },
  {
    name: "a defect in a question leaves its client waiting",
    file: "chat/PeerInput.ts",
    search: "this.broker.defective(peer, exit.cause)",
    replace: "",
    test
  },
  {
    name: "a question holds up the cut-off of the lines for its client",
    file: "chat/Drain.ts",
    search: 'if (hasLines) breakOff(peer, "cut-off")',
    replace: 'if (hasLines && peer.name !== "bob") breakOff(peer, "cut-off")',
    test
  },
  {
    name: "a question is asked for a client that has gone",
    file: "chat/PeerInput.ts",
    search: "if (peer.isOver) return undefined // the answer would have no reader",
    replace: "",
    test
  },
  {
    name: "an outbox without a socket is never jammed",
    file: "chat/Watch.ts",
    search: "[...this.jammed(now), ...this.jammedOthers(now)]",
    replace: "this.jammed(now)",
    test: "test/chat/features.test.ts"
  },
  {
    name: "the lines of an outbox without a socket are not cut off",
    file: "chat/Drain.ts",
    search: 'lifecycle.surrender(outbox, "cut-off")',
    replace: "",
    test: "test/chat/features.test.ts"
  },
  {
    name: "the senders held by an outbox stay held when it is cut off",
    file: "chat/Drain.ts",
    search: "outbox.jam()\n",
    replace: "\n",
    test: "test/chat/features.test.ts"
  }
]
