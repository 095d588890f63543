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
  },
  {
    name: "a mistyped flag before the text is sent as text",
    file: "cli/help/CommandLine.ts",
    search: "(!isInside || DidYouMean",
    replace: '(takes !== "text" || DidYouMean',
    test: "test/cli/CommandLine.test.ts"
  },
  {
    name: "a mistyped flag after the text is sent as text",
    file: "cli/help/CommandLine.ts",
    search: "(!isInside || DidYouMean.nearest(name, [...forms.keys()]) !== undefined)",
    replace: "!isInside",
    test: "test/cli/CommandLine.test.ts"
  },
  {
    name: "the variables of Kubernetes are warnings",
    file: "cli/settings/Variables.ts",
    search: "if (ofKubernetes.test(variable) || isKubernetesPort(variable, text)) return []",
    replace: "",
    test: "test/cli/Variables.test.ts"
  },
  {
    name: "the ACHAT_PORT of Kubernetes is taken for a port",
    file: "cli/settings/Sources.ts",
    search: 'if (text === "" || Variables.isKubernetesPort(place, text))',
    replace: 'if (text === "")',
    test: "test/cli/Variables.test.ts",
    build: true
  }
]
