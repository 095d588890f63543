// Mutants of what operators see and do. Read by main.mjs, which explains the fields.
export const mutants = [
  {
    name: "a health check is logged like any other connection",
    file: "chat/Connection.ts",
    search: 'inbox.bytesRead === 0 && (reason === "left" || reason === "connection-lost")',
    replace: "inbox.bytesRead < 0 && reason !== undefined",
    test: "test/server/logs.test.ts"
  },
  {
    name: "the log does not name the login that was refused",
    file: "chat/PeerInput.ts",
    search: "peer.refusedLogin = name\n",
    replace: "",
    test: "test/server/logs.test.ts"
  },
  {
    name: "a client that broke its connection before the accept is a warning",
    file: "chat/AcceptLoop.ts",
    search: 'code === "ECONNRESET" || code === "ECONNABORTED"',
    replace: 'code === "ECONNABORTED"',
    test: "test/transport/Proxy.test.ts"
  },
  {
    name: "the facts of events that are not written are collected",
    file: "telemetry/LogEvent.ts",
    search: "|| !get(selection)(level)",
    replace: "",
    test: "test/cli/Log.test.ts"
  }
]
