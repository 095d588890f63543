// Mutants of several lines that are routed as one piece. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a block is added to a full outbox",
    file: "chat/Routing.ts",
    search: "if (!outboxes.every((to) => to.hasRoom(text.length, lines))) return false",
    replace: "",
    also: {
      file: "chat/Routing.ts",
      search: "if (outboxes.some((to) => to.isFull)) return false",
      replace: ""
    }
  },
  {
    name: "a block is routed by its first and last line only",
    file: "protocol/WasmRoutines.ts",
    search: "if (lines < 0) return undefined",
    replace:
      "if (lines < 0) return { text: `${replacement}${Buffer.from(block).latin1Slice(prefix.length)}`, lines: 1 }"
  },
  {
    name: "the lines of a block count as one",
    file: "chat/Routing.ts",
    search: "this.accept(peer, outboxes.length * lines, outboxes.length * text.length)",
    replace: "this.accept(peer, outboxes.length, outboxes.length * text.length)",
    test: "test/chat/fast-paths.test.ts"
  },
  {
    name: "a block is accepted after the shutdown began",
    file: "chat/Routing.ts",
    search:
      "if (peer.isShutOut || !peer.phase.isHeard || outbox.isQueueFull || outbox.isOwed || isLimited(peer)) return " +
      "false",
    replace: "if (outbox.isQueueFull || outbox.isOwed || isLimited(peer)) return false"
  },
  {
    name: "the WebAssembly routines see the end of an earlier block",
    file: "protocol/WasmRoutines.ts",
    search: "memory.fill(LF, text.length, text.length + 32)",
    replace: "",
    test: "test/protocol/Block.test.ts"
  },
  {
    name: "the WebAssembly routines count lines of an earlier block",
    file: "protocol/WasmRoutines.ts",
    search: "memory.fill(0, part.length, part.length + vectorBytes)",
    replace: "",
    test: "test/protocol/Block.test.ts"
  },
  {
    name: "the WebAssembly routines do not see the byte after a window",
    file: "protocol/WasmRoutines.ts",
    search: "block.subarray(at, at + textBytes + 1)",
    replace: "block.subarray(at, at + textBytes)",
    test: "test/protocol/Block.test.ts"
  },
  {
    name: "the JavaScript routines overlook C1",
    file: "protocol/PlainRoutines.ts",
    search: "/\\xc2[\\0-\\x9f]/.test(text)",
    replace: "/\\xc2[\\0-\\x7f]/.test(text)",
    test: "test/protocol/Block.test.ts"
  },
  {
    name: "the JavaScript routines overlook white space above ASCII",
    file: "protocol/PlainRoutines.ts",
    search: "isWide(line.charCodeAt(length - 3))",
    replace: "false",
    test: "test/protocol/Block.test.ts"
  },
  {
    name: "a server without WebAssembly does not start",
    file: "protocol/Block.ts",
    search: "return { routines: PlainRoutines, error }",
    replace: "throw error",
    test: "test/faults/no-webassembly.test.ts",
    build: true
  },
  {
    name: "a server without WebAssembly does not warn",
    file: "chat/Server.ts",
    search: "yield* loadRoutines\n",
    replace: "\n",
    test: "test/faults/no-webassembly.test.ts",
    build: true
  }
]
