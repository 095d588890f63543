// Mutants of the transports. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a fiber that waits for the kernel sleeps for ever if others write meanwhile",
    file: "transport/NetSocket.ts",
    search: "else this.awaitWritten()",
    replace: "",
    test: "test/transport/Tcp.test.ts",
    build: true
  },
  {
    name: "time in which the process was stopped counts for the end of a connection",
    file: "transport/NetSocket.ts",
    search: "const lingerSteps = 5",
    replace: "const lingerSteps = 1",
    test: "test/transport/Tcp.test.ts",
    build: true
  },
  {
    name: "bytes that wait in the process count as taken by the kernel",
    file: "transport/NetSocket.ts",
    search: "this.lastUntaken = NodeInternals.queuedBytes(this.socket) ?? this.lastUntaken",
    replace: "this.lastUntaken = 0",
    test: "test/ports/Transport.test.ts"
  },
  {
    name: "a paused socket is read from",
    file: "transport/NetSocket.ts",
    search: "this.socket.pause()",
    replace: "",
    test: "test/ports/Transport.test.ts"
  },
  {
    name: "a reset that arrives with the last bytes passes for an end in order",
    file: "transport/NetSocket.ts",
    search: "if (!this.hasReset()) endings",
    replace: "if (!this.hasReset() || true) endings",
    test: "test/transport/Tcp.test.ts",
    build: true
  },
  {
    name: "a write over TLS that waits behind another counts as untaken for ever",
    file: "transport/TlsSocket.ts",
    search: "if (begin === previousEnd) {",
    replace: "if (false) {",
    test: "test/transport/tls-end.test.ts"
  },
  {
    name: "a TLS connection that was cut short ends in order",
    file: "transport/TlsSocket.ts",
    search: "if (this.wasCutShort) this.socket.destroy(cutShort())",
    replace: "if (false) this.socket.destroy(cutShort())",
    test: "test/transport/tls-end.test.ts"
  },
  {
    name: "a client of a crowd is never read from",
    file: "transport/NetListener.ts",
    search: "release: NodeInternals.readAgain,",
    replace: "release: () => {},",
    test: "test/transport/AcceptedCrowd.test.ts"
  },
  {
    name: "a crowd that never ends waits for ever",
    file: "transport/AcceptedCrowd.ts",
    search: " || this.options.now() - this.since >= maxMillis",
    replace: "",
    test: "test/transport/AcceptedCrowd.test.ts"
  },
  {
    name: "those of a crowd who have not been admitted are lost when the server stops accepting",
    file: "transport/AcceptedCrowd.ts",
    search: "this.admitNext(this.waiting.length)",
    replace: "",
    test: "test/transport/AcceptedCrowd.test.ts"
  },
  {
    name: "a TLS connection that is closed at once sends no close_notify",
    file: "transport/TlsSocket.ts",
    search: "if (ciphertext === undefined || this.isBroken || !super.endsAtOnce()) return false",
    replace: "if (super.endsAtOnce()) return true\n    if (ciphertext === undefined) return false",
    test: "test/transport/tls-end.test.ts"
  },
  {
    name: "what is written right after the handshake overtakes what was written before it",
    file: "transport/HandshakingSocket.ts",
    search: 'return this.unsent === "" ? this.tls : undefined',
    replace: "return this.tls",
    test: "test/transport/tls-handshake.test.ts"
  },
  {
    name: "an IPv4 address that a proxy writes as IPv6 is another host",
    file: "transport/ProxyHeader.ts",
    search: "if (high === undefined || low === undefined) return shortest\n",
    replace: "if (high === undefined || low === undefined || true) return shortest\n",
    test: "test/transport/ProxyHeader.test.ts"
  },
  {
    name: "bytes that arrive together with a PROXY header are lost",
    file: "transport/FirstBytes.ts",
    search: "if (verdict.taken < bytes.length) socket.unshift(bytes.subarray(verdict.taken))",
    replace: "",
    test: "test/transport/Proxy.test.ts"
  },
  {
    name: "the Unix socket of a server that is listening is taken over",
    file: "transport/Unix.ts",
    search: 'return yield* inUse(path, "another server is listening there")',
    replace: "",
    test: "test/server/unix.test.ts"
  },
  {
    name: "TLS 1.2 without forward secrecy is accepted",
    file: "transport/Certificates.ts",
    search: "      ciphers,\n",
    replace: "",
    test: "test/transport/tls-handshake.test.ts"
  },
  {
    name: "the payload of a frame that is not complete is not copied, and is overwritten",
    file: "transport/WebSocketDecoder.ts",
    search: "const payload = new Uint8Array(bytes.subarray(at + headBytes, at + headBytes + short))",
    replace: "const payload = bytes.subarray(at + headBytes, at + headBytes + short)",
    test: "test/transport/WebSocketDecoder.test.ts"
  },
  {
    name: "messages that are taken together come before the rest of the message that they follow",
    file: "protocol/WasmRoutines.ts",
    search: "bytes.set(memory.subarray(resultAt, resultAt + lineBytes), to)",
    replace: "bytes.set(memory.subarray(resultAt, resultAt + lineBytes), 0)",
    test: "test/transport/WebSocketDecoder.test.ts"
  },
  {
    name: "a message that is too long is taken together with others",
    file: "transport/WebSocketDecoder.ts",
    search: "let mayHaveMany = this.maxMessageBytes >= shortMessageBytes",
    replace: "let mayHaveMany = true",
    test: "test/transport/WebSocketDecoder.test.ts"
  },
  {
    name: "messages are taken together within another one",
    file: "transport/WebSocketDecoder.ts",
    search: "if (mayHaveMany && !this.isInMessage) {",
    replace: "if (mayHaveMany && !this.isInFrame) {",
    test: "test/transport/WebSocketDecoder.test.ts"
  },
  {
    name: "slow requests of --web are never closed",
    file: "transport/WebSocket.ts",
    search: 'this.http.emit("listening")',
    replace: "",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "a page of any origin gets a WebSocket",
    file: "transport/WebOrigin.ts",
    search: "return origin === undefined || origins",
    replace: "return origin !== undefined || origins",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "the body of a request for a WebSocket is taken for frames",
    file: "transport/WebSocketHandshake.ts",
    search: "if (hasBody(headers)) return",
    replace: "if (false) return",
    test: "test/server/websocket-upgrade.test.ts"
  },
  {
    name: "bytes that can no longer become UTF-8 are waited for",
    file: "transport/WebSocketDecoder.ts",
    search: " && isPossible(this.sequence)",
    replace: "",
    test: "test/server/autobahn.test.ts"
  },
  {
    name: "the host of a request is not the one in its target",
    file: "transport/WebOrigin.ts",
    search: "request.headers.host = authority",
    replace: "",
    test: "test/server/web-requests.test.ts"
  },
  {
    name: "a line that a WebSocket has not finished counts when it leaves",
    file: "transport/FramedSocket.ts",
    search: "else if (decoder.isWithinLine) socket.fail(close.code ?? CloseCode.normal, unfinished)",
    replace: "",
    test: "test/server/websocket.test.ts"
  }
]
