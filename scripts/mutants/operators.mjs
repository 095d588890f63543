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
  },
  {
    name: "the environment overrides a server that a flag names",
    file: "cli/settings/ClientFile.ts",
    search: "(serverRank === 0 ? inServer(name) : undefined)",
    replace: "(serverRank < 0 ? inServer(name) : undefined)",
    test: "test/cli/client-settings.test.ts"
  },
  {
    name: "a host that is named takes the Unix socket or the port of the settings file",
    file: "cli/settings/ClientFile.ts",
    search: "isPlace(name) && placeRank < 2",
    replace: "isPlace(name) && placeRank < 0",
    test: "test/cli/client-settings.test.ts"
  },
  {
    name: "the scheme of a place that is not used turns TLS off",
    file: "cli/settings/ClientFile.ts",
    search: '(name === "tls" || name === "port") && !isUsed(at)',
    replace: 'name === "tls" && at < 0',
    test: "test/cli/client-settings.test.ts"
  },
  {
    name: "a Unix socket is connected to with the TLS of another source",
    file: "cli/settings/Places.ts",
    search: 'return own ?? { ...socket, text: "no" }',
    replace: "return own",
    test: "test/cli/Places.test.ts"
  },
  {
    name: "a key of a table is located at the first line with that key",
    file: "cli/settings/SettingsFile.ts",
    search: "const path = [...table, ...names]",
    replace: "const path = [...table.slice(0, 1), ...names]",
    test: "test/cli/client-settings.test.ts"
  }
]
