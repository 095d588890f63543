// Mutants of several lines that are routed as one piece. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a block is added to a full outbox",
    file: "chat/Routing.ts",
    search: "if (!present.every((to) => to.outbox.hasRoom(text.length, lines))) return false",
    replace: "",
    also: {
      file: "chat/Routing.ts",
      search: "if (present.some((to) => to.outbox.full)) return false",
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
    search: "this.account(peer, present.length * lines, present.length * text.length)",
    replace: "this.account(peer, present.length, present.length * text.length)"
  },
  {
    name: "a block is accepted after the shutdown began",
    file: "chat/Routing.ts",
    search:
      "if (peer.closing || peer.leaving !== undefined || outbox.full || outbox.owed || isLimited(peer)) return false",
    replace: "if (outbox.full || outbox.owed || isLimited(peer)) return false"
  }
]
