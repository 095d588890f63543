// Mutants of the transports that only real sockets can find. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "the beginning of a line before a reset counts as a line",
    file: "transport/NetSocket.ts",
    search: "if (!this.hasReset()) endings",
    replace: "if (!this.hasReset() || true) endings",
    real: true
  },
  {
    name: "the beginning of a line counts as a line where TLS was cut short",
    file: "transport/TlsSocket.ts",
    search: "if (this.wasCutShort) this.socket.destroy(cutShort())",
    replace: "if (false) this.socket.destroy(cutShort())",
    real: true
  },
  {
    name: "bytes are encoded twice",
    file: "transport/NetSocket.ts",
    search: 'this.socket.write(bytes, "latin1")',
    replace: 'this.socket.write(bytes, "utf8")',
    real: true
  },
  {
    name: "a client that ends its sending half misses what is queued for it",
    file: "transport/NetSocket.ts",
    search: "allowHalfOpen: true",
    replace: "allowHalfOpen: false",
    real: true
  },
  {
    name: "a writer is not woken when the kernel has taken everything",
    file: "transport/NetSocket.ts",
    search: "if (this.socket.writableLength === 0) this.wake()",
    replace: "",
    real: true
  },
  {
    name: "nothing reports that the kernel has taken everything",
    file: "transport/NetSocket.ts",
    search: "if (this.waiting !== undefined) this.awaitWritten()",
    replace: "",
    test: "test/ports/Transport.test.ts"
  },
  {
    name: "an interruption of the program reaches what a connection's fiber has forked",
    file: "chat/Fibers.ts",
    search: "Effect.daemonChildren(Effect.getFiberRefs)",
    replace: "Effect.getFiberRefs",
    also: {
      file: "transport/FramedSocket.ts",
      search: "return this.isBusy ? this.untilTaken() : Effect.void",
      replace: "return this.isBusy ? Effect.raceFirst(this.untilTaken(), Effect.never) : Effect.void"
    },
    test: "test/server/interruption.test.ts"
  },
  {
    name: "a writer waits for the kernel although the peer has closed its WebSocket",
    file: "transport/FramedSocket.ts",
    search: "    this.below.stopWaiting()\n",
    replace: "",
    test: "test/server/websocket.test.ts"
  }
]
